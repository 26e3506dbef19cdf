// SPDX-License-Identifier: GPL-2.0-only
//! What happens at running instances now.

use std::cmp::Reverse;
use std::collections::BTreeMap;
use std::thread;
use std::time::{Duration, Instant};

use anyhow::Result;
use libbpf_rs::MapHandle;

use super::running::Found;
use crate::kernel::instance::Running;
use crate::kernel::maps::counters::Counters;
use crate::kernel::maps::networks::{self, Network};
use crate::kernel::maps::ports;
use crate::kernel::maps::rates::{self, Bucket};
use crate::kernel::maps::{self, Maps};
use crate::kernel::{clock, netlink};
use crate::policy::{Policy, network_name};
use crate::show::model::{self, PortQueue, Rates, SharedBucket};
use crate::show::status::Fill;

/// Long enough for a meaningful rate, and short enough to wait.
const RATE_TIME: Duration = Duration::from_millis(200);

/// An instance at one moment.
pub struct Look {
    pub counters: Counters,
    pub rates: Rates,
}

/// At each instance, in their order.
pub fn look(instances: &[Found]) -> Result<Vec<Look>> {
    let counters = |found: &Found| {
        Ok((Counters::read(&found.running.counters, &found.running.reasons)?, Instant::now()))
    };
    let before: Vec<(Counters, Instant)> = instances.iter().map(counters).collect::<Result<_>>()?;
    thread::sleep(RATE_TIME);
    let now: Vec<(Counters, Instant)> = instances.iter().map(counters).collect::<Result<_>>()?;
    let look = |(before, now): ((Counters, Instant), (Counters, Instant))| Look {
        rates: Rates::between(before.0.counts(), now.0.counts(), now.1 - before.1),
        counters: now.0,
    };
    Ok(before.into_iter().zip(now).map(look).collect())
}

/// What all sources share.
pub struct Shared {
    /// For how long a flood has been on. None: there is none.
    pub flood: Option<Duration>,
    /// The rates that have a limit.
    pub rates_left: BTreeMap<&'static str, SharedBucket>,
}

pub fn shared(rates: &MapHandle, policy: &Policy) -> Result<Shared> {
    let rates = rates::Rates::read(rates, policy, clock::now_ns()?)?;
    let shown = |bucket: Bucket| SharedBucket {
        left: bucket.tokens,
        burst: bucket.burst,
        per_second: bucket.rate.per_second(),
        last_refusal: bucket.last_refusal,
        refusing: bucket.refusing,
    };
    let limited = rates.limited().map(|(name, bucket)| (name, shown(bucket)));
    Ok(Shared { flood: rates.flood, rates_left: limited.collect() })
}

/// Ports that somebody listens on, and that cannot be challenged though they are meant to be.
pub fn unchallenged(running: &Running) -> Result<Vec<u16>> {
    let is_meant = |port: &u16| running.policy.challenges(*port);
    Ok(ports::unchallenged(&running.ports)?.into_iter().filter(is_meant).collect())
}

/// Of each protected port that somebody listens on; the fullest first. Of several listeners of a port, the one with the
/// least room.
pub fn queues(policy: &Policy) -> Result<Vec<PortQueue>> {
    let room = |queue: &PortQueue| queue.limit.saturating_sub(queue.length);
    let mut fullest: BTreeMap<u16, PortQueue> = BTreeMap::new();
    for netlink::Queue { port, length, limit } in netlink::queues()? {
        let queue = PortQueue { port, length, limit };
        let of_port = fullest.entry(port).or_insert(queue);
        if room(&queue) < room(of_port) {
            *of_port = queue;
        }
    }
    let mut queues: Vec<_> =
        fullest.into_values().filter(|queue| policy.ports.contains(queue.port)).collect();
    let filled =
        |queue: &PortQueue| u64::from(queue.length) * 1_000_000 / u64::from(queue.limit.max(1));
    queues.sort_by_key(|queue| Reverse(filled(queue)));
    Ok(queues)
}

/// The networks that are limited now, the narrowest first.
pub fn limited_networks(running: &Running) -> Result<Vec<model::Network>> {
    let Running { limits_networks, networks, policy, .. } = running;
    Ok(networks::limited(limits_networks, networks, policy)?.into_iter().map(network).collect())
}

/// As it is shown.
pub fn network(of: Network) -> model::Network {
    model::Network {
        network: network_name(&of.network),
        service: of.service,
        step: of.step,
        tokens: of.bucket.tokens,
        next_token: of.bucket.next_token,
        limited: of.limited_for,
        connected: of.connected,
        refused: of.refused,
    }
}

/// The tables that may get full.
#[derive(Debug, Clone, Copy)]
pub struct Bounded<'a> {
    sources: &'a MapHandle,
    networks: &'a MapHandle,
    live: &'a MapHandle,
    files: &'a MapHandle,
    own_addresses: &'a MapHandle,
    routes: &'a MapHandle,
    listeners: &'a MapHandle,
}

impl<'a> From<&'a Running> for Bounded<'a> {
    fn from(running: &'a Running) -> Self {
        let Running { sources, networks, live, files, own_addresses, routes, listeners, .. } = running;
        Self { sources, networks, live, files, own_addresses, routes, listeners }
    }
}

impl<'a> From<&'a Maps> for Bounded<'a> {
    fn from(maps: &'a Maps) -> Self {
        let Maps { sources, networks, live, files, own_addresses, routes, listeners, .. } = maps;
        Self { sources, networks, live, files, own_addresses, routes, listeners }
    }
}

/// How full they are. It reads all their entries.
pub fn fill(tables: Bounded<'_>) -> Result<BTreeMap<&'static str, Fill>> {
    let named = [
        ("sources", tables.sources),
        ("network_limits", tables.networks),
        ("live_networks", tables.live),
        ("networks", tables.files),
        ("own_addresses", tables.own_addresses),
        ("routes", tables.routes),
        ("single_listeners", tables.listeners),
    ];
    let fill = |(name, map)| {
        let (used, room) = maps::fill(map)?;
        Ok((name, Fill { used, room }))
    };
    named.into_iter().map(fill).collect()
}
