// SPDX-License-Identifier: GPL-2.0-only

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::ops::ControlFlow;

use anyhow::{Context, Result};
use ipnet::IpNet;
use netlink_packet_core::{Emitable, NlaBuffer, ParseableParametrized};
use netlink_packet_route::route::{
    RouteAddress, RouteAttribute, RouteHeader, RouteLwEnCapType, RouteMessage, RouteMetric, RouteType,
    RouteVia,
};
use netlink_packet_route::{AddressFamily, RouteNetlinkMessage};

use super::dump::{attributes, dump};

/// Addresses that this host takes as its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct LocalRoute {
    /// One address, or a whole network (`ip route add local 203.0.113.0/24 dev lo`).
    pub network: IpNet,
    /// The table that says so: 255 (local), or that of a VRF. Another one is for the packets of a rule
    /// only, as `ip route add local default dev lo table 100` is for those that a proxy takes from others.
    pub table: u32,
}

/// What this host takes as its own, of both families and all tables, without the loopback addresses.
///
/// Fails if the kernel refuses, or if they change every time that they are read.
pub fn local_routes() -> Result<Vec<LocalRoute>> {
    let mut found = Vec::new();
    for family in [AddressFamily::Inet, AddressFamily::Inet6] {
        let question = question(family, RouteHeader::RT_TABLE_UNSPEC, RouteType::Local);
        let local = dump_routes(question, usize::MAX, |entry| local_route(entry, family));
        found.extend(local.context("cannot list this host's own addresses")?);
    }
    Ok(found)
}

fn local_route(entry: &[u8], family: AddressFamily) -> Result<Option<LocalRoute>> {
    let header = RouteHeader::parse(entry)?;
    let mut table = header.table.into();
    for attribute in route_attributes(entry, &header) {
        if let RouteAttribute::Table(number) = attribute {
            table = number;
        }
    }
    let network = network(entry, &header, family)?.filter(|network| !network.addr().is_loopback());
    Ok(network.map(|network| LocalRoute { network, table }))
}

/// A way out of this host.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Route {
    /// Where it leads. The default route's has the length 0.
    pub network: IpNet,
    /// The index of the interface. None if `is_multipath`.
    pub interface: Option<u32>,
    /// The next host. None if the network is on the link, or `is_multipath`.
    pub gateway: Option<IpAddr>,
    /// The MSS that the kernel announces on it, in bytes, if the route says so.
    pub advmss: Option<u32>,
    /// The largest packet on it, in bytes, if the route says so.
    pub mtu: Option<u32>,
    /// Of several routes to a network, the lowest holds.
    pub metric: u32,
    /// Several next hosts share it, or those of a `nexthop` object that the kernel does not show.
    pub is_multipath: bool,
    /// It holds only for packets from some addresses, or with some type of service.
    pub is_conditional: bool,
}

/// The unicast routes of the main table, of both families. None: there are more than `limit`.
///
/// Fails if the kernel refuses, or if they change every time that they are read.
pub fn routes(limit: usize) -> Result<Option<Vec<Route>>> {
    let mut found = Vec::new();
    for family in [AddressFamily::Inet, AddressFamily::Inet6] {
        let room = limit - found.len();
        let question = question(family, RouteHeader::RT_TABLE_MAIN, RouteType::Unicast);
        let routes = dump_routes(question, room, |entry| route(entry, family));
        found.extend(routes.context("cannot list the routes")?);
        if found.len() > limit {
            return Ok(None);
        }
    }
    Ok(Some(found))
}

fn route(entry: &[u8], family: AddressFamily) -> Result<Option<Route>> {
    let header = RouteHeader::parse(entry)?;
    let Some(network) = network(entry, &header, family)? else { return Ok(None) };
    let mut route = Route {
        network,
        interface: None,
        gateway: None,
        advmss: None,
        mtu: None,
        metric: 0,
        is_multipath: false,
        is_conditional: header.source_prefix_length != 0 || header.tos != 0,
    };
    for attribute in route_attributes(entry, &header) {
        match attribute {
            RouteAttribute::Oif(index) => route.interface = Some(index),
            RouteAttribute::Gateway(RouteAddress::Inet(ip))
            | RouteAttribute::Via(RouteVia::Inet(ip)) => route.gateway = Some(ip.into()),
            RouteAttribute::Gateway(RouteAddress::Inet6(ip))
            | RouteAttribute::Via(RouteVia::Inet6(ip)) => route.gateway = Some(ip.into()),
            RouteAttribute::Priority(metric) => route.metric = metric,
            RouteAttribute::Metrics(metrics) => {
                for metric in metrics {
                    match metric {
                        RouteMetric::Advmss(bytes) => route.advmss = Some(bytes),
                        RouteMetric::Mtu(bytes) => route.mtu = Some(bytes),
                        _ => {}
                    }
                }
            }
            _ => {}
        }
    }
    // Only a single next host is shown with its interface beside the network.
    route.is_multipath = route.interface.is_none();
    if route.is_multipath {
        route.gateway = None;
    }
    Ok(Some(route))
}

/// About the routes of one family, table (0: all) and kind.
fn question(family: AddressFamily, table: u8, kind: RouteType) -> RouteNetlinkMessage {
    let mut question = RouteMessage::default();
    question.header.address_family = family;
    question.header.table = table;
    question.header.kind = kind;
    RouteNetlinkMessage::GetRoute(question)
}

/// Stops at the first route after `limit`, which is in the list too.
fn dump_routes<R>(
    question: RouteNetlinkMessage,
    limit: usize,
    read: impl Fn(&[u8]) -> Result<Option<R>>,
) -> Result<Vec<R>> {
    let found = dump(question, |routes: &mut Vec<R>, entry| {
        routes.extend(read(entry)?);
        Ok(if routes.len() > limit { ControlFlow::Break(()) } else { ControlFlow::Continue(()) })
    });
    match found {
        Err(error) if is_without_table(&error) => Ok(Vec::new()),
        found => found,
    }
}

/// A table comes with its first route.
fn is_without_table(error: &anyhow::Error) -> bool {
    let error = error.downcast_ref::<io::Error>();
    error.is_some_and(|error| error.raw_os_error() == Some(libc::ENOENT))
}

fn route_attributes(entry: &[u8], header: &RouteHeader) -> impl Iterator<Item = RouteAttribute> {
    let about = (header.address_family, header.kind, RouteLwEnCapType::None);
    let read = move |attribute: &NlaBuffer<_>| RouteAttribute::parse_with_param(attribute, about);
    attributes(entry, header.buffer_len(), read)
}

/// Where a route leads. None if it is of another family: a kernel without IPv6 answers with the routes
/// that it has.
fn network(entry: &[u8], header: &RouteHeader, family: AddressFamily) -> Result<Option<IpNet>> {
    let Some(mut address) = unspecified(header.address_family) else { return Ok(None) };
    if header.address_family != family {
        return Ok(None);
    }
    for attribute in route_attributes(entry, header) {
        match attribute {
            RouteAttribute::Destination(RouteAddress::Inet(ip)) => address = ip.into(),
            RouteAttribute::Destination(RouteAddress::Inet6(ip)) => address = ip.into(),
            _ => {}
        }
    }
    Ok(Some(IpNet::new(address, header.destination_prefix_length)?))
}

/// The unspecified address of a family of addresses. None: it is another family.
fn unspecified(family: AddressFamily) -> Option<IpAddr> {
    match family {
        AddressFamily::Inet => Some(Ipv4Addr::UNSPECIFIED.into()),
        AddressFamily::Inet6 => Some(Ipv6Addr::UNSPECIFIED.into()),
        _ => None,
    }
}
