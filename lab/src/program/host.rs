// SPDX-License-Identifier: GPL-2.0-only
//! What user space tells the program about its host. Here a test tells it instead.

use std::net::IpAddr;

use synflood_xdp::kernel::maps::host;

use super::{Program, types};

/// The kernel always makes cookies, even if the listener has room, and reads options from timestamps.
/// Receive space is 32 MiB. Every source of a SYN is looked up among the host's own addresses.
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
    /// Tells the program the host's settings, like [`HOST`].
    pub fn tell(&self, settings: types::host) {
        host::set(&self.skel, &settings).unwrap();
    }

    /// Adds an address to the host's own.
    pub fn own(&self, address: IpAddr) {
        host::own_ip(&self.skel, address).unwrap();
    }

    /// The opposite of [`Self::own`].
    pub fn disown(&self, address: IpAddr) {
        host::disown_ip(&self.skel, address).unwrap();
    }

    /// Adds the MAC address of an interface with this MTU in bytes.
    pub fn own_mac(&self, octet: [u8; 6], mtu: u32) {
        host::own_mac(&self.skel, octet, mtu).unwrap();
    }
}
