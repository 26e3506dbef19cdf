// SPDX-License-Identifier: GPL-2.0-only
//! The pure headers of the BPF program, callable from Rust, see `tests/`.

pub mod advice;
pub mod cookie;
pub mod options;
pub mod siphash;

use std::ffi::c_int;
use std::sync::atomic::AtomicU64;

unsafe extern "C" {
    fn host_bucket_take(
        full_at: *mut u64,
        interval_ns: u64,
        capacity_ns: u64,
        now: u64,
        wait_ns: *mut u64,
    ) -> c_int;
    fn host_bucket_after_first(interval_ns: u64, capacity_ns: u64, now: u64) -> u64;
    fn host_bucket_missing(full_at: u64, now: u64) -> u64;
    fn host_bucket_charge(full_at: *mut u64, interval_ns: u64, capacity_ns: u64, now: u64);
    fn host_contended_charge(full_at: *mut u64, interval_ns: u64, capacity_ns: u64, now: u64);
    fn host_contended_take(full_at: *mut u64, interval_ns: u64, capacity_ns: u64, now: u64) -> c_int;
    fn host_bucket_wait(full_at: *const u64, interval_ns: u64, capacity_ns: u64, now: u64) -> u64;
    fn host_bucket_rescale(full_at: u64, from: *const Limit, to: *const Limit, now: u64) -> u64;
    fn host_bucket_rescale_at(full_at: *mut u64, from: *const Limit, to: *const Limit, now: u64);
}

/// The answer of `bucket_take()`: enum bucket_answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Answer {
    Taken,
    Empty,
    Contended,
}

/// `struct limit`.
#[repr(C)]
#[derive(Debug, Clone, Copy)]
pub struct Limit {
    pub interval_ns: u64,
    pub capacity_ns: u64,
}

pub const NO_LIMIT: Limit = Limit { interval_ns: 0, capacity_ns: 0 };

impl Limit {
    pub fn new(burst: u64, interval_ns: u64) -> Self {
        Self { interval_ns, capacity_ns: burst * interval_ns }
    }

    /// The word of a full bucket after the first token was taken.
    pub fn after_first(self, now: u64) -> u64 {
        // SAFETY: no pointers.
        unsafe { host_bucket_after_first(self.interval_ns, self.capacity_ns, now) }
    }

    pub fn take(self, full_at: &AtomicU64, now: u64) -> Answer {
        self.take_or_wait(full_at, now).0
    }

    /// The second value is for an empty bucket: the time from `now` until it holds a token, in ns.
    pub fn take_or_wait(self, full_at: &AtomicU64, now: u64) -> (Answer, u64) {
        let Self { interval_ns, capacity_ns } = self;
        let mut wait_ns = 0;
        // SAFETY: both words outlive the call, and C also changes the bucket's word only atomically.
        let answer =
            unsafe { host_bucket_take(full_at.as_ptr(), interval_ns, capacity_ns, now, &mut wait_ns) };
        (answer_of(answer), wait_ns)
    }

    /// Takes a token that may not be there.
    pub fn charge(self, full_at: &AtomicU64, now: u64) {
        // SAFETY: the word outlives the call, and C also changes it only atomically.
        unsafe { host_bucket_charge(full_at.as_ptr(), self.interval_ns, self.capacity_ns, now) }
    }

    /// [`Self::charge`], while another CPU charges the same in every round, and is faster.
    pub fn charge_contended(self, full_at: &mut u64, now: u64) {
        // SAFETY: the word outlives the call.
        unsafe { host_contended_charge(full_at, self.interval_ns, self.capacity_ns, now) }
    }

    /// [`Self::take`], the same way.
    pub fn take_contended(self, full_at: &mut u64, now: u64) -> Answer {
        // SAFETY: the word outlives the call.
        answer_of(unsafe { host_contended_take(full_at, self.interval_ns, self.capacity_ns, now) })
    }

    /// The word of a bucket of this limit once it has the limit `to`.
    pub fn rescale(self, to: Self, full_at: u64, now: u64) -> u64 {
        // SAFETY: both limits outlive the call, and have C's layout.
        unsafe { host_bucket_rescale(full_at, &self, &to, now) }
    }

    /// [`Self::rescale`] in place.
    pub fn rescale_at(self, to: Self, full_at: &AtomicU64, now: u64) {
        // SAFETY: as above; C also changes the word only atomically.
        unsafe { host_bucket_rescale_at(full_at.as_ptr(), &self, &to, now) }
    }

    /// The time from `now` until the bucket holds a token, in ns.
    pub fn wait(self, full_at: &AtomicU64, now: u64) -> u64 {
        // SAFETY: the word outlives the call, which reads it once.
        unsafe { host_bucket_wait(full_at.as_ptr(), self.interval_ns, self.capacity_ns, now) }
    }
}

fn answer_of(answer: c_int) -> Answer {
    match answer {
        0 => Answer::Taken,
        1 => Answer::Empty,
        2 => Answer::Contended,
        other => panic!("bucket_take() answered {other}"),
    }
}

/// The time from `now` until a bucket is full again, in ns.
pub fn missing(full_at: u64, now: u64) -> u64 {
    // SAFETY: no pointers.
    unsafe { host_bucket_missing(full_at, now) }
}
