// SPDX-License-Identifier: GPL-2.0-only
//! The table of sources, with each bucket's word turned into tokens and times.

use std::cmp::Reverse;
use std::net::IpAddr;
use std::time::Duration;

use anyhow::{Context, Result};
use libbpf_rs::{MapCore, MapFlags};

use super::events::Key;
use super::refusals::{self, Remembered};
use crate::judge::Bucket;
use crate::kernel::skel::{as_bytes, from_bytes, types};
use crate::kernel::{clock, encode};
use crate::policy::Policy;
use crate::policy::service::MAX_SERVICES;

/// For errors.
const TABLE: &str = "the table of sources";

/// A source at one service, at one moment.
#[derive(Debug, Clone, Copy)]
pub struct Source<'a> {
    /// The network's first address.
    pub address: IpAddr,
    policy: &'a Policy,
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
        let last_drop_ns = now.saturating_sub(source.last_drop);
        let connections = |limit| Bucket::new(source.connections_full_at, limit, now);
        Some(Self {
            address,
            policy,
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
        self.last_drop.is_some() && (self.has_no_connection() || never_answers)
    }

    /// The address, with its prefix length where it stands for more than one.
    pub fn name(&self) -> String {
        self.policy.source_name(self.address)
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

/// The sources that had connections and SYNs dropped, those with most drops first.
pub fn honest_and_refused<'a>(
    sources: &impl MapCore,
    refusals: &impl MapCore,
    policy: &'a Policy,
    count: usize,
) -> Result<Vec<Source<'a>>> {
    let mut found = Vec::new();
    for_each(sources, refusals, policy, |source| {
        if source.connected > 0 && source.dropped > 0 {
            found.push(source);
        }
    })?;
    found.sort_by_key(|source| Reverse(source.dropped));
    found.truncate(count);
    Ok(found)
}

/// A single source. `remembered`: refusals that its entry does not count yet. None: it has no entry.
pub fn of<'a>(
    sources: &impl MapCore,
    remembered: &Remembered,
    key: &Key,
    policy: &'a Policy,
) -> Result<Option<Source<'a>>> {
    let (key, entry) = look_up(sources, key)?;
    let Some(mut entry) = entry else { return Ok(None) };
    add_remembered(&mut entry, remembered, &key);
    Ok(Source::new(&key, &entry, policy, clock::now_ns()?))
}

/// Connections that a source has had, at whichever services.
pub fn connected(sources: &impl MapCore, address: IpAddr) -> Result<u64> {
    let mut connected = 0;
    for service in 0..=MAX_SERVICES as u32 {
        let (_, entry) = look_up(sources, &Key { address, service })?;
        connected += entry.map_or(0, |entry| entry.connected);
    }
    Ok(connected)
}

/// The key as the table has it, and the entry, if there is one.
fn look_up(sources: &impl MapCore, key: &Key) -> Result<(types::source_key, Option<types::source>)> {
    let key = types::source_key {
        addr: encode::address(key.address),
        service: key.service,
        ..Default::default()
    };
    let entry = sources.lookup(as_bytes(&key), MapFlags::ANY);
    let entry = entry.with_context(|| format!("cannot read {TABLE}"))?;
    Ok((key, entry.as_deref().and_then(from_bytes)))
}

fn add_remembered(source: &mut types::source, remembered: &Remembered, key: &types::source_key) {
    if let Some(refused) = remembered.get(&(key.addr.word, key.service)) {
        source.dropped += refused.dropped;
        source.challenged += refused.challenged;
        source.last_drop = source.last_drop.max(refused.last_drop);
    }
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
        add_remembered(&mut source, remembered, &key);
        Source::new(&key, &source, policy, now).into_iter().for_each(&mut visit);
    })
}
