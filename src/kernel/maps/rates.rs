// SPDX-License-Identifier: GPL-2.0-only
//! The buckets that all sources share: their tokens, and the time of their last refusal.

use std::time::Duration;

use anyhow::Result;
use libbpf_rs::MapCore;

use crate::kernel::skel::types;
use crate::policy::{Policy, Rate, TotalRate};

/// The shared buckets of a policy at one moment. None: no limit.
#[derive(Debug, Clone, Copy, Default)]
pub struct Rates {
    /// For how long the pass rate or a listener's queue has been refusing SYNs, whether the rate has a limit
    /// or not. None: they do not now.
    pub flood: Option<Duration>,
    pub pass: Option<Bucket>,
    pub unchallenged: Option<Bucket>,
    /// Also of the unchallenged rate, for other hosts.
    pub forwarded: Option<Bucket>,
    pub challenges: Option<Bucket>,
}

#[derive(Debug, Clone, Copy)]
pub struct Bucket {
    /// Whole tokens in it.
    pub tokens: u64,
    /// Tokens that it holds at most.
    pub burst: u64,
    /// Tokens that it gets.
    pub rate: Rate,
    /// The time since it last refused a SYN, to 100 ms. None: never.
    pub last_refusal: Option<Duration>,
    /// For how long it has been refusing SYNs. None: it does not now.
    pub refusing: Option<Duration>,
}

/// REFUSAL_OVER_NS of the program.
const OVER_AFTER: Duration = Duration::from_secs(2);

impl Rates {
    /// `now` in ns of CLOCK_MONOTONIC.
    pub fn read(map: &impl MapCore, policy: &Policy, now: u64) -> Result<Self> {
        let rates: types::rates = super::variables("the rates", map)?;
        let of = |rate: &types::rate, limit: TotalRate| {
            let limit = limit.limit()?;
            let missing = rate.full_at.saturating_sub(now).min(limit.capacity_ns());
            Some(Bucket {
                tokens: (limit.capacity_ns() - missing) / limit.rate.interval_ns,
                burst: limit.burst,
                rate: limit.rate,
                last_refusal: last_refusal(rate, now),
                refusing: refusing(rate, now),
            })
        };
        Ok(Self {
            flood: refusing(&rates.pass, now),
            pass: of(&rates.pass, policy.pass_rate),
            unchallenged: of(&rates.unchallenged, policy.unchallenged_rate),
            forwarded: of(&rates.forwarded, policy.unchallenged_rate),
            challenges: of(&rates.challenges, policy.challenge_rate),
        })
    }

    /// By the names that are shown, those that have a limit.
    pub fn limited(&self) -> impl Iterator<Item = (&'static str, Bucket)> {
        let named = [
            ("pass_rate", self.pass),
            ("unchallenged_rate", self.unchallenged),
            ("unchallenged_rate_forwarded", self.forwarded),
            ("challenge_rate", self.challenges),
        ];
        named.into_iter().filter_map(|(name, bucket)| Some((name, bucket?)))
    }
}

fn last_refusal(rate: &types::rate, now: u64) -> Option<Duration> {
    (rate.last_refusal != 0).then(|| since(rate.last_refusal, now))
}

fn refusing(rate: &types::rate, now: u64) -> Option<Duration> {
    let is_on = last_refusal(rate, now)? < OVER_AFTER;
    is_on.then(|| since(rate.refusing_since, now))
}

fn since(time: u64, now: u64) -> Duration {
    Duration::from_nanos(now.saturating_sub(time))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A refused SYN comes again after a second. On a busy machine two looks are further apart.
    #[test]
    fn what_was_refused_since_the_last_look_is_seen_however_late_the_look_is() {
        for late_ms in [0, 10, 100, 900] {
            let last_look: u64 = 1_000_000_000_000;
            let refused = last_look + 1;
            let rate =
                types::rate { last_refusal: refused, refusing_since: refused, ..Default::default() };
            let look = last_look + 1_000_000_000 + late_ms * 1_000_000;
            assert!(refusing(&rate, look).is_some(), "{late_ms} ms late");
        }
    }
}
