// SPDX-License-Identifier: GPL-2.0-only
//! The table of sources, and what a bucket's word means to a person.

use std::collections::HashMap;
use std::net::IpAddr;

use anyhow::{Context, Result};
use libbpf_rs::MapCore;
use nix::time::{ClockId, clock_gettime};
use plain::Plain;

use crate::bpf::types;
use crate::config::{self, MAPPED_PREFIX};
use crate::sys;

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
    /// Until the next token, in ns; 0 with a full bucket.
    pub next_token_ns: u64,
    pub passed: u64,
    pub dropped: u64,
    /// Since the last drop, in ns, to the second; None: never dropped.
    pub last_drop_ns: Option<u64>,
}

impl Source {
    /// `now` in ns of CLOCK_MONOTONIC, the clock of bpf_ktime_get_ns().
    pub fn new(
        address: &types::addr,
        source: &types::source,
        config: &types::config,
        now: u64,
    ) -> Self {
        let address = config::ip(address);
        let prefix_len = match address {
            IpAddr::V4(_) => config::prefix_len(&config.ipv4_mask).saturating_sub(MAPPED_PREFIX),
            IpAddr::V6(_) => config::prefix_len(&config.ipv6_mask),
        };
        let limit = &config.source_limit;
        let missing = source.full_at.saturating_sub(now).min(limit.capacity_ns);
        Self {
            address,
            prefix_len,
            tokens: (limit.capacity_ns - missing) / limit.interval_ns.max(1),
            next_token_ns: match missing % limit.interval_ns.max(1) {
                0 if missing > 0 => limit.interval_ns,
                rest => rest,
            },
            passed: source.passed,
            dropped: source.dropped,
            last_drop_ns: (source.last_drop != 0).then(|| now.saturating_sub(source.last_drop)),
        }
    }

    /// No token now, and at least one SYN refused.
    pub fn is_blocked(&self) -> bool {
        self.tokens == 0 && self.dropped > 0
    }
}

/// CLOCK_MONOTONIC in ns.
pub fn now_ns() -> Result<u64> {
    let now = clock_gettime(ClockId::CLOCK_MONOTONIC).context("cannot read the clock")?;
    Ok(now.tv_sec() as u64 * 1_000_000_000 + now.tv_nsec() as u64)
}

/// Hands every source in the table to `visit`, in no order. A drop that the program moves from the
/// memory of refusals into the table meanwhile is counted twice.
pub fn for_each<Map: MapCore>(
    sources: &Map,
    refusals: &Map,
    config: &types::config,
    visit: impl FnMut(Source),
) -> Result<()> {
    let mut remembered: HashMap<[u32; 4], u64> = HashMap::new();
    read("the memory of refusals", refusals, |_: u32, refusal: types::refusal| {
        if refusal.dropped > 0 {
            *remembered.entry(refusal.source.word).or_default() += refusal.dropped;
        }
    })?;
    for_each_entry(sources, config, &remembered, visit)
}

/// How many sources are blocked now. Their first refusal is in the table, so the memory need not be read.
pub fn count_blocked(sources: &impl MapCore, config: &types::config) -> Result<u64> {
    let mut blocked = 0;
    let visit = |source: Source| blocked += u64::from(source.is_blocked());
    for_each_entry(sources, config, &HashMap::new(), visit)?;
    Ok(blocked)
}

/// Hands the address of every source in the table to `visit`, in no order.
pub fn for_each_key(sources: &impl MapCore, mut visit: impl FnMut(&types::addr)) -> Result<()> {
    read(TABLE, sources, |address: types::addr, _: types::source| visit(&address))
}

/// `remembered`: drops that the table's entries do not yet count, by the key of the source.
fn for_each_entry(
    sources: &impl MapCore,
    config: &types::config,
    remembered: &HashMap<[u32; 4], u64>,
    mut visit: impl FnMut(Source),
) -> Result<()> {
    let now = now_ns()?;
    read(TABLE, sources, |address: types::addr, mut source: types::source| {
        source.dropped += remembered.get(&address.word).unwrap_or(&0);
        visit(Source::new(&address, &source, config, now));
    })
}

/// Hands every entry of a map to `visit`; `what` it is, for the error.
fn read<Key: Plain + Default, Value: Plain + Default>(
    what: &str,
    map: &impl MapCore,
    mut visit: impl FnMut(Key, Value),
) -> Result<()> {
    let visit_bytes = |key_bytes: &[u8], value_bytes: &[u8]| {
        let (mut key, mut value) = (Key::default(), Value::default());
        if plain::copy_from_bytes(&mut key, key_bytes).is_ok()
            && plain::copy_from_bytes(&mut value, value_bytes).is_ok()
        {
            visit(key, value);
        }
    };
    sys::map_for_each(map.as_fd(), size_of::<Key>(), size_of::<Value>(), visit_bytes)
        .with_context(|| format!("cannot read {what}"))
}
