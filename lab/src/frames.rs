// SPDX-License-Identifier: GPL-2.0-only
//! Frames of every shape, built from the headers of a packet-building crate. In these headers, byte
//! arrays are in wire order and numbers in host order. A frame that the headers cannot express panics.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use etherparse::{
    EtherType, Ethernet2Header, IpAuthHeader, IpFragOffset, IpNumber, Ipv4Header, Ipv6FragmentHeader,
    Ipv6Header, Ipv6RawExtHeader, TcpHeader, ip_number,
};

/// The source of IPv4 frames.
pub const CLIENT: Ipv4Addr = Ipv4Addr::new(192, 0, 2, 1);
/// The destination of IPv4 frames.
pub const SERVER: Ipv4Addr = Ipv4Addr::new(192, 0, 2, 80);
/// The source of IPv6 frames.
pub const CLIENT6: Ipv6Addr = Ipv6Addr::new(0x2001, 0xdb8, 0, 1, 0, 0, 0, 1);
/// The destination of IPv6 frames.
pub const SERVER6: Ipv6Addr = Ipv6Addr::new(0x2001, 0xdb8, 0, 2, 0, 0, 0, 80);

/// The source of all frames.
pub const CLIENT_MAC: [u8; 6] = [2, 0, 0, 0, 0, 1];
/// The destination of all frames.
pub const SERVER_MAC: [u8; 6] = [2, 0, 0, 0, 0, 2];

/// The source port.
pub const CLIENT_PORT: u16 = 40_000;
/// The destination port.
pub const SERVER_PORT: u16 = 80;

/// Bytes of an Ethernet header.
pub const ETHERNET_LEN: usize = Ethernet2Header::LEN;
/// Bytes of an IPv4 header without options.
pub const IPV4_LEN: usize = Ipv4Header::MIN_LEN;
/// Bytes of an IPv6 header without extensions.
pub const IPV6_LEN: usize = Ipv6Header::LEN;
/// Bytes of a TCP header without options.
pub const TCP_LEN: usize = TcpHeader::MIN_LEN;
const TAG_LEN: usize = 4;
/// Bytes of the two MAC addresses at the start of a frame. VLAN tags follow them.
pub const MACS_LEN: usize = 12;

/// A SYN over IPv4, changed by `edit`. Total length and checksums are set afterwards.
pub fn ipv4(edit: impl FnOnce(&mut Ipv4Header, &mut TcpHeader)) -> Vec<u8> {
    ipv4_with(&[], edit)
}

/// The same with data after the TCP header.
pub fn ipv4_with(data: &[u8], edit: impl FnOnce(&mut Ipv4Header, &mut TcpHeader)) -> Vec<u8> {
    let mut ip = Ipv4Header::new(0, 64, ip_number::TCP, CLIENT.octets(), SERVER.octets()).unwrap();
    let mut tcp = syn();
    edit(&mut ip, &mut tcp);
    tcp.checksum = tcp.calc_checksum_ipv4(&ip, data).unwrap();
    ip.set_payload_len(tcp.header_len() + data.len()).unwrap();
    ip.header_checksum = ip.calc_header_checksum();
    [&ethernet(EtherType::IPV4)[..], &ip.to_bytes(), &tcp.to_bytes(), data].concat()
}

/// A SYN over IPv6 with these extension headers, changed by `edit`.
pub fn ipv6(chain: &[Extension], edit: impl FnOnce(&mut Ipv6Header, &mut TcpHeader)) -> Vec<u8> {
    ipv6_with(&[], chain, edit)
}

/// The same with data after the TCP header.
pub fn ipv6_with(
    data: &[u8],
    chain: &[Extension],
    edit: impl FnOnce(&mut Ipv6Header, &mut TcpHeader),
) -> Vec<u8> {
    let mut ip = Ipv6Header {
        hop_limit: 64,
        source: CLIENT6.octets(),
        destination: SERVER6.octets(),
        ..Default::default()
    };
    let mut tcp = syn();
    edit(&mut ip, &mut tcp);
    tcp.checksum = tcp.calc_checksum_ipv6(&ip, data).unwrap();

    // From the last header to the first: each header names the next one.
    let mut next = ip_number::TCP;
    let mut payload = [&tcp.to_bytes()[..], data].concat();
    for extension in chain.iter().rev() {
        payload = [&extension.to_bytes(next)[..], &payload].concat();
        next = extension.number();
    }
    ip.next_header = next;
    ip.payload_length = payload.len() as u16;
    [&ethernet(EtherType::IPV6)[..], &ip.to_bytes(), &payload].concat()
}

/// A TCP segment between two addresses and ports, of one family: a SYN, changed by `edit`, with data after
/// its header.
pub fn segment(
    from: SocketAddr,
    to: SocketAddr,
    data: &[u8],
    edit: impl FnOnce(&mut TcpHeader),
) -> Vec<u8> {
    let edit = |tcp: &mut TcpHeader| {
        (tcp.source_port, tcp.destination_port) = (from.port(), to.port());
        edit(tcp);
    };
    match (from.ip(), to.ip()) {
        (IpAddr::V4(from), IpAddr::V4(to)) => ipv4_with(data, |ip, tcp| {
            (ip.source, ip.destination) = (from.octets(), to.octets());
            edit(tcp);
        }),
        (IpAddr::V6(from), IpAddr::V6(to)) => ipv6_with(data, &[], |ip, tcp| {
            (ip.source, ip.destination) = (from.octets(), to.octets());
            edit(tcp);
        }),
        _ => panic!("two families: {from} and {to}"),
    }
}

/// A plain SYN over IPv4 from this address.
pub fn syn_from(source: Ipv4Addr) -> Vec<u8> {
    ipv4(|ip, _| ip.source = source.octets())
}

/// A header that the kernel accepts between IPv6 and TCP.
#[derive(Debug, Clone, Copy)]
pub enum Extension {
    /// Hop-by-hop options of 8 bytes.
    HopByHop,
    /// A routing header of 8 bytes.
    Routing,
    /// Destination options of 8 bytes.
    DestinationOptions,
    /// Destination options of 8 bytes, plus 8 for each of this many units.
    LongDestinationOptions(usize),
    /// An authentication header of 12 bytes, plus 4 for each of this many words.
    Authentication(usize),
    /// A fragment header of 8 bytes.
    Fragment {
        /// The fragment's offset, in units of 8 bytes.
        offset: u16,
        /// Whether more fragments follow.
        more: bool,
    },
}

impl Extension {
    fn number(self) -> IpNumber {
        match self {
            Self::HopByHop => ip_number::IPV6_HEADER_HOP_BY_HOP,
            Self::Routing => ip_number::IPV6_ROUTE_HEADER,
            Self::DestinationOptions | Self::LongDestinationOptions(_) => {
                ip_number::IPV6_DESTINATION_OPTIONS
            }
            Self::Authentication(_) => ip_number::AUTHENTICATION_HEADER,
            Self::Fragment { .. } => ip_number::IPV6_FRAGMENTATION_HEADER,
        }
    }

    fn to_bytes(self, next: IpNumber) -> Vec<u8> {
        let raw = |len: usize| {
            // One PadN option over the whole length (RFC 8200, 4.2).
            let mut options = vec![0; len];
            (options[0], options[1]) = (1, (len - 2) as u8);
            Ipv6RawExtHeader::new_raw(next, &options).unwrap().to_bytes().to_vec()
        };
        match self {
            Self::HopByHop | Self::Routing | Self::DestinationOptions => raw(6),
            Self::LongDestinationOptions(more) => raw(6 + 8 * more),
            Self::Authentication(words) => {
                IpAuthHeader::new(next, 1, 1, &vec![0; 4 * words]).unwrap().to_bytes().to_vec()
            }
            Self::Fragment { offset, more } => {
                let offset = IpFragOffset::try_new(offset).unwrap();
                Ipv6FragmentHeader::new(next, offset, more, 7).to_bytes().to_vec()
            }
        }
    }
}

/// The frame with VLAN tags of these EtherTypes. All are VLAN 0 (priority only): Linux unwraps those
/// without a VLAN interface.
pub fn tagged(tags: &[EtherType], mut frame: Vec<u8>) -> Vec<u8> {
    for tag in tags.iter().rev() {
        let bytes = [tag.0.to_be_bytes(), [0; 2]].concat();
        frame.splice(MACS_LEN..MACS_LEN, bytes);
    }
    frame
}

/// How many bytes this many tags add before the IP header.
pub const fn tags_len(tags: usize) -> usize {
    TAG_LEN * tags
}

/// The frame padded with zeros to 60 bytes, the minimum on Ethernet.
pub fn padded(mut frame: Vec<u8>) -> Vec<u8> {
    frame.resize(frame.len().max(60), 0);
    frame
}

/// The first `len` bytes of a frame. Panics if the frame is not longer.
pub fn cut(mut frame: Vec<u8>, len: usize) -> Vec<u8> {
    assert!(len < frame.len(), "nothing to cut");
    frame.truncate(len);
    frame
}

/// The frame with one byte changed by `edit`, for frames that a header crate refuses to build.
pub fn patched(mut frame: Vec<u8>, at: usize, edit: impl FnOnce(u8) -> u8) -> Vec<u8> {
    frame[at] = edit(frame[at]);
    frame
}

/// An Ethernet header from the client to the server.
pub fn ethernet(ether_type: EtherType) -> [u8; ETHERNET_LEN] {
    Ethernet2Header { source: CLIENT_MAC, destination: SERVER_MAC, ether_type }.to_bytes()
}

/// A fragment offset for an IPv4 header, in units of 8 bytes. Panics above 13 bits.
pub fn fragment_offset(offset: u16) -> IpFragOffset {
    IpFragOffset::try_new(offset).unwrap()
}

fn syn() -> TcpHeader {
    TcpHeader { syn: true, ..TcpHeader::new(CLIENT_PORT, SERVER_PORT, 1, 64_240) }
}
