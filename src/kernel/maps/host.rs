// SPDX-License-Identifier: GPL-2.0-only
//! What the program must know of this host to answer SYNs in its name.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

use anyhow::{Context, Result};
use ipnet::IpNet;
use libbpf_rs::{MapCore, MapFlags};

use super::told::Told;
use crate::kernel::encode;
use crate::kernel::maps::Maps;
use crate::kernel::netlink::Mac;
use crate::kernel::skel::{as_bytes, types};

/// Room for the networks that are this host, for its routes, and for its listeners on single addresses. None of
/// it is used before it is needed.
pub const ROOM: u32 = 65_536;

/// Room for MACs. A larger hash table costs every look-up a cache line.
pub const ROOM_FOR_MACS: u32 = 4096;

/// How the next hop of an answer is found: `enum next_hop`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NextHop {
    /// It is whoever sent the SYN.
    Sender,
    /// It is this gateway if that sent the SYN; else the route says.
    Gateway(Mac),
    Route,
}

/// A protected interface: `struct link`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Link {
    pub group: u32,
    pub next_hop: NextHop,
    /// The largest MSS by the default route, of IPv4 and of IPv6, bytes; 0: no limit.
    pub max_mss: [u16; 2],
    /// Drop sources that are routed by another interface.
    pub rp_filter: bool,
}

/// Where answers to a network go: `struct route`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Route {
    /// None: whoever sent the SYN.
    pub next_hop: Option<Mac>,
    /// Of the interface. None: several.
    pub group: Option<u32>,
    /// Bytes; 0: no limit.
    pub max_mss: u16,
    pub is_default: bool,
}

/// What the program has been told.
#[derive(Debug)]
pub struct Tables {
    macs: Told,
    networks: Told,
    links: Told,
    devices: Told,
    routes: Told,
}

impl Default for Tables {
    fn default() -> Self {
        Self {
            macs: Told::new("the MAC addresses of this host"),
            networks: Told::new("the addresses of this host"),
            links: Told::new("the protected interfaces"),
            devices: Told::new("the interfaces on top of the protected ones"),
            routes: Told::new("the routes of this host"),
        }
    }
}

/// What was tried, and whether anything was written. The first error counts.
fn all(done: impl IntoIterator<Item = Result<bool>>) -> (bool, Result<()>) {
    let mut is_changed = false;
    let mut outcome = Ok(());
    for each in done {
        match each {
            Ok(changed) => is_changed |= changed,
            Err(error) if outcome.is_ok() => outcome = Err(error),
            Err(_) => {}
        }
    }
    (is_changed, outcome)
}

impl Tables {
    /// Takes over tables that another process has kept so far.
    pub fn take_over(&mut self, maps: &Maps) -> Result<()> {
        self.macs.take_over(&maps.own_macs)?;
        self.networks.take_over(&maps.own_addresses)?;
        self.links.take_over(&maps.links)?;
        self.devices.take_over(&maps.ip_devices)?;
        self.routes.take_over(&maps.routes)
    }

    /// Tells which frames are for this host: to which MACs (with the MTU in bytes) and networks. Returns
    /// whether anything was written, too.
    pub fn tell_addresses(
        &mut self,
        maps: &Maps,
        macs: &BTreeMap<Mac, u32>,
        networks: &BTreeSet<IpNet>,
    ) -> (bool, Result<()>) {
        all([
            self.macs.tell(
                &maps.own_macs,
                macs.iter().map(|(mac, mtu)| (mac_key(mac), as_bytes(mtu).to_vec())),
            ),
            self.networks.tell(
                &maps.own_addresses,
                networks.iter().map(|network| (network_key(network), vec![1])),
            ),
        ])
    }

    /// Tells by which interfaces SYNs come, and on which their connections reach IP. Returns as
    /// [`Self::tell_addresses`].
    pub fn tell_links(
        &mut self,
        maps: &Maps,
        links: &BTreeMap<u32, Link>,
        devices: &BTreeSet<u32>,
    ) -> (bool, Result<()>) {
        let index = |index: &u32| as_bytes(index).to_vec();
        all([
            self.links.tell(
                &maps.links,
                links.iter().map(|(interface, link)| (index(interface), link_value(link))),
            ),
            self.devices.tell(&maps.ip_devices, devices.iter().map(|device| (index(device), vec![1]))),
        ])
    }

    pub fn tell_routes(&mut self, maps: &Maps, routes: &BTreeMap<IpNet, Route>) -> Result<()> {
        let entries = routes.iter().map(|(network, route)| (network_key(network), route_value(route)));
        self.routes.tell(&maps.routes, entries).map(|_| ())
    }
}

fn mac(octet: Mac) -> types::mac {
    types::mac { octet, ..Default::default() }
}

fn mac_key(octet: &Mac) -> Vec<u8> {
    as_bytes(&mac(*octet)).to_vec()
}

fn network_key(network: &IpNet) -> Vec<u8> {
    as_bytes(&encode::list_key(network)).to_vec()
}

fn link_value(link: &Link) -> Vec<u8> {
    let (next_hop, gateway) = match link.next_hop {
        NextHop::Sender => (types::next_hop::NEXT_HOP_SENDER, [0; 6]),
        NextHop::Gateway(mac) => (types::next_hop::NEXT_HOP_GATEWAY, mac),
        NextHop::Route => (types::next_hop::NEXT_HOP_ROUTE, [0; 6]),
    };
    let link = types::link {
        gateway: mac(gateway),
        group: link.group,
        next_hop,
        max_mss: link.max_mss,
        rp_filter: link.rp_filter.into(),
        ..Default::default()
    };
    as_bytes(&link).to_vec()
}

fn route_value(route: &Route) -> Vec<u8> {
    let route = types::route {
        next_hop: mac(route.next_hop.unwrap_or_default()),
        group: route.group.unwrap_or_default(),
        max_mss: route.max_mss,
        is_default: route.is_default.into(),
        ..Default::default()
    };
    as_bytes(&route).to_vec()
}

/// Tells the program settings, the generation of the addresses, and their bits.
pub fn set(maps: &Maps, host: &types::host) -> Result<()> {
    maps.data_host
        .update(&0_u32.to_ne_bytes(), as_bytes(host), MapFlags::ANY)
        .context("cannot tell the program this host's settings")
}

/// The settings that the program has been told.
pub fn get(maps: &Maps) -> Result<types::host> {
    super::variables("this host's settings", &maps.data_host)
}

/// `address_bits` of struct host. A network may have any hash.
pub fn address_bits(networks: &BTreeSet<IpNet>, keys: [u64; 2]) -> u64 {
    let bit = |ip: IpAddr| 1 << (encode::hash(&encode::address(ip), keys) >> 58);
    let bits = |network: &IpNet| {
        if network.prefix_len() == network.max_prefix_len() { bit(network.addr()) } else { u64::MAX }
    };
    networks.iter().map(bits).fold(0, |bits: u64, more: u64| bits | more)
}
