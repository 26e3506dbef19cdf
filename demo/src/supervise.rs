// SPDX-License-Identifier: GPL-2.0-only
//! The work is done in a process of its own, so that however it ends, by a signal or a panic, somebody is
//! left who cleans up behind it.

use std::env;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Command, ExitCode, ExitStatus};
use std::sync::mpsc::channel;
use std::thread;

use anyhow::{Context, Result, ensure};
use nix::sys::signal::{Signal, killpg};
use nix::unistd::Pid;

/// Where `su` without a dash does not look.
const MORE_PATHS: &str = "/usr/local/sbin:/usr/sbin:/sbin";

/// How the process that did the work ended.
#[derive(Debug, Clone, Copy)]
pub enum Ended {
    /// As it wanted.
    ByItself(ExitStatus),
    /// By Ctrl-C, SIGTERM or SIGHUP: it was killed.
    Interrupted,
}

impl Ended {
    /// A shell's for SIGINT, where it was interrupted.
    pub fn exit_code(self) -> ExitCode {
        match self {
            Self::ByItself(status) if status.success() => ExitCode::SUCCESS,
            Self::ByItself(_) => ExitCode::FAILURE,
            Self::Interrupted => ExitCode::from(130),
        }
    }
}

/// Has this program do an action in the network of this name.
pub fn run_again(action: &str, network: &str, binary: &Path) -> Result<Ended> {
    // None: a signal.
    let (send, receive) = channel();
    let interrupt = send.clone();
    ctrlc::set_handler(move || {
        // Fails only when nobody waits any more.
        let _ = interrupt.send(None);
    })
    .context("cannot listen for signals")?;

    let path = env::var("PATH").unwrap_or_default();
    let mut command = Command::new(env::current_exe().context("cannot find this program")?);
    command.args([action, "--network", network]).arg(binary);
    command.env("PATH", format!("{path}:{MORE_PATHS}"));
    command.env("LC_ALL", "C"); // a dot in the decimal fractions that tools print
    // Of its own, so that Ctrl-C comes only here, and one signal ends all that it has started.
    let mut child = command.process_group(0).spawn().context("cannot start this program again")?;
    let group = Pid::from_raw(child.id() as i32);
    thread::spawn(move || send.send(Some(child.wait())));

    if let Some(status) = receive.recv()? {
        let status = status?;
        ensure!(status.code().is_some(), "{action} was ended: {status}");
        return Ok(Ended::ByItself(status));
    }
    // Fails only if it has ended just now.
    let _ = killpg(group, Signal::SIGKILL);
    while receive.recv()?.is_none() {} // Ctrl-C again
    Ok(Ended::Interrupted)
}
