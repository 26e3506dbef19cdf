// SPDX-License-Identifier: GPL-2.0-only
//! The addresses and settings of this host that the program needs to answer SYNs in its name.

use std::net::IpAddr;

use anyhow::{Context, Result, anyhow};
use libbpf_rs::{ErrorKind, MapCore, MapFlags};

use crate::kernel::addresses::Addresses;
use crate::kernel::encode;
use crate::kernel::skel::{SynfloodSkel, as_bytes, types};

/// Room for new addresses, beside twice those that there are. A larger hash table costs every look-up
/// of a random address a cache line.
const SPARE_ADDRESSES: u32 = 1024;

/// For how many MAC and IP addresses the program gets room.
pub fn room_for(now: &Addresses) -> (u32, u32) {
    let room = |count: usize| SPARE_ADDRESSES + 2 * count as u32;
    (room(now.macs.len()), room(now.ips.len()))
}

/// Tells the program settings, the generation of the addresses, and their bits.
pub fn set(skel: &SynfloodSkel<'_>, host: &types::host) -> Result<()> {
    skel.maps
        .data_host
        .update(&0_u32.to_ne_bytes(), as_bytes(host), MapFlags::ANY)
        .context("cannot tell the program this host's settings")
}

/// Makes a MAC address one of this host's. `mtu` in bytes.
pub fn own_mac(skel: &SynfloodSkel<'_>, octet: [u8; 6], mtu: u32) -> Result<()> {
    let mac = types::mac { octet, ..Default::default() };
    update(&skel.maps.own_macs, as_bytes(&mac), as_bytes(&mtu))
}

pub fn disown_mac(skel: &SynfloodSkel<'_>, octet: [u8; 6]) -> Result<()> {
    delete(&skel.maps.own_macs, as_bytes(&types::mac { octet, ..Default::default() }))
}

/// Makes an IP address one of this host's.
pub fn own_ip(skel: &SynfloodSkel<'_>, ip: IpAddr) -> Result<()> {
    update(&skel.maps.own_addresses, as_bytes(&encode::address(ip)), as_bytes(&1_u8))
}

pub fn disown_ip(skel: &SynfloodSkel<'_>, ip: IpAddr) -> Result<()> {
    delete(&skel.maps.own_addresses, as_bytes(&encode::address(ip)))
}

/// `address_bits` of struct host.
pub fn address_bits<'a>(ips: impl IntoIterator<Item = &'a IpAddr>) -> u64 {
    let bit = |ip: &IpAddr| 1 << (encode::hash(&encode::address(*ip)) >> 58);
    ips.into_iter().map(bit).fold(0, |bits: u64, bit: u64| bits | bit)
}

fn update(map: &impl MapCore, key: &[u8], value: &[u8]) -> Result<()> {
    map.update(key, value, MapFlags::ANY).map_err(|error| match error.kind() {
        ErrorKind::TooBig => anyhow!("there is no room for more of them until it is started again"),
        _ => anyhow!(error).context("cannot tell the program an address of this host"),
    })
}

/// Deletes a key; one that is not there is no error.
fn delete(map: &impl MapCore, key: &[u8]) -> Result<()> {
    match map.delete(key) {
        Err(error) if error.kind() != ErrorKind::NotFound => {
            Err(error).context("cannot forget an address of this host")
        }
        _ => Ok(()),
    }
}
