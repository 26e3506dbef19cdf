// SPDX-License-Identifier: GPL-2.0-only
//! All that a running program knows of one source, and would judge its next SYN by. It only looks.

mod question;

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

use anyhow::{Context, Result};
use ipnet::IpNet;
use libbpf_rs::{MapCore, MapFlags, MapHandle};
use plain::Plain;

pub use question::Question;

use super::lists::{self, deciding};
use super::networks::{self as table, limited_of};
use super::{Maps, refusals, rules};
use crate::judge::{Entry, Host, LimitedNetworks, Link, NextHop, Port, Rates, Refused, Route};
use crate::kernel::instance::Running;
use crate::kernel::skel::{as_bytes, from_bytes, types};
use crate::kernel::{clock, encode};
use crate::learn::Family;
use crate::policy::Policy;
use crate::policy::service::MAX_SERVICES;

/// HOST_STALE_NS of the program.
const HOST_STALE_NS: u64 = 5_000_000_000;

/// The maps that decide about a SYN.
#[derive(Debug, Clone, Copy)]
pub struct Tables<'a> {
    pub lists: lists::Tables<'a>,
    pub sources: &'a MapHandle,
    pub refusals: &'a MapHandle,
    pub networks: &'a MapHandle,
    pub limits_networks: &'a MapHandle,
    pub rates: &'a MapHandle,
    pub host: &'a MapHandle,
    pub links: &'a MapHandle,
    pub routes: &'a MapHandle,
    pub own_addresses: &'a MapHandle,
    pub ports: &'a MapHandle,
    pub listeners: &'a MapHandle,
    pub rules: rules::Tables<'a>,
}

impl<'a> From<&'a Running> for Tables<'a> {
    fn from(running: &'a Running) -> Self {
        let Running { sources, refusals, networks, limits_networks, rates, host, .. } = running;
        let Running { links, routes, own_addresses, ports, listeners, .. } = running;
        let (lists, rules) = (running.lists(), running.into());
        Self {
            lists,
            sources,
            refusals,
            networks,
            limits_networks,
            rates,
            host,
            links,
            routes,
            own_addresses,
            ports,
            listeners,
            rules,
        }
    }
}

impl<'a> From<&'a Maps> for Tables<'a> {
    fn from(maps: &'a Maps) -> Self {
        let Maps { sources, refusals, networks, data_networks: limits_networks, .. } = maps;
        let Maps { data_rates: rates, data_host: host, links, .. } = maps;
        let Maps { routes, own_addresses, bss_ports: ports, listeners, .. } = maps;
        let (lists, rules) = (maps.lists(), maps.into());
        Self {
            lists,
            sources,
            refusals,
            networks,
            limits_networks,
            rates,
            host,
            links,
            routes,
            own_addresses,
            ports,
            listeners,
            rules,
        }
    }
}

/// What is known at one moment.
#[derive(Debug)]
pub struct Situation {
    /// CLOCK_MONOTONIC ns.
    pub now: u64,
    /// The source's network.
    pub network: IpNet,
    /// The entry of the lists that decides about it.
    pub listed: Option<lists::Entry>,
    pub is_own_address: bool,
    pub rates: Rates,
    pub host: Host,
    /// Of the answer. None: there is none.
    pub route: Option<Route>,
    /// Of the source's family.
    pub rules_in_force: usize,
    /// By the number of the service; 0: none.
    pub entries: BTreeMap<usize, Entry>,
    /// Its networks that are limited, by the number of the service.
    pub networks: BTreeMap<usize, LimitedNetworks>,
    /// Refusals that CPUs remember, by the number of the service.
    pub remembered: BTreeMap<usize, BTreeSet<Refused>>,
    /// The ports that somebody listens on, or that are not challenged.
    pub ports: BTreeMap<u16, PortOf>,
}

/// A port of the source's family.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct PortOf {
    /// At every address.
    pub listens: bool,
    /// At these addresses.
    pub addresses: BTreeSet<IpAddr>,
    pub is_unchallenged: bool,
    pub takes_kernel_cookies: bool,
}

impl PortOf {
    /// For a SYN to this address; None: to one at which somebody listens.
    pub fn at(&self, address: Option<IpAddr>) -> Port {
        let listens_there = match address {
            Some(address) => self.addresses.contains(&address),
            None => !self.addresses.is_empty(),
        };
        Port {
            listens: self.listens || listens_there,
            is_unchallenged: self.is_unchallenged,
            takes_kernel_cookies: self.takes_kernel_cookies,
        }
    }
}

impl Situation {
    pub fn read(tables: Tables<'_>, policy: &Policy, address: IpAddr) -> Result<Self> {
        let now = clock::now_ns()?;
        let source = encode::source_addr(policy, address);
        let prefix_len = if address.is_ipv4() { policy.ipv4_prefix } else { policy.ipv6_prefix };
        let memories = refusals::of(tables.refusals, &source, now)?;
        let mut entries = BTreeMap::new();
        for number in 0..=MAX_SERVICES {
            let found: Option<types::source> = get(
                "the table of sources",
                tables.sources,
                as_bytes(&types::source_key {
                    addr: source,
                    service: number as u32,
                    ..Default::default()
                }),
            )?;
            let memory = memories.get(&(number as u32)).map(|memory| memory.refused);
            entries.extend(found.map(|found| (number, entry(&found, memory.unwrap_or_default()))));
        }
        let in_force = memories.into_iter().map(|(number, of)| (number as usize, of.in_force));
        let host: types::host = super::variables("this host's settings", tables.host)?;
        let rates: types::rates = super::variables("the rates", tables.rates)?;
        Ok(Self {
            now,
            network: IpNet::new(encode::ip(&source), prefix_len)?,
            listed: deciding::deciding(tables.lists, &address.into(), now)?,
            is_own_address: is_own(tables, address)?,
            rates: Rates {
                pass: rates.pass.full_at,
                unchallenged: rates.unchallenged.full_at,
                forwarded: rates.forwarded.full_at,
                challenges: rates.challenges.full_at,
            },
            host: Host {
                syncookies: host.syncookies,
                is_stale: now.saturating_sub(host.looked_at) > HOST_STALE_NS,
            },
            route: route(tables, address)?,
            rules_in_force: rules_in_force(tables, address)?,
            entries,
            networks: networks(tables, policy, address, now)?,
            remembered: in_force.filter(|(_, whys)| !whys.is_empty()).collect(),
            ports: ports(tables, address.is_ipv6())?,
        })
    }
}

fn entry(found: &types::source, remembered: refusals::Refused) -> Entry {
    Entry {
        syns_full_at: found.syns_full_at,
        connections_full_at: found.connections_full_at,
        passed: found.passed,
        challenged: found.challenged + remembered.challenged,
        dropped: found.dropped + remembered.dropped,
        connected: found.connected,
        last_drop: found.last_drop.max(remembered.last_drop),
        first_connected: found.first_connected,
        last_connected: found.last_connected,
    }
}

fn rules_in_force(tables: Tables<'_>, address: IpAddr) -> Result<usize> {
    let slots = rules::read(tables.rules)?;
    let is_meant =
        |entry: &&rules::Entry| entry.is_in_force && entry.rule.family == Family::of(address);
    Ok(slots.iter().flatten().filter(is_meant).count())
}

fn networks(
    tables: Tables<'_>,
    policy: &Policy,
    address: IpAddr,
    now: u64,
) -> Result<BTreeMap<usize, LimitedNetworks>> {
    if !table::may_be_limited(tables.limits_networks)? {
        return Ok(BTreeMap::new());
    }
    let of = |number| Ok((number, limited_of(tables.networks, address, number as u32, now)?));
    (0..=MAX_SERVICES)
        .filter(|&number| number == 0 || policy.services.get(number).is_some())
        .map(of)
        .collect()
}

/// Whether an address is one of this host's.
pub fn is_own(tables: Tables<'_>, address: IpAddr) -> Result<bool> {
    let key = encode::list_key(&address.into());
    let found: Option<u8> = get("this host's addresses", tables.own_addresses, as_bytes(&key))?;
    Ok(found.is_some())
}

fn route(tables: Tables<'_>, source: IpAddr) -> Result<Option<Route>> {
    let key = encode::list_key(&source.into());
    let found: Option<types::route> = get("this host's routes", tables.routes, as_bytes(&key))?;
    Ok(found.map(|route| Route {
        group: (route.group != 0).then_some(route.group),
        is_default: route.is_default != 0,
    }))
}

/// The interface with this index, by which SYNs come.
pub fn link(tables: Tables<'_>, index: u32) -> Result<Link> {
    let found: Option<types::link> = get("the protected interfaces", tables.links, as_bytes(&index))?;
    let link = found.unwrap_or_default();
    Ok(Link {
        next_hop: match link.next_hop {
            types::next_hop::NEXT_HOP_GATEWAY => NextHop::Gateway,
            types::next_hop::NEXT_HOP_ROUTE => NextHop::Route,
            _ => NextHop::Sender,
        },
        group: link.group,
        rp_filter: link.rp_filter != 0,
    })
}

fn ports(tables: Tables<'_>, is_ipv6: bool) -> Result<BTreeMap<u16, PortOf>> {
    let section = super::section("the ports", tables.ports)?;
    let of_family = section.chunks(section.len().div_ceil(2).max(1)).nth(is_ipv6.into());
    let told = of_family.unwrap_or_default().chunks_exact(size_of::<types::port>());
    // Nearly all of them are all zero.
    let told = (0..=u16::MAX).zip(told).filter(|(_, bytes)| bytes.iter().any(|&byte| byte != 0));
    let (mut ports, mut listen_here) = (BTreeMap::new(), BTreeSet::new());
    for (number, port) in told.filter_map(|(number, bytes)| Some((number, from_bytes(bytes)?))) {
        let port: types::port = port;
        if port.listens_here != 0 {
            listen_here.insert(number);
        }
        let of = PortOf {
            listens: port.listens != 0,
            addresses: BTreeSet::new(),
            is_unchallenged: port.is_unchallenged != 0,
            takes_kernel_cookies: port.takes_kernel_cookies != 0,
        };
        ports.insert(number, of);
    }
    let what = "the listeners on single addresses";
    super::for_each(what, tables.listeners, |key: types::listener_key, _: u8| {
        let (address, number) = (encode::ip(&key.addr), key.port as u16);
        if address.is_ipv6() == is_ipv6 && listen_here.contains(&number) {
            ports.entry(number).or_default().addresses.insert(address);
        }
    })?;
    Ok(ports)
}

fn get<Value: Plain + Default>(what: &str, map: &MapHandle, key: &[u8]) -> Result<Option<Value>> {
    let found = map.lookup(key, MapFlags::ANY).with_context(|| format!("cannot look into {what}"))?;
    Ok(found.and_then(|bytes| from_bytes(&bytes)))
}
