// SPDX-License-Identifier: GPL-2.0-only
//! The pure headers of the BPF program, callable from Rust: see `tests/`.

use std::ffi::c_int;
use std::sync::atomic::AtomicU64;

unsafe extern "C" {
    fn host_bucket_take(full_at: *mut u64, interval_ns: u64, capacity_ns: u64, now: u64) -> c_int;
    fn host_bucket_after_first(interval_ns: u64, capacity_ns: u64, now: u64) -> u64;
    fn host_bucket_missing(full_at: u64, now: u64) -> u64;
}

/// What `bucket_take()` answers: enum bucket_answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Answer {
    Taken,
    Empty,
    Contended,
}

/// `struct limit`.
#[derive(Debug, Clone, Copy)]
pub struct Limit {
    pub interval_ns: u64,
    pub capacity_ns: u64,
}

impl Limit {
    pub fn new(burst: u64, interval_ns: u64) -> Self {
        Self { interval_ns, capacity_ns: burst * interval_ns }
    }

    /// The word of a full bucket after one token is taken.
    pub fn after_first(self, now: u64) -> u64 {
        // SAFETY: no pointers.
        unsafe { host_bucket_after_first(self.interval_ns, self.capacity_ns, now) }
    }

    pub fn take(self, full_at: &AtomicU64, now: u64) -> Answer {
        // SAFETY: the word outlives the call, and C too changes it only atomically.
        let answer =
            unsafe { host_bucket_take(full_at.as_ptr(), self.interval_ns, self.capacity_ns, now) };
        match answer {
            0 => Answer::Taken,
            1 => Answer::Empty,
            2 => Answer::Contended,
            other => panic!("bucket_take() answered {other}"),
        }
    }
}

/// How far ahead of `now` a bucket is full again, ns.
pub fn missing(full_at: u64, now: u64) -> u64 {
    // SAFETY: no pointers.
    unsafe { host_bucket_missing(full_at, now) }
}
