// SPDX-License-Identifier: GPL-2.0-only
//! What user space tells the program about its host. Here a test tells it instead.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

use ipnet::IpNet;
use libbpf_rs::{MapCore, MapFlags};
use synflood_xdp::kernel::maps::host::{Link, Route};
use synflood_xdp::kernel::maps::{host, ports};
use synflood_xdp::kernel::netlink::Mac;

use super::{Program, types};

/// The kernel always makes cookies, even if the listener has room, and reads options from timestamps.
/// Receive space is 32 MiB. It is never too old. Every source of a SYN is looked up among the host's own addresses.
pub const HOST: types::host = types::host {
    syncookies: 2,
    timestamps: 2,
    sack: 1,
    wscale: 1,
    ecn: 1,
    knows_rcv_space: 1,
    padding: [0; 2],
    rcv_space: 1 << 25,
    generation: 0,
    address_bits: u64::MAX,
    looked_at: i64::MAX as u64,
};

/// What a test has told a program so far.
#[derive(Debug, Default)]
pub struct Told {
    tables: host::Tables,
    macs: BTreeMap<Mac, u32>,
    networks: BTreeSet<IpNet>,
    port_tables: ports::Tables,
    ports: ports::Ports,
}

impl Program {
    /// Tells the program the host's settings, like [`HOST`].
    pub fn tell(&self, settings: types::host) {
        host::set(&self.maps, &settings).unwrap();
    }

    /// Adds an address to the host's own.
    pub fn own(&self, address: IpAddr) {
        self.told.lock().unwrap().networks.insert(address.into());
        self.tell_addresses();
    }

    /// The opposite of [`Self::own`].
    pub fn disown(&self, address: IpAddr) {
        self.told.lock().unwrap().networks.remove(&IpNet::from(address));
        self.tell_addresses();
    }

    /// Adds the MAC address of an interface with this MTU in bytes.
    pub fn own_mac(&self, octet: Mac, mtu: u32) {
        self.told.lock().unwrap().macs.insert(octet, mtu);
        self.tell_addresses();
    }

    /// Tells the program that SYNs come in by an interface of this kind: that of the test run, the loopback
    /// device.
    pub fn tell_link(&self, link: Link) {
        const LOOPBACK: u32 = 1;
        let mut told = self.told.lock().unwrap();
        let links = BTreeMap::from([(LOOPBACK, link)]);
        told.tables.tell_links(&self.maps, &links, &BTreeSet::new()).1.unwrap();
    }

    /// Tells the program these routes, and no others.
    pub fn tell_routes(&self, routes: &BTreeMap<IpNet, Route>) {
        self.told.lock().unwrap().tables.tell_routes(&self.maps, routes).unwrap();
    }

    /// Tells the program about a port of one family.
    pub fn tell_port(&self, is_ipv6: bool, port: u16, about: ports::Port) {
        let mut told = self.told.lock().unwrap();
        told.ports.add(is_ipv6, port, about);
        let ports = told.ports.clone();
        told.port_tables.tell(&self.maps, ports, &BTreeSet::new()).unwrap();
    }

    /// Makes the program look at segments for answers to challenges, or not.
    pub fn look_for_answers(&self, is_on: bool) {
        let is_on = u32::from(is_on).to_ne_bytes();
        self.maps.data_answered.update(&0_u32.to_ne_bytes(), &is_on, MapFlags::ANY).unwrap();
    }

    fn tell_addresses(&self) {
        let mut told = self.told.lock().unwrap();
        let Told { tables, macs, networks, .. } = &mut *told;
        tables.tell_addresses(&self.maps, macs, networks).1.unwrap();
    }
}
