// SPDX-License-Identifier: GPL-2.0-only
//! A token bucket in one word, as in `bpf/bucket.h`.

use std::time::Duration;

use crate::policy::Limit;

/// A bucket at one moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Bucket {
    /// Whole tokens.
    pub tokens: u64,
    /// The time until the next token; zero with a full bucket.
    pub next_token: Duration,
}

impl Bucket {
    /// `full_at` and `now` in ns of CLOCK_MONOTONIC, the clock of bpf_ktime_get_ns().
    pub fn new(full_at: u64, limit: Limit, now: u64) -> Self {
        let (interval, capacity) = (limit.rate.interval_ns, limit.capacity_ns());
        let missing = full_at.saturating_sub(now);
        // More than the capacity is a debt: several tokens may be due before one is there.
        let next_token_ns = match missing.saturating_sub(capacity) {
            0 => match missing % interval {
                0 if missing > 0 => interval,
                rest => rest,
            },
            debt => debt + interval,
        };
        Self {
            tokens: capacity.saturating_sub(missing) / interval,
            next_token: Duration::from_nanos(next_token_ns),
        }
    }

    pub fn is_empty(self) -> bool {
        self.tokens == 0
    }
}

/// Takes a token, whether there is one or not.
pub fn charge(full_at: &mut u64, limit: Limit, now: u64) {
    *full_at = now.max(*full_at) + limit.rate.interval_ns;
}
