// SPDX-License-Identifier: GPL-2.0-only
//! Where answers go: to the next hop that the kernel would take, or nowhere if that is on another interface.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

use anyhow::Result;
use ipnet::IpNet;

use crate::kernel::maps::host::{Link, NextHop, Route};
use crate::kernel::netlink::{self, Mac};
use crate::kernel::{sysctl, topology};

/// A host with more routes has several ways to the Internet, and answers to whoever sent the SYN. Also the most
/// neighbours that are told.
const MAX_ROUTES: usize = 16_384;

/// Without news the routes are read again after so many looks.
const LOOKS: u32 = 10;

/// Bytes of an IPv4 and of an IPv6 header with a TCP header each.
const HEADERS: [u32; 2] = [40, 60];

/// What the program is to know.
#[derive(Debug, Default)]
pub struct Routes {
    links: BTreeMap<u32, Link>,
    routes: BTreeMap<IpNet, Route>,
    looks: u32,
}

impl Routes {
    /// The protected interfaces.
    pub fn links(&self) -> &BTreeMap<u32, Link> {
        &self.links
    }

    /// The routes that the program must ask.
    pub fn routes(&self) -> &BTreeMap<IpNet, Route> {
        &self.routes
    }

    /// `protected` and `devices` are indices.
    pub fn look(
        &mut self,
        links: &[netlink::Link],
        protected: &[u32],
        devices: &BTreeSet<u32>,
        may_have_changed: bool,
    ) -> Result<()> {
        self.looks += 1;
        if !may_have_changed && !self.links.is_empty() && self.looks < LOOKS {
            return Ok(());
        }
        self.looks = 0;
        let known = if netlink::has_policy_routing()? { None } else { netlink::routes(MAX_ROUTES)? };
        let neighbours = netlink::neighbours()?;
        let groups = topology::groups(links);
        let rp_filter = has_rp_filter(links, devices);
        self.routes = match &known {
            Some(routes) => routes_by_network(routes, &groups, &neighbours),
            None => BTreeMap::new(),
        };
        let link = |&index: &u32| {
            let group = groups.get(&index).copied().unwrap_or(index);
            let next_hop =
                if known.is_some() { next_hop(&self.routes, group) } else { NextHop::Sender };
            let max_mss = default_mss(&self.routes, group);
            (index, Link { group, next_hop, max_mss, rp_filter })
        };
        self.links = protected.iter().map(link).collect();
        if known.is_none() {
            return Ok(());
        }
        let ours: BTreeSet<u32> = self.links.values().map(|link| link.group).collect();
        let hosts = neighbours.iter().filter_map(|(&(index, ip), &mac)| {
            let group = groups.get(&index).copied().filter(|group| ours.contains(group))?;
            host_route(&self.routes, ip, group, mac)
        });
        let hosts: Vec<_> = hosts.take(MAX_ROUTES).collect();
        self.routes.extend(hosts);
        Ok(())
    }
}

/// Each network's best route.
fn routes_by_network(
    routes: &[netlink::Route],
    groups: &BTreeMap<u32, u32>,
    neighbours: &BTreeMap<(u32, IpAddr), Mac>,
) -> BTreeMap<IpNet, Route> {
    let mut best: BTreeMap<IpNet, Vec<&netlink::Route>> = BTreeMap::new();
    for route in routes.iter().filter(|route| !route.is_conditional) {
        best.entry(route.network).or_default().push(route);
    }
    let mut found = BTreeMap::new();
    for (network, mut routes) in best {
        routes.sort_by_key(|route| route.metric);
        let Some(first) = routes.first().copied() else { continue };
        let group = first.interface.and_then(|index| groups.get(&index).copied());
        let hop = first.interface.zip(first.gateway);
        // Every interface has a link-local network of its own.
        let is_everywhere = is_link_local(&network);
        let route = Route {
            next_hop: hop.and_then(|hop| neighbours.get(&hop).copied()),
            group: group.filter(|_| !is_everywhere),
            max_mss: max_mss(first),
            is_default: network.prefix_len() == 0,
        };
        found.insert(network, route);
    }
    found
}

/// A host on the link whose MAC is known: the answer goes there, and not to whoever sends in its name. None: it is
/// reached through another.
fn host_route(
    routes: &BTreeMap<IpNet, Route>,
    ip: IpAddr,
    group: u32,
    mac: Mac,
) -> Option<(IpNet, Route)> {
    let best = routes.iter().filter(|(network, _)| network.contains(&ip));
    let (_, &network) = best.max_by_key(|(network, _)| network.prefix_len())?;
    let is_on_link = network.next_hop.is_none() && network.group == Some(group) && !network.is_default;
    is_on_link.then(|| (IpNet::from(ip), Route { next_hop: Some(mac), ..network }))
}

fn is_link_local(network: &IpNet) -> bool {
    matches!(network, IpNet::V6(network) if network.addr().is_unicast_link_local())
}

fn max_mss(route: &netlink::Route) -> u16 {
    let headers = HEADERS[usize::from(route.network.addr().is_ipv6())];
    let by_mtu = route.mtu.map(|mtu| mtu.saturating_sub(headers));
    let least = [route.advmss, by_mtu].into_iter().flatten().min().unwrap_or(0);
    least.min(u16::MAX.into()) as u16
}

/// One gateway, and nothing that asks for another way than back to it: then no SYN of it needs a look-up.
fn next_hop(routes: &BTreeMap<IpNet, Route>, group: u32) -> NextHop {
    let leads_elsewhere = |(network, route): (&IpNet, &Route)| {
        !is_link_local(network)
            && (route.group != Some(group) || (route.max_mss != 0 && !route.is_default))
    };
    let gateways: BTreeSet<Mac> = routes.values().filter_map(|route| route.next_hop).collect();
    match gateways.first() {
        Some(&gateway) if gateways.len() == 1 && !routes.iter().any(leads_elsewhere) => {
            NextHop::Gateway(gateway)
        }
        _ => NextHop::Route,
    }
}

/// By the default routes, of IPv4 and of IPv6.
fn default_mss(routes: &BTreeMap<IpNet, Route>, group: u32) -> [u16; 2] {
    let of = |is_ipv6| {
        let default = routes.iter().find(|(network, route)| {
            route.is_default && route.group == Some(group) && network.addr().is_ipv6() == is_ipv6
        });
        default.map_or(0, |(_, route)| route.max_mss)
    };
    [of(false), of(true)]
}

/// Whether one of the devices drops a source that is routed by another interface (RFC 3704, strict).
fn has_rp_filter(links: &[netlink::Link], devices: &BTreeSet<u32>) -> bool {
    let number = |name: &str| sysctl::number(&format!("net/ipv4/conf/{name}/rp_filter")).unwrap_or(0);
    let for_all = number("all");
    let names = links.iter().filter(|link| devices.contains(&link.index)).map(|link| &link.name);
    // The higher of the two counts; 1 is strict.
    names.into_iter().any(|name| number(name).max(for_all) == 1)
}
