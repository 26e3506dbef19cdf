// SPDX-License-Identifier: GPL-2.0-only
//! The table of networks, see `bpf/networks.bpf.h`.

use std::net::IpAddr;
use std::time::Duration;

use anyhow::{Context, Result};
use ipnet::IpNet;
use libbpf_rs::{MapCore, MapFlags};

use crate::judge::{Bucket, LimitedNetwork, LimitedNetworks};
use crate::kernel::skel::{as_bytes, from_bytes, types};
use crate::kernel::{clock, encode};
use crate::policy::Policy;
use crate::policy::networks::STEPS;

/// For errors.
const TABLE: &str = "the table of networks";

/// NETWORK_RELAX_NS of the program.
const RELAX_NS: u64 = 60_000_000_000;

/// A network at one service, at one moment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Network {
    pub network: IpNet,
    /// In the policy's steps, from 1: the narrowest.
    pub step: u8,
    /// The name of the service; None: ports of no service.
    pub service: Option<String>,
    /// Its number; 0: none.
    pub service_number: u32,
    /// The bucket of connections that its sources share.
    pub bucket: Bucket,
    /// For how long it has been limited. None: it is not.
    pub limited_for: Option<Duration>,
    /// Connections that stand or stood.
    pub connected: u64,
    /// SYNs and answers that waited for a token.
    pub refused: u64,
}

impl Network {
    /// None: the program no longer asks this entry, as its limits are others.
    fn new(key: &types::network_key, of: &types::network, policy: &Policy, now: u64) -> Option<Self> {
        let service = match key.service {
            0 => None,
            number => Some(policy.services.get(number as usize)?),
        };
        let network = encode::network_of(key)?;
        let (step, limit) = policy
            .network_limits(network.addr(), service)
            .find(|(step, _)| step.prefix_of(network.addr()) == network.prefix_len())?;
        Some(Self {
            network,
            step: STEPS.iter().position(|other| *other == step)? as u8 + 1,
            service: service.map(|service| service.name.clone()),
            service_number: key.service,
            bucket: Bucket::new(of.full_at, limit, now),
            limited_for: is_limited(of, now)
                .then(|| Duration::from_nanos(now.saturating_sub(of.limited_since))),
            connected: of.connected,
            refused: of.refused,
        })
    }
}

/// Whether its sources have to wait for tokens.
pub fn is_limited(network: &types::network, now: u64) -> bool {
    network.limited_since != 0 && now.saturating_sub(network.last_refusal) < RELAX_NS
}

/// The networks of an address that are limited, at a service.
pub fn limited_of(
    networks: &impl MapCore,
    address: IpAddr,
    service: u32,
    now: u64,
) -> Result<LimitedNetworks> {
    let mut found = LimitedNetworks::default();
    for (found, step) in found.iter_mut().zip(STEPS) {
        let network = IpNet::new(address, step.prefix_of(address))?;
        let key = encode::network_key(&network, service);
        let entry = networks.lookup(as_bytes(&key), MapFlags::ANY);
        let entry = entry.with_context(|| format!("cannot look into {TABLE}"))?;
        let entry: Option<types::network> = entry.and_then(|bytes| from_bytes(&bytes));
        *found = entry.filter(|entry| is_limited(entry, now)).map(|entry| LimitedNetwork {
            full_at: entry.full_at,
            old_full_at: entry.old_full_at,
            limited_since: entry.limited_since,
        });
    }
    Ok(found)
}

/// All networks in the table, in no order.
pub fn read(networks: &impl MapCore, policy: &Policy) -> Result<Vec<Network>> {
    let now = clock::now_ns()?;
    let mut found = Vec::new();
    super::for_each(TABLE, networks, |key: types::network_key, of: types::network| {
        found.extend(Network::new(&key, &of, policy, now));
    })?;
    Ok(found)
}

/// Those that are limited now, the narrowest first. `flag`: the program's word that some may be.
pub fn limited(flag: &impl MapCore, networks: &impl MapCore, policy: &Policy) -> Result<Vec<Network>> {
    if !may_be_limited(flag)? {
        return Ok(Vec::new());
    }
    let mut found = read(networks, policy)?;
    found.retain(|network| network.limited_for.is_some());
    found.sort_by_key(|network| (network.step, network.network, network.service_number));
    Ok(found)
}

/// Whether the program asks networks at all.
pub fn may_be_limited(flag: &impl MapCore) -> Result<bool> {
    let flag: u32 = super::variables("whether networks are limited", flag)?;
    Ok(flag != 0)
}

/// Spares each SYN the question while no network is limited. If one becomes limited at this moment, the program sets
/// the flag again at that network's next connection.
pub fn ask_no_more(flag: &impl MapCore) -> Result<()> {
    flag.update(as_bytes(&0_u32), as_bytes(&0_u32), MapFlags::ANY)
        .context("cannot tell the program that no network is limited")
}
