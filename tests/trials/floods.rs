// SPDX-License-Identifier: GPL-2.0-only
//! Floods of real tools, made of the SYNs of tests/learn/captures: from forged addresses, by bots at different
//! distances, with each field that the tool draws by lot drawn anew.

use std::collections::HashSet;
use std::net::{Ipv4Addr, Ipv6Addr};

use etherparse::{EtherType, Ipv4Header, NetSlice, SlicedPacket, TcpHeader, TransportSlice};
use fastrand::Rng;
use lab::captures;
use lab::frames::{SERVER, SERVER_PORT, ethernet, ipv4, ipv6};
use lab::stacks::{Crowd, Stack};

/// SYNs in a second.
pub const RATE: usize = 20_000;

const BOTS: usize = 1_000;

/// A tool, as its capture shows it.
pub struct Tool {
    syns: Vec<(Ipv4Header, TcpHeader)>,
    /// Fields of which at least every second SYN has a value of its own.
    drawn: Vec<Draw>,
    hops: Vec<u8>,
    rng: Rng,
}

type Draw = fn(&mut Ipv4Header, &mut TcpHeader, &mut Rng);
type Read = fn(&Ipv4Header, &TcpHeader) -> u32;

/// How they are read, and drawn.
const FIELDS: [(Read, Draw); 5] = [
    (|ip, _| ip.identification.into(), |ip, _, rng| ip.identification = rng.u16(..)),
    (|_, tcp| tcp.source_port.into(), |_, tcp, rng| tcp.source_port = rng.u16(1..)),
    (|_, tcp| tcp.sequence_number, |_, tcp, rng| tcp.sequence_number = rng.u32(..)),
    (|_, tcp| tcp.acknowledgment_number, |_, tcp, rng| tcp.acknowledgment_number = rng.u32(..)),
    (|_, tcp| tcp.window_size.into(), |_, tcp, rng| tcp.window_size = rng.u16(..)),
];

impl Tool {
    pub fn new(name: &str, seed: u64) -> Self {
        let syns = captured(name);
        let is_drawn = |read: &Read| {
            syns.iter().map(|(ip, tcp)| read(ip, tcp)).collect::<HashSet<_>>().len() * 2 > syns.len()
        };
        let drawn = FIELDS.iter().filter(|(read, _)| is_drawn(read)).map(|(_, draw)| *draw).collect();
        let mut rng = Rng::with_seed(seed);
        let hops = (0..BOTS).map(|_| rng.u8(1..=30)).collect();
        Self { syns, drawn, hops, rng }
    }

    /// Its next SYN, from this address and so many hops away.
    fn from(&mut self, address: Ipv4Addr, hops: u8) -> Vec<u8> {
        let (mut ip, mut tcp) = self.syns[self.rng.usize(..self.syns.len())].clone();
        self.drawn.iter().for_each(|draw| draw(&mut ip, &mut tcp, &mut self.rng));
        ip.time_to_live -= hops;
        (ip.source, ip.destination) = (address.octets(), SERVER.octets());
        ipv4(|into, segment| (*into, *segment) = (ip, tcp))
    }
}

/// SYNs from forged addresses.
impl Iterator for Tool {
    type Item = Vec<u8>;

    fn next(&mut self) -> Option<Vec<u8>> {
        let address = anywhere(&mut self.rng);
        let hops = self.hops[self.rng.usize(..self.hops.len())];
        Some(self.from(address, hops))
    }
}

fn captured(name: &str) -> Vec<(Ipv4Header, TcpHeader)> {
    captures::frames(name).iter().map(|frame| headers(frame)).collect()
}

/// So many seconds of one tool.
pub fn of(name: &str, seconds: usize) -> Vec<Vec<u8>> {
    Tool::new(name, 1).take(RATE * seconds).collect()
}

/// So many seconds of several tools at once.
pub fn mixed(names: &[&str], seconds: usize) -> Vec<Vec<u8>> {
    let mut tools: Vec<_> = names.iter().zip(1..).map(|(name, seed)| Tool::new(name, seed)).collect();
    (0..RATE * seconds).map(|syn| tools[syn % names.len()].next().unwrap()).collect()
}

/// So many seconds of several tools, one second each.
pub fn alternating(names: &[&str], seconds: usize) -> Vec<Vec<u8>> {
    let mut tools: Vec<_> = names.iter().zip(1..).map(|(name, seed)| Tool::new(name, seed)).collect();
    (0..RATE * seconds).map(|syn| tools[syn / RATE % names.len()].next().unwrap()).collect()
}

/// So many seconds of a tool by bots that forge no address: each has its own, is at its distance, and sends 5 to 20 SYNs
/// a second.
pub fn of_bots(name: &str, seconds: usize) -> Vec<Vec<u8>> {
    let mut tool = Tool::new(name, 1);
    let mut rng = Rng::with_seed(2);
    let mut frames = Vec::new();
    for bot in 0..BOTS {
        let address = Ipv4Addr::from_bits(0x6500_0000 + bot as u32 * 25_173);
        let (hops, rate) = (tool.hops[bot], rng.usize(5..=20));
        let times = (0..rate * seconds).map(|syn| (syn as f64 + rng.f64()) / rate as f64);
        frames.extend(times.map(|time| (time, tool.from(address, hops))));
    }
    frames.sort_by(|(a, _), (b, _)| a.total_cmp(b));
    frames.into_iter().map(|(_, frame)| frame).collect()
}

/// So many seconds of copies of honest clients, from other addresses.
pub fn like<'a>(stacks: impl IntoIterator<Item = &'a Stack>, seconds: usize) -> Vec<Vec<u8>> {
    let mut rng = Rng::with_seed(1);
    let crowd = Crowd::new(stacks, 20_000, 5).filter(|syn| syn[0] >> 4 == 4);
    let forged = crowd.map(|syn| {
        let (ip, tcp) = headers(&[&ethernet(EtherType::IPV4)[..], &syn].concat());
        ipv4(|into, segment| {
            (*into, *segment) = (ip, tcp);
            (into.source, segment.destination_port) = (anywhere(&mut rng).octets(), SERVER_PORT);
        })
    });
    forged.take(RATE * seconds).collect()
}

/// Where no honest client is: see visitors.rs.
fn anywhere(rng: &mut Rng) -> Ipv4Addr {
    Ipv4Addr::new(rng.u8(101..=126), rng.u8(..), rng.u8(..), rng.u8(..))
}

fn headers(frame: &[u8]) -> (Ipv4Header, TcpHeader) {
    let packet = SlicedPacket::from_ethernet(frame).unwrap();
    let Some(NetSlice::Ipv4(ip)) = packet.net else { panic!("not IPv4") };
    let Some(TransportSlice::Tcp(tcp)) = packet.transport else { panic!("not TCP") };
    (ip.header().to_header(), tcp.to_header())
}

/// What hping3 would send, if it knew IPv6.
pub fn over_ipv6(seconds: usize) -> Vec<Vec<u8>> {
    let mut rng = Rng::with_seed(1);
    let hops: Vec<u8> = (0..BOTS).map(|_| rng.u8(1..=30)).collect();
    let mut syn = |_| {
        ipv6(&[], |ip, tcp| {
            ip.source = Ipv6Addr::from(0x2600_u128 << 112 | rng.u128(..) >> 16).octets();
            ip.hop_limit = 64 - hops[rng.usize(..BOTS)];
            (tcp.source_port, tcp.sequence_number) = (rng.u16(1..), rng.u32(..));
            tcp.window_size = 512;
        })
    };
    (0..RATE * seconds).map(&mut syn).collect()
}
