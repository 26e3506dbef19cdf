// SPDX-License-Identifier: GPL-2.0-only
//! Events that wake a run early.

use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::time::Duration;

use anyhow::{Context, Result};
use nix::sys::signal::Signal;

use crate::kernel::sys;

/// The reason why a wait ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Wake {
    /// SIGINT or SIGTERM.
    Stop,
    /// [`Waker::sender`] was told that addresses have changed.
    HostChanged,
    Timeout,
}

const IGNORED: [Signal; 5] =
    [Signal::SIGHUP, Signal::SIGUSR1, Signal::SIGUSR2, Signal::SIGXFSZ, Signal::SIGTTOU];

/// Wakes a run.
pub struct Waker {
    receive: Receiver<Wake>,
    send: Sender<Wake>,
}

impl Waker {
    /// From now on SIGINT and SIGTERM wake the run instead of ending the process. The signals of
    /// [`IGNORED`] do nothing: the protection outlives a terminal, a limit on files, and a signal that
    /// was meant for others.
    pub fn install() -> Result<Self> {
        let (send, receive) = channel();
        let stop = send.clone();
        ctrlc::set_handler(move || {
            // Fails only if nobody waits any more, as the run is ending.
            let _ = stop.send(Wake::Stop);
        })
        .context("cannot listen for signals")?;
        sys::ignore(&IGNORED).context("cannot ignore signals")?;
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
            // Impossible, as we hold a sender ourselves.
            Err(RecvTimeoutError::Disconnected) => Wake::Stop,
        }
    }
}
