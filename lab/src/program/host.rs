// SPDX-License-Identifier: GPL-2.0-only
//! A test tells the program about its host, as user space does in a run.

use std::net::IpAddr;

use synflood_xdp::kernel::maps::host;

use super::{Program, types};

/// The kernel always makes cookies, and reads options from timestamps. Receive space is 32 MiB. The
/// program looks for every source of a SYN among the host's own addresses.
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
        host::set(&self.skel, &settings).unwrap();
    }

    /// Makes an address one of the host's.
    pub fn own(&self, address: IpAddr) {
        host::own_ip(&self.skel, address).unwrap();
    }

    /// The opposite of [`Self::own`].
    pub fn disown(&self, address: IpAddr) {
        host::disown_ip(&self.skel, address).unwrap();
    }

    /// Makes a MAC address that of an interface with this MTU, in bytes.
    pub fn own_mac(&self, octet: [u8; 6], mtu: u32) {
        host::own_mac(&self.skel, octet, mtu).unwrap();
    }
}
