// SPDX-License-Identifier: GPL-2.0-only
//! The wish to stop.

use std::fs;
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::time::Duration;

use anyhow::{Context, Result};
use nix::sys::signal::Signal;

use crate::sys;

/// Heard from SIGINT, SIGTERM and SIGHUP.
pub struct StopSignal(Receiver<()>);

impl StopSignal {
    /// From now on these signals no longer end the process by themselves. A SIGHUP that was ignored
    /// before stays so: under nohup the protection outlives the terminal.
    pub fn install() -> Result<Self> {
        let hangup_ignored = is_ignored(Signal::SIGHUP);
        let (send, receive) = channel();
        ctrlc::set_handler(move || {
            // Fails only when nobody waits any more: then we are stopping already.
            let _ = send.send(());
        })
        .context("cannot listen for signals")?;
        if hangup_ignored {
            sys::ignore_hangup().context("cannot go on ignoring SIGHUP")?;
        }
        Ok(Self(receive))
    }

    /// Waits; true: stop now.
    pub fn wait(&self, time: Duration) -> bool {
        !matches!(self.0.recv_timeout(time), Err(RecvTimeoutError::Timeout))
    }
}

/// The mask of ignored signals, in hexadecimal, see proc_pid_status(5).
fn is_ignored(signal: Signal) -> bool {
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let mask = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    let mask = mask.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok()).unwrap_or(0);
    mask & 1 << (signal as i32 - 1) != 0
}
