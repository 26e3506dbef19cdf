// SPDX-License-Identifier: GPL-2.0-only
//! The table of sources, and what a bucket's word means to a person.

use std::io;
use std::net::IpAddr;

use anyhow::{Context, Result};
use libbpf_rs::MapCore;
use nix::time::{ClockId, clock_gettime};

use crate::bpf::types;
use crate::config::{self, MAPPED_PREFIX};

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
    /// Since the last drop, in ns; None: never dropped.
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

/// Hands every source in the table to `visit`, in no order.
pub fn for_each(
    map: &impl MapCore,
    config: &types::config,
    mut visit: impl FnMut(Source),
) -> Result<()> {
    let now = now_ns()?;
    let read = crate::sys::map_for_each(
        map.as_fd(),
        size_of::<types::addr>(),
        size_of::<types::source>(),
        |key, value| {
            let (mut address, mut source) = (types::addr::default(), types::source::default());
            if plain::copy_from_bytes(&mut address, key).is_ok()
                && plain::copy_from_bytes(&mut source, value).is_ok()
            {
                visit(Source::new(&address, &source, config, now));
            }
        },
    );
    read.map_err(|error: io::Error| anyhow::anyhow!("cannot read the table of sources: {error}"))
}

/// How many sources are blocked now.
pub fn count_blocked(map: &impl MapCore, config: &types::config) -> Result<u64> {
    let mut blocked = 0;
    for_each(map, config, |source| blocked += u64::from(source.is_blocked()))?;
    Ok(blocked)
}
