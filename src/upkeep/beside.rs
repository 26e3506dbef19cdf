// SPDX-License-Identifier: GPL-2.0-only
//! Work beside the upkeep. What may take its time must not hold up the looks at the host: what the program knows of it
//! would get old.

use std::sync::mpsc::{Receiver, TryRecvError, channel};
use std::thread;
use std::time::Duration;

use anyhow::{Context, Result};

/// One piece of work at a time, in a thread of its own.
#[derive(Debug)]
pub struct Beside<T> {
    /// None: there is nothing to do.
    outcome: Option<Receiver<T>>,
}

impl<T> Default for Beside<T> {
    fn default() -> Self {
        Self { outcome: None }
    }
}

impl<T: Send + 'static> Beside<T> {
    /// There is work, or its outcome was not taken yet.
    pub fn is_busy(&self) -> bool {
        self.outcome.is_some()
    }

    /// Begins the work; what was begun before, nobody will hear of. `after` is called when the outcome is there.
    pub fn start(
        &mut self,
        name: &str,
        work: impl FnOnce() -> T + Send + 'static,
        after: impl FnOnce() + Send + 'static,
    ) -> Result<()> {
        let (send, outcome) = channel();
        let work = move || {
            // Fails only if nobody wants to know any more, as the run has ended.
            let _ = send.send(work());
            after();
        };
        let started = thread::Builder::new().name(name.into()).spawn(work);
        started.context("there can be no further thread")?;
        self.outcome = Some(outcome);
        Ok(())
    }

    /// What came of it, once. None: nothing yet.
    pub fn outcome(&mut self) -> Option<T> {
        match self.outcome.as_ref()?.try_recv() {
            Err(TryRecvError::Empty) => None,
            done => {
                self.outcome = None;
                done.ok()
            }
        }
    }

    /// The same, after a wait of at most this time.
    pub fn wait(&mut self, time: Duration) -> Option<T> {
        let outcome = self.outcome.as_ref()?.recv_timeout(time).ok()?;
        self.outcome = None;
        Some(outcome)
    }
}
