// SPDX-License-Identifier: GPL-2.0-only
//! What wakes a run before its time.

use std::fs;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::time::Duration;

use anyhow::{Context, Result};
use nix::sys::signal::Signal;

use crate::sys;

/// Why a wait ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Wake {
    /// SIGINT, SIGTERM or SIGHUP.
    Stop,
    /// [`Waker::sender`] was told that addresses have changed.
    HostChanged,
    Timeout,
}

/// Wakes a run.
pub struct Waker {
    receive: Receiver<Wake>,
    send: Sender<Wake>,
}

impl Waker {
    /// From now on these signals no longer end the process by themselves. A SIGHUP that was ignored
    /// before stays so: under nohup the protection outlives the terminal.
    pub fn install() -> Result<Self> {
        let hangup_ignored = is_ignored(Signal::SIGHUP);
        let (send, receive) = channel();
        let stop = send.clone();
        ctrlc::set_handler(move || {
            // Fails only when nobody waits any more: then we are stopping already.
            let _ = stop.send(Wake::Stop);
        })
        .context("cannot listen for signals")?;
        if hangup_ignored {
            sys::ignore_hangup().context("cannot go on ignoring SIGHUP")?;
        }
        Ok(Self { receive, send })
    }

    /// For other threads to wake the run.
    pub fn sender(&self) -> Sender<Wake> {
        self.send.clone()
    }

    pub fn wait(&self, time: Duration) -> Wake {
        match self.receive.recv_timeout(time) {
            Ok(wake) => wake,
            Err(RecvTimeoutError::Timeout) => Wake::Timeout,
            // Cannot be, as we hold a sender ourselves.
            Err(RecvTimeoutError::Disconnected) => Wake::Stop,
        }
    }
}

/// The mask of ignored signals, in hexadecimal, see proc_pid_status(5).
fn is_ignored(signal: Signal) -> bool {
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let mask = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    let mask = mask.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok()).unwrap_or(0);
    mask & 1 << (signal as i32 - 1) != 0
}
