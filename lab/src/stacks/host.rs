// SPDX-License-Identifier: GPL-2.0-only
//! One client: a stack on a host, behind a link, so many hops away.

use std::net::{Ipv4Addr, Ipv6Addr};

use etherparse::{IpDscp, IpNumber, Ipv4Header, Ipv6FlowLabel, Ipv6Header, TcpHeader};
use fastrand::Rng;

use super::options::{Values, encode};
use super::{Field, Identification, Ports, Stack, Window};
use crate::frames::{SERVER, SERVER6};

/// The MTU of links, and how many hosts in a hundred have it. Ethernet has the rest.
const MTUS: &[(u16, u32)] = &[
    (1492, 12), // PPPoE
    (1480, 4),  // IP in IP
    (1460, 3),
    (1450, 3), // VXLAN
    (1440, 4),
    (1428, 2),
    (1420, 4), // WireGuard
    (1400, 4),
    (1350, 1),
    (1280, 2),
];
const ETHERNET: u16 = 1500;

/// The IPv4 or IPv6 header and the TCP header, both without options.
const HEADERS: u16 = 40;
const HEADERS6: u16 = 60;

/// DSCP and ECN fields as some networks set them.
const MARKS: &[u8] = &[0x08, 0x10, 0x20, 0x28, 0x48, 0x50, 0x68, 0x80, 0xb8];

/// A client that connects again and again.
#[derive(Debug)]
pub struct Host {
    address: Address,
    ttl: u8,
    tos: u8,
    mss: u16,
    window: u16,
    scale: u8,
    options: Vec<Field>,
    dont_fragment: bool,
    identification: Identification,
    next_id: u16,
    ecn: u8,
    ports: Ports,
    next_port: u16,
    /// None: each connection has its own.
    sequence: Option<u32>,
    /// None: each connection has its own.
    clock: Option<u32>,
}

#[derive(Clone, Copy, Debug)]
enum Address {
    Ipv4(Ipv4Addr),
    Ipv6(Ipv6Addr),
}

impl Host {
    /// A host with this stack, somewhere.
    pub fn new(stack: &Stack, rng: &mut Rng) -> Self {
        let is_ipv6 = stack.ipv6 && rng.u8(..3) == 0;
        let own = stack.mss.unwrap_or_else(|| mtu(rng) - if is_ipv6 { HEADERS6 } else { HEADERS });
        let is_behind_nat = !is_ipv6 && rng.u8(..5) < 2;
        Self {
            address: if is_ipv6 { ipv6(rng) } else { ipv4(rng) },
            ttl: stack.ttl - rng.u8(1..16) - rng.u8(..16),
            tos: if rng.u8(..30) == 0 { MARKS[rng.usize(..MARKS.len())] } else { 0 },
            // A router may lower the MSS. The window remains what the host made of its own.
            mss: if rng.u8(..8) == 0 { own.min(mtu(rng) - HEADERS) } else { own },
            window: match stack.window {
                Window::Fixed(bytes) => bytes,
                Window::Segments(count) => own.saturating_mul(count),
                Window::WholeSegments => u16::MAX / own * own,
            },
            scale: rng.choice(stack.scales).copied().unwrap_or_default(),
            options: stack.options.to_vec(),
            dont_fragment: stack.dont_fragment,
            identification: stack.identification,
            next_id: rng.u16(..),
            ecn: stack.ecn,
            ports: if is_behind_nat { Ports::Random(1024, u16::MAX) } else { stack.ports },
            next_port: rng.u16(..),
            sequence: stack.sequence_is_counted.then(|| rng.u32(..1 << 16)),
            clock: (!stack.timestamps_are_random).then(|| rng.u32(..)),
        }
    }

    /// Its next SYN to this port, as it arrives, from the IP header on.
    pub fn syn(&mut self, port: u16, rng: &mut Rng) -> Vec<u8> {
        let mut tcp = TcpHeader::new(self.source_port(rng), port, self.sequence(rng), self.window);
        tcp.syn = true;
        (tcp.ece, tcp.cwr) = if rng.u8(..100) < self.ecn { (true, true) } else { (false, false) };
        self.clock = self.clock.map(|clock| clock.wrapping_add(rng.u32(..60_000)));
        let time = self.clock.unwrap_or_else(|| rng.u32(..));
        let options = encode(&self.options, &Values { mss: self.mss, scale: self.scale, time });
        tcp.set_options_raw(&options).expect("a stack has at most 40 bytes of options");
        match self.address {
            Address::Ipv4(address) => self.over_ipv4(address, tcp, rng),
            Address::Ipv6(address) => self.over_ipv6(address, tcp, rng),
        }
    }

    fn sequence(&mut self, rng: &mut Rng) -> u32 {
        self.sequence = self.sequence.map(|last| last.wrapping_add(rng.u32(1..200)));
        self.sequence.unwrap_or_else(|| rng.u32(..))
    }

    fn source_port(&mut self, rng: &mut Rng) -> u16 {
        match self.ports {
            Ports::Random(first, last) => rng.u16(first..=last),
            Ports::Counted(first, last) => {
                self.next_port = self.next_port.wrapping_add(1 + rng.u16(..4));
                first + self.next_port % (last - first + 1)
            }
        }
    }

    fn over_ipv4(&mut self, address: Ipv4Addr, mut tcp: TcpHeader, rng: &mut Rng) -> Vec<u8> {
        self.next_id = self.next_id.wrapping_add(1 + rng.u16(..50));
        let length = tcp.header_len_u16();
        let mut ip =
            Ipv4Header::new(length, self.ttl, IpNumber::TCP, address.octets(), SERVER.octets())
                .expect("a SYN is short");
        ip.dscp = IpDscp::try_new(self.tos >> 2).expect("six bits");
        ip.dont_fragment = self.dont_fragment;
        ip.identification = match self.identification {
            Identification::Zero => 0,
            Identification::Counted => self.next_id,
            Identification::Random => rng.u16(..),
        };
        ip.header_checksum = ip.calc_header_checksum();
        tcp.checksum = tcp.calc_checksum_ipv4(&ip, &[]).expect("a SYN is short");
        [&ip.to_bytes()[..], &tcp.to_bytes()].concat()
    }

    fn over_ipv6(&self, address: Ipv6Addr, mut tcp: TcpHeader, rng: &mut Rng) -> Vec<u8> {
        let ip = Ipv6Header {
            traffic_class: self.tos,
            flow_label: Ipv6FlowLabel::try_new(rng.u32(1..1 << 20)).unwrap_or_default(),
            payload_length: tcp.header_len_u16(),
            next_header: IpNumber::TCP,
            hop_limit: self.ttl,
            source: address.octets(),
            destination: SERVER6.octets(),
        };
        tcp.checksum = tcp.calc_checksum_ipv6(&ip, &[]).expect("a SYN is short");
        [&ip.to_bytes()[..], &tcp.to_bytes()].concat()
    }
}

fn mtu(rng: &mut Rng) -> u16 {
    let mut rest = rng.u32(..100);
    for (mtu, share) in MTUS {
        if rest < *share {
            return *mtu;
        }
        rest -= share;
    }
    ETHERNET
}

/// Of a part of what is routed.
fn ipv4(rng: &mut Rng) -> Address {
    Address::Ipv4(Ipv4Addr::from([rng.u8(11..=99), rng.u8(..), rng.u8(..), rng.u8(1..255)]))
}

fn ipv6(rng: &mut Rng) -> Address {
    Address::Ipv6(Ipv6Addr::from(0x2a00_u128 << 112 | rng.u128(..) >> 12))
}
