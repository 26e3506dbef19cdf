// SPDX-License-Identifier: GPL-2.0-only
//! Sends frames as fast as one thread can, or at a given rate.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use crate::pair::Pair;
use crate::wire::Wire;

/// Sends frames in a thread, until it is dropped.
pub struct Forger {
    stop: Arc<AtomicBool>,
    sent: Arc<AtomicU64>,
    thread: Option<JoinHandle<()>>,
}

impl Forger {
    /// Sends these frames one after the other, again and again, so many per second. None: as fast as it
    /// can.
    pub fn start(pair: &Pair, interface: &str, frames: Vec<Vec<u8>>, per_second: Option<u64>) -> Self {
        let wire = Wire::open(&pair.client, interface).unwrap();
        let (stop, sent) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicU64::new(0)));
        let (is_over, count) = (stop.clone(), sent.clone());
        let thread = thread::spawn(move || {
            let start = Instant::now();
            for frame in frames.iter().cycle() {
                let sent = count.load(Ordering::Relaxed);
                if let Some(per_second) = per_second {
                    wait_until(
                        start + Duration::from_secs_f64(sent as f64 / per_second as f64),
                        &is_over,
                    );
                }
                if is_over.load(Ordering::Relaxed) {
                    break;
                }
                match wire.send(frame) {
                    Err(error) if error.raw_os_error() == Some(libc::ENOBUFS) => continue,
                    sent => sent.unwrap(),
                }
                count.fetch_add(1, Ordering::Relaxed);
            }
        });
        Self { stop, sent, thread: Some(thread) }
    }

    /// How many frames it has sent until now.
    pub fn sent(&self) -> u64 {
        self.sent.load(Ordering::Relaxed)
    }

    /// How many frames it has sent.
    pub fn stop(mut self) -> u64 {
        self.end();
        self.sent()
    }

    fn end(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            thread.join().unwrap();
        }
    }
}

impl Drop for Forger {
    fn drop(&mut self) {
        self.end();
    }
}

fn wait_until(time: Instant, is_over: &AtomicBool) {
    const STEP: Duration = Duration::from_millis(10);
    while !is_over.load(Ordering::Relaxed) {
        match time.saturating_duration_since(Instant::now()) {
            Duration::ZERO => break,
            left => thread::sleep(left.min(STEP)),
        }
    }
}
