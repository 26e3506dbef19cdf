// SPDX-License-Identifier: GPL-2.0-only

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::ops::ControlFlow;

use anyhow::{Context, Result};
use netlink_packet_core::{Emitable, NlaBuffer, ParseableParametrized};
use netlink_packet_route::RouteNetlinkMessage;
use netlink_packet_route::neighbour::{
    NeighbourAddress, NeighbourAttribute, NeighbourHeader, NeighbourMessage,
};

use super::dump::{attributes, dump};
use super::links::mac;

/// An Ethernet address.
pub type Mac = [u8; 6];

/// The Ethernet addresses of the hosts on all links, by the index of the interface and the host's
/// address.
///
/// Only those that the kernel would send to without asking first: known, or known a while ago. Addresses
/// of zeros, as on `lo`, are left out.
///
/// Fails if the kernel refuses, or if they change every time that they are read.
pub fn neighbours() -> Result<BTreeMap<(u32, IpAddr), Mac>> {
    let question = RouteNetlinkMessage::GetNeighbour(NeighbourMessage::default());
    let found = dump(question, |neighbours: &mut BTreeMap<_, _>, entry| {
        neighbours.extend(neighbour(entry)?);
        Ok(ControlFlow::Continue(()))
    });
    found.context("cannot list the neighbours")
}

fn neighbour(entry: &[u8]) -> Result<Option<((u32, IpAddr), Mac)>> {
    let header = NeighbourHeader::parse(entry)?;
    let mut address = None;
    let mut found = None;
    let read =
        |attribute: &NlaBuffer<_>| NeighbourAttribute::parse_with_param(attribute, header.family);
    for attribute in attributes(entry, header.buffer_len(), read) {
        match attribute {
            NeighbourAttribute::Destination(NeighbourAddress::Inet(ip)) => address = Some(ip.into()),
            NeighbourAttribute::Destination(NeighbourAddress::Inet6(ip)) => address = Some(ip.into()),
            // Only in a state of NUD_VALID (include/net/neighbour.h).
            NeighbourAttribute::LinkLayerAddress(bytes) => found = mac(&bytes),
            _ => {}
        }
    }
    Ok(address.zip(found).map(|(address, mac)| ((header.ifindex, address), mac)))
}
