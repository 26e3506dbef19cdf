// SPDX-License-Identifier: GPL-2.0-only
//! The table of sources, with each bucket's word turned into tokens and times.

use std::net::IpAddr;
use std::time::Duration;

use anyhow::Result;
use ipnet::IpNet;
use libbpf_rs::MapCore;

use super::refusals::{self, Remembered};
use crate::kernel::skel::types;
use crate::kernel::{clock, encode};
use crate::policy::{Policy, network_name};

/// For errors.
const TABLE: &str = "the table of sources";

/// A source at one moment.
#[derive(Debug, Clone, Copy)]
pub struct Source {
    /// The network's first address.
    pub address: IpAddr,
    pub prefix_len: u8,
    /// Whole tokens in the bucket.
    pub tokens: u64,
    /// The time until the next token; zero with a full bucket.
    pub next_token: Duration,
    /// SYNs that found a token.
    pub passed: u64,
    /// SYNs that found none, and were answered with a cookie.
    pub challenged: u64,
    /// SYNs that found none, and were dropped.
    pub dropped: u64,
    /// Since the last SYN that found none, to the second; None: there was none.
    pub last_refusal: Option<Duration>,
}

impl Source {
    /// `now` in ns of CLOCK_MONOTONIC, the clock of bpf_ktime_get_ns().
    fn new(address: &types::addr, source: &types::source, policy: &Policy, now: u64) -> Self {
        let address = encode::ip(address);
        let prefix_len = if address.is_ipv4() { policy.ipv4_prefix } else { policy.ipv6_prefix };
        let (interval, capacity) =
            (policy.source_limit.rate.interval_ns, policy.source_limit.capacity_ns());
        let missing = source.full_at.saturating_sub(now).min(capacity);
        let next_token_ns = match missing % interval {
            0 if missing > 0 => interval,
            rest => rest,
        };
        let last_refusal_ns = now.saturating_sub(source.last_refusal);
        Self {
            address,
            prefix_len,
            tokens: (capacity - missing) / interval,
            next_token: Duration::from_nanos(next_token_ns),
            passed: source.passed,
            challenged: source.challenged,
            dropped: source.refused.saturating_sub(source.challenged),
            last_refusal: (source.last_refusal != 0).then(|| Duration::from_nanos(last_refusal_ns)),
        }
    }

    /// No token now, and at least one SYN dropped for want of one.
    pub fn is_blocked(&self) -> bool {
        self.tokens == 0 && self.dropped > 0
    }

    /// The address, with its prefix length where it stands for more than one.
    pub fn name(&self) -> String {
        let network = IpNet::new(self.address, self.prefix_len);
        network.map_or(self.address.to_string(), |network| network_name(&network))
    }
}

/// Gives every source in the table to `visit`, in no order. If the program moves a refusal from the
/// memory of refusals into the table meanwhile, it is counted twice.
pub fn for_each(
    sources: &impl MapCore,
    refusals: &impl MapCore,
    policy: &Policy,
    visit: impl FnMut(Source),
) -> Result<()> {
    for_each_entry(sources, policy, &refusals::read(refusals)?, visit)
}

/// The number of sources that are blocked now. Their first refusal is in the table, so it does not read
/// the memory of refusals.
pub fn count_blocked(sources: &impl MapCore, policy: &Policy) -> Result<u64> {
    let mut blocked = 0;
    let visit = |source: Source| blocked += u64::from(source.is_blocked());
    for_each_entry(sources, policy, &Remembered::new(), visit)?;
    Ok(blocked)
}

/// Gives the address of every source in the table to `visit`, in no order.
pub fn for_each_key(sources: &impl MapCore, mut visit: impl FnMut(&types::addr)) -> Result<()> {
    super::for_each(TABLE, sources, |address: types::addr, _: types::source| visit(&address))
}

/// `remembered`: refusals that the table's entries do not count yet.
fn for_each_entry(
    sources: &impl MapCore,
    policy: &Policy,
    remembered: &Remembered,
    mut visit: impl FnMut(Source),
) -> Result<()> {
    let now = clock::now_ns()?;
    super::for_each(TABLE, sources, |address: types::addr, mut source: types::source| {
        if let Some(refused) = remembered.get(&address.word) {
            source.refused += refused.all;
            source.challenged += refused.challenged;
        }
        visit(Source::new(&address, &source, policy, now));
    })
}
