// SPDX-License-Identifier: GPL-2.0-only
//! `--restore-sysctls`, which no user types: the process that restores the kernel's settings after the
//! end of the run that started it. See [`crate::upkeep::sysctls`].

use std::fs::{File, TryLockError};
use std::io::{self, Read, Write};
use std::thread;
use std::time::Duration;

use anyhow::{Context, Result, anyhow};
use nix::sys::signal::Signal;

use crate::kernel::sys;
use crate::kernel::sysctl::Change;
use crate::upkeep::sysctls::{DONE, LOCK, READY, WAITING};

/// If another keeper's change lies on top of ours, it must be undone first. The pause between two
/// tries.
const TRIES: u32 = 20;
const PAUSE: Duration = Duration::from_millis(100);

/// `changes` as [`Change`] shows them.
pub fn keep(changes: &[String]) -> Result<()> {
    let mut changes = changes
        .iter()
        .map(|change| change.parse().map_err(|error: String| anyhow!(error)))
        .collect::<Result<Vec<Change>>>()?;
    // A service manager sends the signals that end a run to this process too.
    let signals: Vec<Signal> = Signal::iterator().filter(can_be_ignored).collect();
    sys::ignore(&signals).context("cannot ignore signals")?;
    let lock = File::open(LOCK).context("cannot lock this network namespace's settings")?;
    say(READY);
    wait_for_the_run();

    if let Err(TryLockError::WouldBlock) = lock.try_lock() {
        say(WAITING);
    }
    for _ in 0..TRIES {
        lock.lock().context("cannot lock this network namespace's settings")?;
        changes.retain(|change| !undo(change));
        lock.unlock().context("cannot unlock this network namespace's settings")?;
        say(DONE);
        if changes.is_empty() {
            break;
        }
        thread::sleep(PAUSE);
    }
    Ok(())
}

/// False for those that the kernel lets nobody ignore, and for faults.
fn can_be_ignored(signal: &Signal) -> bool {
    use Signal::*;
    !matches!(signal, SIGKILL | SIGSTOP | SIGSEGV | SIGBUS | SIGILL | SIGFPE)
}

/// Returns when the run has ended: that closes our input.
fn wait_for_the_run() {
    // Nothing is written to it, and an error is an end as well.
    let _ = io::stdin().read_to_end(&mut Vec::new());
}

/// False while the setting is neither as the run set it nor as before: another keeper may yet undo its
/// change.
fn undo(change: &Change) -> bool {
    match change.undo() {
        Ok(is_undone) => is_undone,
        Err(error) => {
            say(&format!("{error:#}"));
            true
        }
    }
}

/// Writes to the run, if it still listens.
fn say(line: &str) {
    let mut out = io::stdout().lock();
    let _ = writeln!(out, "{line}").and_then(|()| out.flush());
}
