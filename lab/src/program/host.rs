// SPDX-License-Identifier: GPL-2.0-only
//! What user space tells the program of its host, where a test tells it instead.

use std::net::IpAddr;

use libbpf_rs::{MapCore, MapFlags};
use synflood_xdp::bpf::as_bytes;
use synflood_xdp::config;

use super::{Program, types};

/// The kernel makes cookies whether the listener has room or not, and reads options from timestamps.
/// Receive space is 32 MiB. Whatever source a SYN has, it is looked for among the host's own addresses.
pub const HOST: types::host = types::host {
    syncookies: 2,
    timestamps: 1,
    sack: 1,
    wscale: 1,
    ecn: 1,
    padding: [0; 3],
    rcv_space: 1 << 25,
    generation: 0,
    address_bits: u64::MAX,
};

impl Program<'_> {
    /// Tells it the host's settings, like [`HOST`].
    pub fn tell(&self, settings: types::host) {
        let host = &self.skel.maps.data_host;
        host.update(as_bytes(&0_u32), as_bytes(&settings), MapFlags::ANY).unwrap();
    }

    /// Makes an address one of the host's.
    pub fn own(&self, address: IpAddr) {
        let key = config::address(address);
        self.skel.maps.own_addresses.update(as_bytes(&key), as_bytes(&1_u8), MapFlags::ANY).unwrap();
    }

    /// The opposite of [`Self::own`], for an address that is one of the host's.
    pub fn disown(&self, address: IpAddr) {
        let key = config::address(address);
        self.skel.maps.own_addresses.delete(as_bytes(&key)).unwrap();
    }

    /// Makes a MAC address that of an interface with this MTU, in bytes.
    pub fn own_mac(&self, octet: [u8; 6], mtu: u32) {
        let mac = types::mac { octet, ..Default::default() };
        self.skel.maps.own_macs.update(as_bytes(&mac), as_bytes(&mtu), MapFlags::ANY).unwrap();
    }
}
