// SPDX-License-Identifier: GPL-2.0-only
//! `advice.h`.

use std::sync::atomic::AtomicU64;

unsafe extern "C" {
    fn host_fill_first(fill: *const Fill, interval_ns: u64, now: u64);
    fn host_fill_charge(fill: *const Fill, interval_ns: u64, now: u64);
    fn host_contended_raise(highest: *mut u64, missing: u64, step: u64);
}

/// `struct fill`.
#[repr(C)]
#[derive(Debug, Default)]
pub struct Fill {
    pub full_at: AtomicU64,
    pub highest: AtomicU64,
}

impl Fill {
    /// Of a source with one connection.
    pub fn first(interval_ns: u64, now: u64) -> Self {
        let fill = Self::default();
        // SAFETY: the struct has C's layout, and outlives the call.
        unsafe { host_fill_first(&fill, interval_ns, now) };
        fill
    }

    pub fn charge(&self, interval_ns: u64, now: u64) {
        // SAFETY: as above; C also changes its words only atomically.
        unsafe { host_fill_charge(self, interval_ns, now) }
    }
}

/// The highest after `fill_raise()`, while another CPU raises it by `step` in every round, and is faster.
pub fn raise_contended(mut highest: u64, missing: u64, step: u64) -> u64 {
    // SAFETY: the word outlives the call.
    unsafe { host_contended_raise(&mut highest, missing, step) };
    highest
}
