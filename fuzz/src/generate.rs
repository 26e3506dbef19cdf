// SPDX-License-Identifier: GPL-2.0-only
//! New frames, built header by header. Most are valid, and many have one or two wrong fields. Others
//! are mutations of these and of the kept frames.

use std::net::{Ipv4Addr, Ipv6Addr};

use fastrand::Rng;

use crate::shipped::MIN_LEN;

/// The kernel's test run takes frames of up to 64 KiB in several buffers. Most frames here are far
/// shorter.
const MAX_LEN: usize = 16_000;

const TCP: u8 = 6;
const FRAGMENT: u8 = 44;
const AUTHENTICATION: u8 = 51;
/// Hop-by-hop, routing, destination options: lengths in units of 8.
const PLAIN_EXTENSIONS: [u8; 3] = [0, 43, 60];
/// Protocols that are not followed: ICMP, IPv4 and IPv6 in IP, UDP, ESP, ICMPv6, no next header, SCTP,
/// mobility.
const OTHER_PROTOCOLS: [u8; 9] = [1, 4, 41, 17, 50, 58, 59, 132, 135];

const IPV4: u16 = 0x0800;
const IPV6: u16 = 0x86dd;
const TAGS: [u16; 2] = [0x8100, 0x88a8];
/// QinQ before the standard, ARP, MPLS, PPPoE, LLC by its length.
const OTHER_ETHER_TYPES: [u16; 5] = [0x9100, 0x0806, 0x8847, 0x8864, 0x0040];

const SYN: u8 = 2;

pub struct Generator {
    seeds: Vec<Vec<u8>>,
}

impl Generator {
    pub fn new(seeds: Vec<Vec<u8>>) -> Self {
        Self { seeds }
    }

    pub fn frame(&self, rng: &mut Rng) -> Vec<u8> {
        let mut frame = match rng.u8(..4) {
            0 | 1 => structured(rng),
            2 => mutated(structured(rng), rng),
            _ => mutated(pick(&self.seeds, rng).clone(), rng),
        };
        frame.truncate(MAX_LEN);
        if frame.len() < MIN_LEN {
            frame.resize(MIN_LEN, 0);
        }
        frame
    }
}

fn pick<'a, T>(from: &'a [T], rng: &mut Rng) -> &'a T {
    &from[rng.usize(..from.len())]
}

fn one_in(n: u32, rng: &mut Rng) -> bool {
    rng.u32(..n) == 0
}

fn bytes(len: usize, rng: &mut Rng) -> Vec<u8> {
    (0..len).map(|_| rng.u8(..)).collect()
}

fn structured(rng: &mut Rng) -> Vec<u8> {
    let is_ipv4 = rng.bool();
    let mut packet = if is_ipv4 { ipv4(rng) } else { ipv6(rng) };
    if one_in(4, rng) {
        packet.extend(bytes(rng.usize(..40), rng)); // padding, or bytes beyond a length field
    }
    if one_in(8, rng) {
        packet.truncate(rng.usize(..=packet.len()));
    }
    let mut frame = vec![0; 12];
    for _ in 0..*pick(&[0, 0, 0, 1, 1, 2, 2, 3, 4], rng) {
        frame.extend(pick(&TAGS, rng).to_be_bytes());
        frame.extend(bytes(2, rng));
    }
    let ether_type = match rng.u8(..64) {
        0 => *pick(&OTHER_ETHER_TYPES, rng),
        1 => rng.u16(..),
        lie => {
            if is_ipv4 ^ (lie == 2) {
                IPV4
            } else {
                IPV6
            }
        }
    };
    frame.extend(ether_type.to_be_bytes());
    frame.extend(packet);
    frame
}

/// Usually the right length.
fn length(right: usize, rng: &mut Rng) -> u16 {
    let right = right as u16;
    match rng.u8(..16) {
        0 => 0,
        1 => rng.u16(..),
        2 => rng.u16(..80),
        3 | 4 => right.wrapping_add(rng.u16(..64)).wrapping_sub(32),
        _ => right,
    }
}

fn ipv4(rng: &mut Rng) -> Vec<u8> {
    let options = *pick(&[0, 0, 0, 1, 2, 10], rng);
    let ihl = if one_in(16, rng) { rng.u8(..16) } else { 5 + options };
    let version = if one_in(64, rng) { rng.u8(..16) } else { 4 };
    let fragment = match rng.u8(..16) {
        0 => rng.u16(..),
        1 => 0x2000,       // the first of several
        2 => rng.u16(..4), // offset
        3 => 0x2000 | rng.u16(..4),
        4 => 0x8000, // reserved
        _ => *pick(&[0, 0x4000], rng),
    };
    let protocol = match rng.u8(..32) {
        0 => *pick(&OTHER_PROTOCOLS, rng),
        1 => AUTHENTICATION,
        2 => rng.u8(..),
        _ => TCP,
    };
    let source = address4(rng);
    let destination = if one_in(8, rng) { source } else { address4(rng) };
    let segment = tcp(rng);
    let len = 20 + 4 * usize::from(options) + segment.len();

    let mut packet = vec![version << 4 | ihl, rng.u8(..)];
    packet.extend(length(len, rng).to_be_bytes());
    packet.extend(bytes(2, rng)); // identification
    packet.extend(fragment.to_be_bytes());
    packet.extend([64, protocol]);
    packet.extend(bytes(2, rng)); // checksum, which the program ignores
    packet.extend(source.octets());
    packet.extend(destination.octets());
    packet.extend(bytes(4 * usize::from(options), rng));
    packet.extend(segment);
    packet
}

fn ipv6(rng: &mut Rng) -> Vec<u8> {
    let version = if one_in(64, rng) { rng.u8(..16) } else { 6 };
    let source = address6(rng);
    let destination = if one_in(8, rng) { source } else { address6(rng) };
    let mut payload = tcp(rng);
    let mut next = if one_in(16, rng) { *pick(&OTHER_PROTOCOLS, rng) } else { TCP };
    for _ in 0..*pick(&[0, 0, 1, 2, 3, 4, 7, 8, 8, 9, 10], rng) {
        let (number, header) = extension(next, rng);
        payload.splice(..0, header);
        next = if one_in(64, rng) { rng.u8(..) } else { number };
    }

    let mut packet = vec![version << 4 | rng.u8(..16)];
    packet.extend(bytes(3, rng)); // traffic class, flow label
    packet.extend(length(payload.len(), rng).to_be_bytes());
    packet.extend([next, 64]);
    packet.extend(source.octets());
    packet.extend(destination.octets());
    packet.extend(payload);
    packet
}

/// An extension header before a header of this number. Returns its own number and bytes.
fn extension(next: u8, rng: &mut Rng) -> (u8, Vec<u8>) {
    let number = match rng.u8(..8) {
        0 | 1 => FRAGMENT,
        2 | 3 => AUTHENTICATION,
        _ => *pick(&PLAIN_EXTENSIONS, rng),
    };
    // The length beyond the first 8 bytes, in this header's unit.
    let more = match rng.u8(..32) {
        0 => rng.u8(..),
        1..=12 => rng.u8(..6),
        _ => u8::from(number == AUTHENTICATION),
    };
    let said = if one_in(32, rng) { rng.u8(..) } else { more };
    let mut header = vec![next, said];
    match number {
        FRAGMENT => {
            let fragment = match rng.u8(..16) {
                0 => rng.u16(..),
                1 => 8 | rng.u16(..8), // offset 1
                2 | 3 => 1,
                _ => rng.u16(..4) << 1, // the reserved bits
            };
            header.extend(fragment.to_be_bytes());
            header.extend(bytes(4, rng));
        }
        AUTHENTICATION => header.extend(bytes(6 + 4 * usize::from(more), rng)),
        _ => header.extend(bytes(6 + 8 * usize::from(more), rng)),
    }
    (number, header)
}

fn tcp(rng: &mut Rng) -> Vec<u8> {
    let options = *pick(&[0, 0, 1, 5, 10], rng);
    let doff = if one_in(16, rng) { rng.u8(..16) } else { 5 + options };
    let flags = match rng.u8(..8) {
        0 => rng.u8(..),
        1 => SYN | 1 << rng.u8(..8),
        2 => SYN | rng.u8(..) & 0b1110_1000, // CWR, ECE, URG, PSH
        _ => SYN,
    };
    let ports = if one_in(4, rng) { [80, 80] } else { [rng.u16(..), rng.u16(..)] };
    let mut segment = ports.map(u16::to_be_bytes).concat();
    segment.extend(bytes(8, rng)); // sequence numbers
    segment.extend([doff << 4 | rng.u8(..16), flags]);
    segment.extend(bytes(6, rng)); // window, checksum, urgent pointer
    segment.extend(bytes(4 * usize::from(options), rng));
    if one_in(4, rng) {
        segment.extend(bytes(rng.usize(..40), rng));
    }
    if one_in(16, rng) {
        segment.truncate(rng.usize(..=segment.len()));
    }
    segment
}

fn address4(rng: &mut Rng) -> Ipv4Addr {
    if rng.bool() { Ipv4Addr::from(rng.u32(..)) } else { Ipv4Addr::new(192, 0, 2, rng.u8(..4)) }
}

/// Some are IPv4-mapped, and some almost.
fn address6(rng: &mut Rng) -> Ipv6Addr {
    let mapped = address4(rng).to_ipv6_mapped();
    match rng.u8(..8) {
        0 => mapped,
        1 => Ipv6Addr::from(u128::from(mapped) ^ 1 << rng.u8(32..128)),
        2 => Ipv6Addr::from(u128::from(rng.u8(..4))),
        3..=5 => Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, rng.u16(..4)),
        _ => Ipv6Addr::from(rng.u128(..)),
    }
}

fn mutated(mut frame: Vec<u8>, rng: &mut Rng) -> Vec<u8> {
    for _ in 0..rng.u8(1..5) {
        mutate(&mut frame, rng);
    }
    frame
}

fn mutate(frame: &mut Vec<u8>, rng: &mut Rng) {
    if frame.is_empty() {
        return;
    }
    // Headers are at the front.
    let reach = if rng.bool() { frame.len() } else { frame.len().min(80) };
    let at = rng.usize(..reach);
    let end = frame.len().min(at + rng.usize(1..24));
    match rng.u8(..10) {
        0..=2 => frame[at] ^= 1 << rng.u8(..8),
        3 => frame[at] = rng.u8(..),
        4 => frame[at] = *pick(&[0, 1, 4, 5, 6, 43, 44, 51, 60, 0x45, 0x4f, 0x50, 0x60, 0xff], rng),
        5 => frame[at] = frame[at].wrapping_add(rng.u8(..17)).wrapping_sub(8),
        6 if at + 1 < frame.len() => {
            let value = *pick(&[IPV4, IPV6, TAGS[0], TAGS[1], 0, 20, 40, 0x2000, 0xffff], rng);
            frame[at..at + 2].copy_from_slice(&value.to_be_bytes());
        }
        7 => drop(frame.drain(at..end)),
        8 => {
            let copy = frame[at..end].to_vec();
            frame.splice(at..at, copy);
        }
        _ if rng.bool() => frame.truncate(at),
        _ => frame.extend(bytes(rng.usize(..64), rng)),
    }
}
