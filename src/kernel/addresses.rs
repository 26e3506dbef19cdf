// SPDX-License-Identifier: GPL-2.0-only
//! This host's own addresses.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

use anyhow::{Context, Result};
use nix::ifaddrs::getifaddrs;
use nix::sys::socket::{AddressFamily, SockaddrLike, SockaddrStorage};

pub use super::netlink::watch;
use super::sys;

/// The addresses to which frames for this host are sent.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Addresses {
    /// With the MTU in bytes; the smallest if interfaces share a MAC.
    pub macs: BTreeMap<[u8; 6], u32>,
    pub ips: BTreeSet<IpAddr>,
}

impl Addresses {
    /// Of all interfaces of this network namespace.
    pub fn read() -> Result<Self> {
        let mut addresses = Self::default();
        for each in getifaddrs().context("cannot list the interfaces' addresses")? {
            let Some(address) = each.address else { continue };
            addresses.ips.extend(ip_of(&address));
            // An interface that has gone meanwhile has no MTU, and lo no MAC.
            let mac = address.as_link_addr().and_then(|link| link.addr());
            let mac = mac.filter(|&mac| mac != [0; 6]);
            if let (Some(mac), Ok(mtu)) = (mac, sys::interface_mtu(&each.interface_name)) {
                let smallest = addresses.macs.entry(mac).or_insert(mtu);
                *smallest = mtu.min(*smallest);
            }
        }
        Ok(addresses)
    }
}

fn ip_of(address: &SockaddrStorage) -> Option<IpAddr> {
    match address.family()? {
        AddressFamily::Inet => Some(address.as_sockaddr_in()?.ip().into()),
        AddressFamily::Inet6 => Some(address.as_sockaddr_in6()?.ip().into()),
        _ => None,
    }
}
