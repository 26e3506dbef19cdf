// SPDX-License-Identifier: GPL-2.0-only
//! What the program must know of this host to answer SYNs in its name: addresses and settings, which
//! may change while it runs.

use std::collections::BTreeMap;
use std::fs;
use std::net::IpAddr;
use std::os::fd::AsRawFd;
use std::thread;
use std::time::Duration;

use anyhow::{Context, Result};
use libbpf_rs::{MapCore, MapFlags};
use nix::errno::Errno;
use nix::ifaddrs::getifaddrs;
use nix::sys::socket::{
    AddressFamily, MsgFlags, NetlinkAddr, SockFlag, SockProtocol, SockType, SockaddrLike,
    SockaddrStorage, bind, recv, socket,
};

use crate::bpf::{SynfloodSkel, as_bytes, types};
use crate::{config, sys};

/// After a change others follow: an interface brings addresses.
const SETTLE: Duration = Duration::from_millis(100);

/// The kernel reads a client's options from its timestamps (net/ipv4/syncookies.c) only with this
/// value of net.ipv4.tcp_timestamps: with 1 it subtracts a secret first.
const PLAIN_TIMESTAMPS: u32 = 2;

/// Room for new addresses, beside as many again as there are: a hash table that is larger than it needs
/// to be costs every look-up of a random address a cache line.
const SPARE_ADDRESSES: u32 = 1024;

/// How many MAC and IP addresses the program shall have room for.
pub fn room_for_addresses() -> Result<(u32, u32)> {
    let Addresses { macs, ips } = Addresses::read()?;
    Ok((SPARE_ADDRESSES + 2 * macs.len() as u32, SPARE_ADDRESSES + 2 * ips.len() as u32))
}

/// This host, as the program last heard of it.
pub struct Host<'a> {
    skel: &'a SynfloodSkel<'a>,
    settings: types::host,
    addresses: Addresses,
}

/// What frames for this host are sent to.
#[derive(Default, PartialEq)]
struct Addresses {
    /// With the MTU in bytes; where interfaces share a MAC, the smallest.
    macs: BTreeMap<[u8; 6], u32>,
    ips: BTreeMap<IpAddr, u8>,
}

impl<'a> Host<'a> {
    pub fn new(skel: &'a SynfloodSkel<'a>) -> Result<Self> {
        let mut host = Self { skel, settings: types::host::default(), addresses: Addresses::default() };
        host.refresh()?;
        Ok(host)
    }

    /// Tells the program what has changed: addresses first, so that what it remembers of a generation is
    /// never older.
    pub fn refresh(&mut self) -> Result<()> {
        let maps = &self.skel.maps;
        let now = Addresses::read()?;
        let generation = self.settings.generation + u32::from(now != self.addresses);
        let address_bits = now.bits();
        let told = self.tell_addresses(now);
        // Also if there is no room for the addresses.
        self.settings = types::host { generation, address_bits, ..read_settings() };
        maps.data_host
            .update(&0_u32.to_ne_bytes(), as_bytes(&self.settings), MapFlags::ANY)
            .context("cannot tell the program this host's settings")?;
        told
    }

    fn tell_addresses(&mut self, now: Addresses) -> Result<()> {
        let maps = &self.skel.maps;
        let mac = |octet: &[u8; 6]| types::mac { octet: *octet, ..Default::default() };
        update(&maps.own_macs, &self.addresses.macs, &now.macs, mac)?;
        update(&maps.own_addresses, &self.addresses.ips, &now.ips, |ip| config::address(*ip))?;
        self.addresses = now;
        Ok(())
    }

    /// Whether this host's kernel makes SYN cookies at all.
    pub fn has_cookies(&self) -> bool {
        self.settings.syncookies != 0
    }
}

impl Addresses {
    fn read() -> Result<Self> {
        let mut addresses = Self::default();
        for each in getifaddrs().context("cannot list the interfaces' addresses")? {
            let Some(address) = each.address else { continue };
            if let Some(ip) = ip_of(&address) {
                addresses.ips.insert(ip, 1);
            }
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

    fn bits(&self) -> u64 {
        let bit = |ip: &IpAddr| 1 << (config::hash(&config::address(*ip)) >> 58);
        self.ips.keys().map(bit).fold(0, |bits: u64, bit: u64| bits | bit)
    }
}

fn ip_of(address: &SockaddrStorage) -> Option<IpAddr> {
    match address.family()? {
        AddressFamily::Inet => Some(address.as_sockaddr_in()?.ip().into()),
        AddressFamily::Inet6 => Some(address.as_sockaddr_in6()?.ip().into()),
        _ => None,
    }
}

/// Makes a map hold what is now, where it held what was before.
fn update<Key: Ord, Value: PartialEq + plain::Plain, MapKey: plain::Plain>(
    map: &impl MapCore,
    before: &BTreeMap<Key, Value>,
    now: &BTreeMap<Key, Value>,
    map_key: impl Fn(&Key) -> MapKey,
) -> Result<()> {
    for gone in before.keys().filter(|key| !now.contains_key(key)) {
        map.delete(as_bytes(&map_key(gone))).context("cannot forget an address of this host")?;
    }
    for (key, value) in now.iter().filter(|(key, value)| before.get(key) != Some(value)) {
        map.update(as_bytes(&map_key(key)), as_bytes(value), MapFlags::ANY)
            .context("cannot tell the program an address of this host")?;
    }
    Ok(())
}

fn read_settings() -> types::host {
    let ipv4 = |name: &str| sysctl(&format!("ipv4/{name}")).unwrap_or(0);
    let is_on = |name: &str| (ipv4(name) != 0).into();
    // The largest receive buffer that the kernel itself may give a socket, and that one may ask for.
    let rcv_space = [sysctl("ipv4/tcp_rmem"), sysctl("core/rmem_max")];
    let largest = rcv_space.iter().copied().collect::<Option<Vec<u32>>>().unwrap_or_default();
    types::host {
        syncookies: ipv4("tcp_syncookies").min(2) as u8,
        // Without both the window scale is not known, and then no timestamp may promise one.
        timestamps: (!largest.is_empty() && ipv4("tcp_timestamps") == PLAIN_TIMESTAMPS).into(),
        sack: is_on("tcp_sack"),
        wscale: is_on("tcp_window_scaling"),
        ecn: is_on("tcp_ecn"),
        rcv_space: largest.into_iter().max().unwrap_or(0),
        ..Default::default()
    }
}

/// A setting of this network namespace; of several numbers the last, which is the largest.
fn sysctl(name: &str) -> Option<u32> {
    fs::read_to_string(format!("/proc/sys/net/{name}")).ok()?.split_whitespace().last()?.parse().ok()
}

/// Calls `notify` from a thread of its own whenever an interface or an address has come, changed or
/// gone.
pub fn watch(notify: impl Fn() + Send + 'static) -> Result<()> {
    let events = socket(
        AddressFamily::Netlink,
        SockType::Raw,
        SockFlag::SOCK_CLOEXEC,
        SockProtocol::NetlinkRoute,
    )
    .context("cannot listen for new addresses of this host")?;
    let groups = libc::RTMGRP_LINK | libc::RTMGRP_IPV4_IFADDR | libc::RTMGRP_IPV6_IFADDR;
    bind(events.as_raw_fd(), &NetlinkAddr::new(0, groups as u32))
        .context("cannot listen for new addresses of this host")?;
    thread::spawn(move || {
        // What an event says does not matter, and that one was lost (ENOBUFS) is an event as well.
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
    });
    Ok(())
}
