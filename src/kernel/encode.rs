// SPDX-License-Identifier: GPL-2.0-only
//! Converts plain values to those of the BPF program and back; each way is the other's inverse.

mod networks;
mod services;
mod syn;

use std::net::{IpAddr, Ipv6Addr};

use ipnet::IpNet;

use super::skel::types;
pub use networks::{network_key, network_of};
pub use syn::{family_of_syn, syn_bytes, syn_family, syn_words};

use crate::policy::{
    Challenge, Cookies, Learn, Limit, Networks, Policy, Ports, Rate, SourceLimits, TotalRate,
};

/// Bits of an IPv4-mapped IPv6 address before the IPv4 address (RFC 4291, 2.5.5.2).
const MAPPED_PREFIX: u8 = 96;

/// Of `config.learns`: what becomes of a learned rule. 0: none are learned.
const SUGGESTS: u8 = 1;
const LEARNS: u8 = 2;

/// A bit for each TCP port.
type PortBits = [u64; 1024];

/// Sets the program's constants that come from the policy.
pub fn write_policy(policy: &Policy, config: &mut types::config) {
    services::write(policy, config);
    config.pass_limit = total_limit(policy.pass_rate);
    config.unchallenged_limit = total_limit(policy.unchallenged_rate);
    config.challenge_limit = total_limit(policy.challenge_rate);
    config.learns = match policy.learn {
        Learn::Off => 0,
        Learn::Suggest => SUGGESTS,
        Learn::On => LEARNS,
    };
    config.challenge = match policy.challenge {
        Challenge::Off => types::challenge_mode::CHALLENGE_MODE_OFF,
        Challenge::All => types::challenge_mode::CHALLENGE_MODE_ALL,
    };
    config.own_cookies = (policy.cookies == Cookies::Own).into();
    config.protected_ports = port_bits(&policy.ports);
    config.ipv4_mask = mask(MAPPED_PREFIX + policy.ipv4_prefix);
    config.ipv6_mask = mask(policy.ipv6_prefix);
    config.networks = (policy.networks == Networks::On).into();
    config.network_steps = networks::steps(policy);
    config.dry_run = policy.dry_run.into();
}

/// The inverse of [`write_policy`], for a policy whose cookies are not [`Cookies::Auto`].
pub fn read_policy(config: &types::config) -> Policy {
    Policy {
        syn_limit: read_limit(&config.services[0].limits.syns),
        connection_limit: maybe_limit(&config.services[0].limits.connections),
        pass_rate: read_total(&config.pass_limit),
        unchallenged_rate: read_total(&config.unchallenged_limit),
        challenge_rate: read_total(&config.challenge_limit),
        challenge: match config.challenge {
            types::challenge_mode::CHALLENGE_MODE_ALL => Challenge::All,
            _ => Challenge::Off,
        },
        cookies: if config.own_cookies != 0 { Cookies::Own } else { Cookies::Kernel },
        ports: read_ports(&config.protected_ports),
        services: services::read(config),
        ipv4_prefix: prefix_len(&config.ipv4_mask).saturating_sub(MAPPED_PREFIX),
        ipv6_prefix: prefix_len(&config.ipv6_mask),
        networks: if config.networks != 0 { Networks::On } else { Networks::Off },
        dry_run: config.dry_run != 0,
        learn: match config.learns {
            LEARNS => Learn::On,
            SUGGESTS => Learn::Suggest,
            _ => Learn::Off,
        },
    }
}

fn limit(limit: Limit) -> types::limit {
    types::limit { interval_ns: limit.rate.interval_ns, capacity_ns: limit.capacity_ns() }
}

fn read_limit(limit: &types::limit) -> Limit {
    let interval_ns = limit.interval_ns.max(1);
    Limit { burst: limit.capacity_ns / interval_ns, rate: Rate { interval_ns } }
}

/// An interval of 0: no limit.
fn maybe_limit(limit: &types::limit) -> Option<Limit> {
    (limit.interval_ns != 0).then(|| read_limit(limit))
}

/// The limits of each source at the ports of a service.
pub fn source_limits(limits: SourceLimits) -> types::source_limits {
    types::source_limits {
        syns: limit(limits.syns),
        connections: limits.connections.map(limit).unwrap_or_default(),
    }
}

/// An interval of 0: no limit.
pub fn total_limit(rate: TotalRate) -> types::limit {
    rate.limit().map(limit).unwrap_or_default()
}

fn read_total(limit: &types::limit) -> TotalRate {
    TotalRate((limit.interval_ns != 0).then_some(Rate { interval_ns: limit.interval_ns }))
}

fn port_bits(ports: &Ports) -> PortBits {
    std::array::from_fn(|word| {
        let bit = |bit: u32| u64::from(ports.contains((word as u32 * 64 + bit) as u16)) << bit;
        (0..64).map(bit).fold(0, |bits, bit| bits | bit)
    })
}

fn read_ports(bits: &PortBits) -> Ports {
    if bits.iter().all(|&word| word == u64::MAX) {
        return Ports::default();
    }
    Ports::only((0..=u16::MAX).filter(|port| bits[usize::from(port / 64)] >> (port % 64) & 1 != 0))
}

/// An address whose first `bits` are set.
pub fn mask(bits: u8) -> types::addr {
    let ones = u128::MAX.checked_shl(128 - u32::from(bits)).unwrap_or(0);
    address(Ipv6Addr::from(ones).into())
}

/// The inverse of [`mask`].
fn prefix_len(mask: &types::addr) -> u8 {
    mask.word.iter().map(|word| word.count_ones() as u8).sum()
}

/// An address as the program holds it: network byte order, IPv4 mapped.
pub fn address(ip: IpAddr) -> types::addr {
    let ipv6 = match ip {
        IpAddr::V4(ip) => ip.to_ipv6_mapped(),
        IpAddr::V6(ip) => ip,
    };
    let octets = ipv6.octets();
    let (words, _) = octets.as_chunks();
    types::addr { word: std::array::from_fn(|i| u32::from_ne_bytes(words[i])) }
}

/// The inverse of [`address`], for all but mapped IPv6 addresses, which are IPv4 addresses to the
/// program.
pub fn ip(address: &types::addr) -> IpAddr {
    let mut octets = [0; 16];
    for (octets, word) in octets.chunks_exact_mut(4).zip(address.word) {
        octets.copy_from_slice(&word.to_ne_bytes());
    }
    Ipv6Addr::from(octets).to_canonical()
}

/// `addr_hash()` of the program, with the keys of its struct secret.
pub fn hash(address: &types::addr, keys: [u64; 2]) -> u64 {
    let pair = |low, high| u64::from(high) << 32 | u64::from(low);
    let [a, b, c, d] = address.word;
    pair(a, b).wrapping_mul(keys[0]).wrapping_add(pair(c, d).wrapping_mul(keys[1]))
}

/// The address by which the source is known to which this one belongs.
pub fn source_addr(policy: &Policy, ip: IpAddr) -> types::addr {
    let bits = match ip.to_canonical() {
        IpAddr::V4(_) => MAPPED_PREFIX + policy.ipv4_prefix,
        IpAddr::V6(_) => policy.ipv6_prefix,
    };
    let (address, mask) = (address(ip), mask(bits));
    types::addr { word: std::array::from_fn(|i| address.word[i] & mask.word[i]) }
}

/// A network as a key of the lists.
pub fn list_key(network: &IpNet) -> types::list_key {
    let (family, mapped) = match network {
        IpNet::V4(_) => (types::family::FAMILY_IPV4, MAPPED_PREFIX),
        IpNet::V6(_) => (types::family::FAMILY_IPV6, 0),
    };
    types::list_key {
        prefix_len: u32::BITS + u32::from(mapped + network.prefix_len()),
        family,
        addr: address(network.addr()),
        ..Default::default()
    }
}

/// The inverse of [`list_key`]. None: not a key of ours.
pub fn network(key: &types::list_key) -> Option<IpNet> {
    let is_ipv4 = key.family == types::family::FAMILY_IPV4;
    let mapped = if is_ipv4 { MAPPED_PREFIX } else { 0 };
    let bits = key.prefix_len.checked_sub(u32::BITS + u32::from(mapped))?;
    let address = match ip(&key.addr) {
        IpAddr::V4(address) if !is_ipv4 => address.to_ipv6_mapped().into(),
        address => address,
    };
    IpNet::new(address, u8::try_from(bits).ok()?).ok()
}

#[cfg(test)]
mod tests;
