// SPDX-License-Identifier: GPL-2.0-only
//! Events that wake a run early.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::thread;
use std::time::Duration;

use anyhow::{Context, Result};
use nix::sys::signal::{SigSet, Signal};

use crate::kernel::{privileges, sys};

/// The reason why a wait ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Wake {
    /// SIGINT or SIGTERM.
    Stop,
    /// SIGHUP. Those that came together count once.
    Reload,
    /// [`Waker::sender`] was told that a part of a reload is done.
    ReloadGoesOn,
    /// The same, that addresses have changed.
    HostChanged,
    Timeout,
}

const IGNORED: [Signal; 4] = [Signal::SIGUSR1, Signal::SIGUSR2, Signal::SIGXFSZ, Signal::SIGTTOU];

/// Wakes a run.
pub struct Waker {
    receive: Receiver<Wake>,
    send: Sender<Wake>,
    reload_is_due: Arc<AtomicBool>,
}

impl Waker {
    /// From now on SIGINT, SIGTERM and SIGHUP wake the run instead of ending the process. The signals of
    /// [`IGNORED`] do nothing: the protection outlives a limit on files, and a signal that was meant for others.
    ///
    /// Call it while the process has one thread: only threads that are made later leave SIGHUP to it.
    pub fn install() -> Result<Self> {
        let (send, receive) = channel();
        let reload_is_due = Arc::new(AtomicBool::new(false));
        // ctrlc's handler cannot tell SIGHUP from the others. So it is blocked, and a thread waits for it.
        let hangup = SigSet::from(Signal::SIGHUP);
        hangup.thread_block().context("cannot listen for SIGHUP")?;
        let (reload, stop) = ((send.clone(), reload_is_due.clone()), send.clone());
        privileges::with_only(&privileges::OF_A_RUN, move || {
            watch_hangups(hangup, reload.0, reload.1).context("cannot listen for SIGHUP")?;
            ctrlc::set_handler(move || {
                // Fails only if nobody waits any more, as the run is ending.
                let _ = stop.send(Wake::Stop);
            })
            .context("cannot listen for signals")
        })??;
        sys::ignore(&IGNORED).context("cannot ignore signals")?;
        Ok(Self { receive, send, reload_is_due })
    }

    /// For other threads to wake the run.
    pub fn sender(&self) -> Sender<Wake> {
        self.send.clone()
    }

    pub fn wait(&self, time: Duration) -> Wake {
        let wake = match self.receive.recv_timeout(time) {
            Ok(wake) => wake,
            Err(RecvTimeoutError::Timeout) => Wake::Timeout,
            // Impossible, as we hold a sender ourselves.
            Err(RecvTimeoutError::Disconnected) => Wake::Stop,
        };
        if wake == Wake::Reload {
            // Before the configuration is read: a signal that comes from now on asks for another look.
            self.reload_is_due.store(false, Ordering::SeqCst);
        }
        wake
    }
}

/// `hangup` is blocked.
fn watch_hangups(hangup: SigSet, send: Sender<Wake>, reload_is_due: Arc<AtomicBool>) -> Result<()> {
    let watch = move || {
        while hangup.wait().is_ok() {
            let is_first = !reload_is_due.swap(true, Ordering::SeqCst);
            if is_first && send.send(Wake::Reload).is_err() {
                return;
            }
        }
    };
    thread::Builder::new().name("hangups".into()).spawn(watch)?;
    Ok(())
}
