// SPDX-License-Identifier: GPL-2.0-only

use std::ops::ControlFlow;

use anyhow::{Context, Result};
use netlink_packet_core::{Emitable, NlaBuffer, NlasIterator, ParseableParametrized};
use netlink_packet_route::RouteNetlinkMessage;
use netlink_packet_route::link::{LinkAttribute, LinkExtentMask, LinkFlags, LinkHeader, LinkMessage};

use super::Mac;
use super::dump::{attributes, dump};

/// Of include/uapi/linux/if_link.h.
const IFLA_LINKINFO: u16 = 18;
const IFLA_INFO_KIND: u16 = 1;
const IFLA_INFO_SLAVE_KIND: u16 = 4;

/// For these kinds IFLA_LINK is the other end.
const PAIRED_KINDS: [&str; 3] = ["veth", "netkit", "vxcan"];

/// A network interface.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Link {
    /// Its number in this network namespace.
    pub index: u32,
    /// Empty if it is no UTF-8.
    pub name: String,
    /// None also for an address of zeros, as `lo` has, and of another length than Ethernet's.
    pub mac: Option<Mac>,
    /// The largest IP packet that it sends, in bytes.
    pub mtu: u32,
    /// The index of the bridge, bond, VRF or the like that it is a part of.
    pub controller: Option<u32>,
    /// The kind of this: "bridge", "bond", "vrf", "team", …
    pub controller_kind: Option<String>,
    /// The index of the interface that carries its frames, as that of a VLAN or macvlan. None if it is
    /// in another network namespace. The other end of a veth is none.
    pub lower: Option<u32>,
    /// Of a virtual one: "bridge", "veth", "vlan", …
    pub kind: Option<String>,
    /// Whether all that is sent through it comes back.
    pub is_loopback: bool,
}

/// All interfaces, in the order of the kernel's.
///
/// Fails if the kernel refuses, or if they change every time that they are read.
pub fn links() -> Result<Vec<Link>> {
    let mut question = LinkMessage::default();
    // Some drivers must ask the NIC for its statistics.
    question.attributes.push(LinkAttribute::ExtMask(vec![LinkExtentMask::SkipStats]));
    let found = dump(RouteNetlinkMessage::GetLink(question), |links: &mut Vec<Link>, entry| {
        links.push(link(entry)?);
        Ok(ControlFlow::Continue(()))
    });
    found.context("cannot list the interfaces")
}

fn link(entry: &[u8]) -> Result<Link> {
    let header = LinkHeader::parse(entry)?;
    let mut link = Link {
        index: header.index,
        name: String::new(),
        mac: None,
        mtu: 0,
        controller: None,
        controller_kind: None,
        lower: None,
        kind: None,
        is_loopback: header.flags.contains(LinkFlags::Loopback),
    };
    let mut is_lower_elsewhere = false;
    let read =
        |attribute: &NlaBuffer<_>| LinkAttribute::parse_with_param(attribute, header.interface_family);
    for attribute in attributes(entry, header.buffer_len(), read) {
        match attribute {
            LinkAttribute::IfName(name) => link.name = name,
            LinkAttribute::Address(address) => link.mac = mac(&address),
            LinkAttribute::Mtu(mtu) => link.mtu = mtu,
            LinkAttribute::Controller(index) => link.controller = Some(index),
            LinkAttribute::Link(index) => link.lower = Some(index).filter(|&index| index != 0),
            LinkAttribute::LinkNetNsId(_) => is_lower_elsewhere = true,
            _ => {}
        }
    }
    (link.kind, link.controller_kind) = kinds(entry, header.buffer_len());
    let is_paired = link.kind.as_ref().is_some_and(|kind| PAIRED_KINDS.contains(&kind.as_str()));
    if is_lower_elsewhere || is_paired {
        link.lower = None;
    }
    Ok(link)
}

/// Its own kind and that of its controller.
///
/// Read apart from the other attributes: netlink-packet-route gives all of IFLA_LINKINFO or nothing, with
/// the settings of each kind of interface, to which kernels add.
fn kinds(entry: &[u8], header_length: usize) -> (Option<String>, Option<String>) {
    let mut kinds = (None, None);
    for about in attributes(entry, header_length, |attribute| Ok(*attribute)) {
        if about.kind() != IFLA_LINKINFO {
            continue;
        }
        for each in NlasIterator::new(about.value()).flatten() {
            match each.kind() {
                IFLA_INFO_KIND => kinds.0 = Some(text(each.value())),
                IFLA_INFO_SLAVE_KIND => kinds.1 = Some(text(each.value())),
                _ => {}
            }
        }
    }
    kinds
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).trim_end_matches('\0').into()
}

/// None for an address of zeros, or of another length.
pub(super) fn mac(address: &[u8]) -> Option<Mac> {
    address.try_into().ok().filter(|&mac| mac != [0; 6])
}
