// SPDX-License-Identifier: GPL-2.0-only
//! The work is done in a child process. However it ends, by a signal or a panic, this process cleans up
//! after it.

use std::env;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Command, ExitCode, ExitStatus};
use std::sync::mpsc::channel;
use std::thread;

use anyhow::{Context, Result, ensure};
use nix::sys::signal::{Signal, killpg};
use nix::unistd::Pid;

/// Directories that are not in PATH after `su` without a dash.
const MORE_PATHS: &str = "/usr/local/sbin:/usr/sbin:/sbin";

/// The end of the process that did the work.
#[derive(Debug, Clone, Copy)]
pub enum Ended {
    /// By itself, with this status.
    ByItself(ExitStatus),
    /// It was killed after Ctrl-C, SIGTERM or SIGHUP.
    Interrupted,
}

impl Ended {
    /// If it was interrupted, the same as a shell's for SIGINT.
    pub fn exit_code(self) -> ExitCode {
        match self {
            Self::ByItself(status) if status.success() => ExitCode::SUCCESS,
            Self::ByItself(_) => ExitCode::FAILURE,
            Self::Interrupted => ExitCode::from(130),
        }
    }
}

/// Runs this program again, for an action with its options in the network of this name.
pub fn run_again(action: &[&str], network: &str, binary: &Path) -> Result<Ended> {
    // None: a signal.
    let (send, receive) = channel();
    let interrupt = send.clone();
    ctrlc::set_handler(move || {
        // Fails only if nothing waits any more.
        let _ = interrupt.send(None);
    })
    .context("cannot listen for signals")?;

    let path = env::var("PATH").unwrap_or_default();
    let mut command = Command::new(env::current_exe().context("cannot find this program")?);
    command.args(action).args(["--network", network]).arg(binary);
    command.env("PATH", format!("{path}:{MORE_PATHS}"));
    command.env("LC_ALL", "C"); // decimal points in the output of tools
    // Its own process group, so that Ctrl-C comes only here, and one signal ends everything it started.
    let mut child = command.process_group(0).spawn().context("cannot start this program again")?;
    let group = Pid::from_raw(child.id() as i32);
    thread::spawn(move || send.send(Some(child.wait())));

    if let Some(status) = receive.recv()? {
        let status = status?;
        ensure!(status.code().is_some(), "{} was ended: {status}", action[0]);
        return Ok(Ended::ByItself(status));
    }
    // Fails only if it has just ended.
    let _ = killpg(group, Signal::SIGKILL);
    while receive.recv()?.is_none() {} // another Ctrl-C
    Ok(Ended::Interrupted)
}
