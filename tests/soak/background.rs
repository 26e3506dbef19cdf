// SPDX-License-Identifier: GPL-2.0-only
//! Threads that run during all phases.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, JoinHandle};

/// Tells a background thread that the run is over.
#[derive(Clone, Default)]
pub struct Stop(Arc<AtomicBool>);

impl Stop {
    pub fn is_set(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }
}

/// A thread that ends when this value is dropped.
pub struct Background<T> {
    name: &'static str,
    stop: Stop,
    thread: Option<JoinHandle<T>>,
}

impl<T: Send + 'static> Background<T> {
    pub fn spawn(name: &'static str, work: impl FnOnce(&Stop) -> T + Send + 'static) -> Self {
        let stop = Stop::default();
        let seen = stop.clone();
        Self { name, stop, thread: Some(thread::spawn(move || work(&seen))) }
    }

    /// Fails if the thread has ended: before it is told to stop, only a failed assertion ends it.
    pub fn check(&self) {
        let ended = self.thread.as_ref().is_none_or(JoinHandle::is_finished);
        assert!(!ended, "{} failed, as said above", self.name);
    }

    pub fn finish(mut self) -> T {
        self.check();
        self.stop.0.store(true, Ordering::Relaxed);
        let thread = self.thread.take().unwrap();
        thread.join().unwrap_or_else(|_| panic!("{} failed, as said above", self.name))
    }
}

impl<T> Drop for Background<T> {
    fn drop(&mut self) {
        self.stop.0.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            // The failure that led here has already been reported.
            let _ = thread.join();
        }
    }
}
