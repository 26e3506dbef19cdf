// SPDX-License-Identifier: GPL-2.0-only
//! This host's own addresses, and their changes.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;
use std::os::fd::AsRawFd;
use std::thread;
use std::time::Duration;

use anyhow::{Context, Result};
use nix::errno::Errno;
use nix::ifaddrs::getifaddrs;
use nix::sys::socket::{
    AddressFamily, MsgFlags, NetlinkAddr, SockFlag, SockProtocol, SockType, SockaddrLike,
    SockaddrStorage, bind, recv, socket,
};

use super::sys;

/// Changes come in groups: a new interface brings its addresses.
const SETTLE: Duration = Duration::from_millis(100);

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

/// Calls `notify` from a thread of its own whenever an interface or an address has come, changed or
/// gone.
pub fn watch(notify: impl Fn() + Send + 'static) -> Result<()> {
    const CANNOT: &str = "cannot listen for new addresses of this host";
    let events = socket(
        AddressFamily::Netlink,
        SockType::Raw,
        SockFlag::SOCK_CLOEXEC,
        SockProtocol::NetlinkRoute,
    )
    .context(CANNOT)?;
    let groups = libc::RTMGRP_LINK | libc::RTMGRP_IPV4_IFADDR | libc::RTMGRP_IPV6_IFADDR;
    bind(events.as_raw_fd(), &NetlinkAddr::new(0, groups as u32)).context(CANNOT)?;
    let listen = move || {
        // Any event counts, whatever it says. A lost one (ENOBUFS) is an event too.
        let mut event = [0; 1];
        let mut heard = |flags| match recv(events.as_raw_fd(), &mut event, flags) {
            Ok(_) | Err(Errno::ENOBUFS | Errno::EINTR) => true,
            Err(_) => false,
        };
        while heard(MsgFlags::empty()) {
            thread::sleep(SETTLE);
            while heard(MsgFlags::MSG_DONTWAIT) {}
            notify();
        }
    };
    thread::Builder::new().spawn(listen).context(CANNOT)?;
    Ok(())
}
