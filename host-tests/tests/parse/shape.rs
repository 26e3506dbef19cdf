// SPDX-License-Identifier: GPL-2.0-only
//! Well-formed SYNs in all their shapes.

use std::net::{Ipv4Addr, Ipv6Addr};
use std::ops::Range;

use etherparse::{
    EtherType, IpAuthHeader, IpFragOffset, IpNumber, Ipv4Header, Ipv4Options, Ipv6FragmentHeader,
    Ipv6Header, Ipv6RawExtHeader, TcpHeader, ip_number,
};
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;

const MACS_LEN: usize = 12;
const TAG_LEN: usize = 4;
pub const ETHERNET_LEN: usize = MACS_LEN + 2;

/// A frame as a list of headers. [`Shape::frame`] sets the lengths and the number of each next header.
#[derive(Debug, Clone)]
pub struct Shape {
    pub tags: Vec<EtherType>,
    pub ip: Ip,
    /// The protocol number in the last header before TCP.
    pub protocol: IpNumber,
    pub tcp: TcpHeader,
    payload: Vec<u8>,
}

#[derive(Debug, Clone)]
pub enum Ip {
    V4(Ipv4Header),
    V6(Ipv6Header, Vec<Extension>),
}

/// A header between IPv6 and TCP.
#[derive(Debug, Clone)]
pub enum Extension {
    /// Hop-by-hop, routing or destination options: 8 bytes, plus 8 for each of this many words.
    Options(IpNumber, usize),
    /// 12 bytes, plus 4 for each of this many words.
    Authentication(usize),
    Fragment(Fragment),
}

#[derive(Debug, Clone, Copy)]
pub struct Fragment {
    pub offset: u16,
    pub more: bool,
}

impl Extension {
    fn number(&self) -> IpNumber {
        match self {
            Self::Options(number, _) => *number,
            Self::Authentication(_) => ip_number::AUTHENTICATION_HEADER,
            Self::Fragment(_) => ip_number::IPV6_FRAGMENTATION_HEADER,
        }
    }

    fn to_bytes(&self, next: IpNumber) -> Vec<u8> {
        match *self {
            Self::Options(_, words) => {
                Ipv6RawExtHeader::new_raw(next, &vec![0; 6 + 8 * words]).unwrap().to_bytes().to_vec()
            }
            Self::Authentication(words) => {
                IpAuthHeader::new(next, 1, 1, &vec![0; 4 * words]).unwrap().to_bytes().to_vec()
            }
            Self::Fragment(Fragment { offset, more }) => {
                let offset = IpFragOffset::try_new(offset).unwrap();
                Ipv6FragmentHeader::new(next, offset, more, 1).to_bytes().to_vec()
            }
        }
    }

    fn len(&self) -> usize {
        self.to_bytes(ip_number::TCP).len()
    }

    fn more_fragments(&self) -> bool {
        matches!(self, Self::Fragment(Fragment { more: true, .. }))
    }
}

impl Shape {
    pub fn frame(&self) -> Vec<u8> {
        let mut frame = vec![2; MACS_LEN];
        for tag in &self.tags {
            frame.extend(tag.0.to_be_bytes());
            frame.extend([0x20, 0x07]);
        }
        let packet = [&self.tcp.to_bytes()[..], &self.payload].concat();
        match &self.ip {
            Ip::V4(header) => {
                let mut header = header.clone();
                header.protocol = self.protocol;
                header.set_payload_len(packet.len()).unwrap();
                frame.extend(EtherType::IPV4.0.to_be_bytes());
                frame.extend(header.to_bytes());
            }
            Ip::V6(header, chain) => {
                let number = |depth| chain.get(depth).map_or(self.protocol, Extension::number);
                let bytes = |depth: usize| chain[depth].to_bytes(number(depth + 1));
                let chain: Vec<u8> = (0..chain.len()).flat_map(bytes).collect();
                let header = Ipv6Header {
                    next_header: number(0),
                    payload_length: (chain.len() + packet.len()) as u16,
                    ..header.clone()
                };
                frame.extend(EtherType::IPV6.0.to_be_bytes());
                frame.extend(header.to_bytes());
                frame.extend(chain);
            }
        }
        [frame, packet].concat()
    }

    /// The frame whose IP header says that the packet ends `end` bytes from the frame's start.
    pub fn frame_of_packet_ending_at(&self, end: usize) -> Vec<u8> {
        let mut frame = self.frame();
        let (field, from) = match self.ip {
            Ip::V4(_) => (self.ip_at() + 2, self.ip_at()),
            Ip::V6(..) => (self.ip_at() + 4, self.behind_fixed_header()),
        };
        frame[field..field + 2].copy_from_slice(&((end - from) as u16).to_be_bytes());
        frame
    }

    pub fn ip_at(&self) -> usize {
        ETHERNET_LEN + TAG_LEN * self.tags.len()
    }

    /// Where the options of IPv4, or the chain of IPv6, begin.
    pub fn behind_fixed_header(&self) -> usize {
        self.ip_at()
            + match self.ip {
                Ip::V4(_) => Ipv4Header::MIN_LEN,
                Ip::V6(..) => Ipv6Header::LEN,
            }
    }

    pub fn tcp_at(&self) -> usize {
        match &self.ip {
            Ip::V4(header) => self.ip_at() + header.header_len(),
            Ip::V6(_, chain) => {
                self.behind_fixed_header() + chain.iter().map(Extension::len).sum::<usize>()
            }
        }
    }

    pub fn version(&self) -> u8 {
        match self.ip {
            Ip::V4(_) => 4,
            Ip::V6(..) => 6,
        }
    }

    pub fn source(&self) -> Ipv6Addr {
        match &self.ip {
            Ip::V4(header) => Ipv4Addr::from(header.source).to_ipv6_mapped(),
            Ip::V6(header, _) => header.source.into(),
        }
    }

    /// The bytes of the frame that hold the destination address.
    pub fn destination(&self) -> Range<usize> {
        let end = self.behind_fixed_header();
        match self.ip {
            Ip::V4(_) => end - 4..end,
            Ip::V6(..) => end - 16..end,
        }
    }

    /// Sets the source. Only over IPv6.
    pub fn send_from(&mut self, source: &str) {
        let Ip::V6(header, _) = &mut self.ip else { panic!("{source} over IPv4") };
        header.source = source.parse::<Ipv6Addr>().unwrap().octets();
    }

    /// Makes it a fragment.
    pub fn fragment(&mut self, fragment: Fragment) {
        match &mut self.ip {
            Ip::V4(header) => {
                header.fragment_offset = fragment.offset.try_into().unwrap();
                header.more_fragments = fragment.more;
            }
            Ip::V6(_, chain) => {
                chain.pop();
                chain.push(Extension::Fragment(fragment));
            }
        }
    }

    pub fn send_to_own_address(&mut self) {
        match &mut self.ip {
            Ip::V4(header) => header.destination = header.source,
            Ip::V6(header, _) => header.destination = header.source,
        }
    }

    pub fn send_to_own_port(&mut self) {
        self.tcp.destination_port = self.tcp.source_port;
    }

    /// The reason that the parser must give if the packet ends after `len` bytes of the frame.
    pub fn reason_when_cut(&self, len: usize) -> &'static str {
        let mut at = self.behind_fixed_header();
        if len < at {
            return "SKIP_NOT_TCP";
        }
        let mut more_fragments = false;
        match &self.ip {
            Ip::V4(header) => more_fragments = header.more_fragments,
            Ip::V6(_, chain) => {
                for extension in chain {
                    // The first eight bytes are enough to go on.
                    if len < at + 8 {
                        return if more_fragments { "DROP_TINY_FRAGMENT" } else { "SKIP_NOT_TCP" };
                    }
                    more_fragments |= extension.more_fragments();
                    at += extension.len();
                }
            }
        }
        match (len < self.tcp_at() + self.tcp.header_len(), more_fragments) {
            (false, _) => "UNDECIDED",
            (true, false) => "DROP_TRUNCATED",
            (true, true) => "DROP_TINY_FRAGMENT",
        }
    }
}

pub fn any_shape() -> impl Strategy<Value = Shape> {
    shape_over(prop_oneof![any_ipv4(), any_ipv6()])
}

pub fn any_shape_over_ipv6() -> impl Strategy<Value = Shape> {
    shape_over(any_ipv6())
}

fn shape_over(ip: impl Strategy<Value = Ip>) -> impl Strategy<Value = Shape> {
    let tag = select(&[EtherType::VLAN_TAGGED_FRAME, EtherType::PROVIDER_BRIDGING]);
    (vec(tag, 0..=2), ip, any_tcp(), vec(any::<u8>(), 0..100))
        .prop_map(|(tags, ip, tcp, payload)| Shape { tags, ip, protocol: ip_number::TCP, tcp, payload })
}

fn any_ipv4() -> impl Strategy<Value = Ip> {
    (any::<([u8; 4], [u8; 4], bool)>(), any_options()).prop_map(
        |((source, destination, more_fragments), options)| {
            let options = Ipv4Options::try_from(&options[..]).unwrap();
            let header = Ipv4Header::new(0, 64, ip_number::TCP, source, destination).unwrap();
            Ip::V4(Ipv4Header { more_fragments, options, ..header })
        },
    )
}

fn any_ipv6() -> impl Strategy<Value = Ip> {
    (any::<([u8; 16], [u8; 16])>(), vec(any_extension(), 0..=8)).prop_map(
        |((source, destination), chain)| {
            Ip::V6(Ipv6Header { source, destination, ..Default::default() }, chain)
        },
    )
}

fn any_extension() -> impl Strategy<Value = Extension> {
    let options = select(&[
        ip_number::IPV6_HEADER_HOP_BY_HOP,
        ip_number::IPV6_ROUTE_HEADER,
        ip_number::IPV6_DESTINATION_OPTIONS,
    ]);
    prop_oneof![
        (options, prop_oneof![15 => 0..=3_usize, 1 => 0..=255_usize])
            .prop_map(|(number, words)| Extension::Options(number, words)),
        (0..=10_usize).prop_map(Extension::Authentication),
        any::<bool>().prop_map(|more| Extension::Fragment(Fragment { offset: 0, more })),
    ]
}

fn any_tcp() -> impl Strategy<Value = TcpHeader> {
    (any::<(u16, u16, u32, u16)>(), any::<[bool; 5]>(), any_options()).prop_map(
        |((source, destination, sequence, window), [ns, psh, urg, ece, cwr], options)| {
            let header = TcpHeader::new(source, destination, sequence, window);
            let mut header = TcpHeader { syn: true, ns, psh, urg, ece, cwr, ..header };
            header.set_options_raw(&options).unwrap();
            header
        },
    )
}

/// The bytes of IPv4 or TCP options: whole words, ten at most.
fn any_options() -> impl Strategy<Value = Vec<u8>> {
    vec(any::<[u8; 4]>(), 0..=10).prop_map(|words| words.concat())
}
