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
const OVER_AFTER: Duration = Duration::from_secs(1);

impl Rates {
    /// `now` in ns of CLOCK_MONOTONIC.
    pub fn read(map: &impl MapCore, policy: &Policy, now: u64) -> Result<Self> {
        let rates: types::rates = super::variables("the rates", map)?;
        let since = |time: u64| Duration::from_nanos(now.saturating_sub(time));
        let last_refusal =
            |rate: &types::rate| (rate.last_refusal != 0).then(|| since(rate.last_refusal));
        let refusing = |rate: &types::rate| {
            let last = last_refusal(rate).filter(|&last| last < OVER_AFTER);
            last.map(|_| since(rate.refusing_since))
        };
        let of = |rate: &types::rate, limit: TotalRate| {
            let limit = limit.limit()?;
            let missing = rate.full_at.saturating_sub(now).min(limit.capacity_ns());
            Some(Bucket {
                tokens: (limit.capacity_ns() - missing) / limit.rate.interval_ns,
                burst: limit.burst,
                rate: limit.rate,
                last_refusal: last_refusal(rate),
                refusing: refusing(rate),
            })
        };
        Ok(Self {
            flood: refusing(&rates.pass),
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
