// SPDX-License-Identifier: GPL-2.0-only
//! The buckets that all sources share: their tokens, and the time of their last refusal.

use std::time::Duration;

use anyhow::Result;
use libbpf_rs::MapCore;

use crate::kernel::skel::types;
use crate::policy;

/// The budgets of a policy at one moment. None: no limit.
#[derive(Debug, Clone, Copy, Default)]
pub struct Budgets {
    pub new_sources: Option<Budget>,
    pub total: Option<Budget>,
    pub challenges: Option<Budget>,
}

#[derive(Debug, Clone, Copy)]
pub struct Budget {
    /// Whole tokens in it.
    pub tokens: u64,
    /// Tokens that it holds at most.
    pub burst: u64,
    /// The time since it last refused a SYN, to 100 ms. None: never.
    pub last_refusal: Option<Duration>,
}

impl Budgets {
    /// `now` in ns of CLOCK_MONOTONIC.
    pub fn read(map: &impl MapCore, policy: &policy::Policy, now: u64) -> Result<Self> {
        let budgets: types::budgets = super::variables("the budgets", map)?;
        let of = |budget: &types::budget, rate: policy::Budget| {
            let limit = rate.limit()?;
            let missing = budget.full_at.saturating_sub(now).min(limit.capacity_ns());
            let refused = budget.last_refusal;
            Some(Budget {
                tokens: (limit.capacity_ns() - missing) / limit.rate.interval_ns,
                burst: limit.burst,
                last_refusal: (refused != 0).then(|| Duration::from_nanos(now.saturating_sub(refused))),
            })
        };
        Ok(Self {
            new_sources: of(&budgets.new_sources, policy.new_sources),
            total: of(&budgets.total, policy.total_rate),
            challenges: of(&budgets.challenges, policy.challenge_rate),
        })
    }

    /// How long ago a budget refused that bounds what reaches the kernel.
    pub fn last_refusal(&self) -> Option<Duration> {
        let bounds = [self.new_sources, self.total];
        bounds.into_iter().flatten().filter_map(|budget| budget.last_refusal).min()
    }
}
