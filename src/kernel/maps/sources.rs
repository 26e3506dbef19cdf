// SPDX-License-Identifier: GPL-2.0-only
//! The table of sources, with each bucket's word turned into tokens and times.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::net::IpAddr;
use std::time::Duration;

use anyhow::Result;
use ipnet::IpNet;
use libbpf_rs::MapCore;

use super::Maps;
use super::refusals::{self, Remembered};
use crate::kernel::skel::types;
use crate::kernel::{clock, encode};
use crate::policy::{Limit, Policy, network_name};

/// For errors.
const TABLE: &str = "the table of sources";

/// A source at one service, at one moment.
#[derive(Debug, Clone, Copy)]
pub struct Source<'a> {
    /// The network's first address.
    pub address: IpAddr,
    pub prefix_len: u8,
    /// The name of the service; None: ports of no service.
    pub service: Option<&'a str>,
    /// Its number; 0: none.
    pub service_number: u8,
    /// The bucket of SYNs that the kernel gets unasked.
    pub syns: Bucket,
    /// The bucket of connections. None: they are not limited.
    pub connections: Option<Bucket>,
    /// SYNs.
    pub passed: u64,
    /// SYNs that were answered with a cookie.
    pub challenged: u64,
    /// SYNs.
    pub dropped: u64,
    /// Connections that stand or stood.
    pub connected: u64,
    /// Since the last dropped SYN, to the second; None: there was none.
    pub last_drop: Option<Duration>,
}

/// A source's bucket at one moment.
#[derive(Debug, Clone, Copy)]
pub struct Bucket {
    /// Whole tokens.
    pub tokens: u64,
    /// The time until the next token; zero with a full bucket.
    pub next_token: Duration,
}

impl Bucket {
    /// `now` in ns of CLOCK_MONOTONIC, the clock of bpf_ktime_get_ns().
    fn new(full_at: u64, limit: Limit, now: u64) -> Self {
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
}

impl<'a> Source<'a> {
    /// None: of a service that there is no more.
    fn new(
        key: &types::source_key,
        source: &types::source,
        policy: &'a Policy,
        now: u64,
    ) -> Option<Self> {
        let service = match key.service {
            0 => None,
            number => Some(policy.services.get(number as usize)?),
        };
        let limits = policy.limits_of(service);
        let address = encode::ip(&key.addr);
        let prefix_len = if address.is_ipv4() { policy.ipv4_prefix } else { policy.ipv6_prefix };
        let last_drop_ns = now.saturating_sub(source.last_drop);
        let connections = |limit| Bucket::new(source.connections_full_at, limit, now);
        Some(Self {
            address,
            prefix_len,
            service: service.map(|service| service.name.as_str()),
            service_number: key.service as u8,
            syns: Bucket::new(source.syns_full_at, limits.syns, now),
            connections: limits.connections.map(connections),
            passed: source.passed,
            challenged: source.challenged,
            dropped: source.dropped,
            connected: source.connected,
            last_drop: (source.last_drop != 0).then(|| Duration::from_nanos(last_drop_ns)),
        })
    }

    /// The limit on its connections is used up.
    pub fn has_no_connection(&self) -> bool {
        self.connections.is_some_and(|bucket| bucket.tokens == 0)
    }

    /// It has no connection left, or it is over its SYN bucket, had SYNs dropped, and never answered.
    pub fn is_blocked(&self) -> bool {
        let never_answers = self.syns.tokens == 0 && self.connected == 0;
        self.dropped > 0 && (self.has_no_connection() || never_answers)
    }

    /// The address, with its prefix length where it stands for more than one.
    pub fn name(&self) -> String {
        let network = IpNet::new(self.address, self.prefix_len);
        network.map_or(self.address.to_string(), |network| network_name(&network))
    }
}

/// Gives every source in the table to `visit`, once for each of its services, in no order. If the program moves a refusal from the
/// memory of refusals into the table meanwhile, it is counted twice.
pub fn for_each<'a>(
    sources: &impl MapCore,
    refusals: &impl MapCore,
    policy: &'a Policy,
    visit: impl FnMut(Source<'a>),
) -> Result<()> {
    for_each_entry(sources, policy, &refusals::read(refusals)?, visit)
}

/// The number of sources that are blocked now, each counted for each service that blocks it.
pub fn count_blocked(sources: &impl MapCore, refusals: &impl MapCore, policy: &Policy) -> Result<u64> {
    let mut blocked = 0;
    for_each(sources, refusals, policy, |source| blocked += u64::from(source.is_blocked()))?;
    Ok(blocked)
}

/// SYNs of known sources that did not pass.
#[derive(Debug, Clone, Default)]
pub struct Refused {
    pub all: u64,
    /// The sources with most of them, by their first address, in no order.
    pub heaviest: Vec<(IpAddr, u64)>,
}

/// What known sources were refused until now.
pub fn refused(maps: &Maps) -> Result<Refused> {
    const HEAVIEST: usize = 16;
    let remembered = refusals::read(&maps.refusals)?;
    let mut all = 0;
    let mut heaviest = BinaryHeap::new();
    super::for_each(TABLE, &maps.sources, |key: types::source_key, source: types::source| {
        let more = remembered.get(&(key.addr.word, key.service)).copied().unwrap_or_default();
        let count = source.challenged + source.dropped + more.challenged + more.dropped;
        all += count;
        heaviest.push(Reverse((count, encode::ip(&key.addr))));
        if heaviest.len() > HEAVIEST {
            heaviest.pop();
        }
    })?;
    let heaviest = heaviest.into_iter().map(|Reverse((count, address))| (address, count)).collect();
    Ok(Refused { all, heaviest })
}

/// Gives the address of every source in the table to `visit`, once for each of its services, in no order.
pub fn for_each_address(sources: &impl MapCore, mut visit: impl FnMut(&types::addr)) -> Result<()> {
    super::for_each(TABLE, sources, |key: types::source_key, _: types::source| visit(&key.addr))
}

/// `remembered`: refusals that the table's entries do not count yet.
fn for_each_entry<'a>(
    sources: &impl MapCore,
    policy: &'a Policy,
    remembered: &Remembered,
    mut visit: impl FnMut(Source<'a>),
) -> Result<()> {
    let now = clock::now_ns()?;
    super::for_each(TABLE, sources, |key: types::source_key, mut source: types::source| {
        if let Some(refused) = remembered.get(&(key.addr.word, key.service)) {
            source.dropped += refused.dropped;
            source.challenged += refused.challenged;
            source.last_drop = source.last_drop.max(refused.last_drop);
        }
        Source::new(&key, &source, policy, now).into_iter().for_each(&mut visit);
    })
}
