// SPDX-License-Identifier: GPL-2.0-only
//! The table of verdicts: one row for each shape of packet, with the reason that the program must give.

mod evasions;

use std::net::Ipv4Addr;

use etherparse::{EtherType, Ipv4Options, PacketBuilder, TcpOptionElement, ip_number};

use crate::frames::{
    CLIENT, ETHERNET_LEN, Extension, IPV4_LEN, IPV6_LEN, SERVER, cut, ethernet, fragment_offset, ipv4,
    ipv6, patched, syn_from, tagged,
};

use Extension::{
    Authentication, DestinationOptions, Fragment, HopByHop, LongDestinationOptions, Routing,
};

/// The command-line options for the table: nothing is over a limit.
pub const OPTIONS: [&str; 16] = [
    "--burst",
    "1000000",
    "--rate",
    "1",
    "--pass-rate",
    "0",
    "--port",
    "80",
    "--allow",
    "198.51.100.0/24",
    "--deny",
    "203.0.113.0/24",
    "--deny",
    "198.51.100.66",
    "--deny",
    "2001:db8:bad::/48",
];

const Q: EtherType = EtherType::VLAN_TAGGED_FRAME;
const AD: EtherType = EtherType::PROVIDER_BRIDGING;

/// The reason for a SYN that is within all limits.
pub const SYN: &str = "pass_within_limit";

/// A name for the frame, its bytes from the Ethernet header on, and the reason in lower case.
pub type Row = (&'static str, Vec<u8>, &'static str);

/// A SYN over IPv4 with nothing special.
pub fn plain4() -> Vec<u8> {
    ipv4(|_, _| {})
}

/// A SYN over IPv6 with nothing special.
pub fn plain6() -> Vec<u8> {
    ipv6(&[], |_, _| {})
}

fn not_a_syn() -> Vec<Row> {
    let udp =
        PacketBuilder::ethernet2([2; 6], [4; 6]).ipv4(CLIENT.octets(), SERVER.octets(), 64).udp(53, 53);
    let mut udp_frame = Vec::new();
    udp.write(&mut udp_frame, b"payload").unwrap();
    vec![
        ("an Ethernet header and nothing else", ethernet(EtherType::IPV4).to_vec(), "skip_not_tcp"),
        ("ARP", [&ethernet(EtherType::ARP)[..], &[0; 28]].concat(), "skip_not_tcp"),
        ("IPX", [&ethernet(EtherType(0x8137))[..], &[0; 30]].concat(), "skip_not_tcp"),
        ("UDP", udp_frame.clone(), "skip_not_tcp"),
        ("UDP cut within its IPv4 header", cut(udp_frame, ETHERNET_LEN + 12), "skip_not_tcp"),
        ("IPv4 header cut", cut(plain4(), ETHERNET_LEN + IPV4_LEN - 1), "skip_not_tcp"),
        ("IPv6 header cut", cut(plain6(), ETHERNET_LEN + IPV6_LEN - 1), "skip_not_tcp"),
        (
            "IPv6 extension header cut",
            cut(ipv6(&[HopByHop], |_, _| {}), ETHERNET_LEN + IPV6_LEN + 4),
            "skip_not_tcp",
        ),
        ("tag cut", cut(tagged(&[Q], plain4()), ETHERNET_LEN + 2), "skip_not_tcp"),
        (
            "ICMPv6 behind hop-by-hop options",
            patched(ipv6(&[HopByHop], |_, _| {}), ETHERNET_LEN + IPV6_LEN, |_| 58),
            "skip_not_tcp",
        ),
        ("ESP", ipv4(|ip, _| ip.protocol = ip_number::ENCAPSULATING_SECURITY_PAYLOAD), "skip_not_tcp"),
        ("ACK", ipv4(|_, tcp| (tcp.syn, tcp.ack) = (false, true)), "skip_not_syn"),
        ("SYN-ACK", ipv4(|_, tcp| tcp.ack = true), "skip_not_syn"),
        ("SYN-ACK-FIN", ipv4(|_, tcp| (tcp.ack, tcp.fin) = (true, true)), "skip_not_syn"),
        ("RST", ipv4(|_, tcp| (tcp.syn, tcp.rst) = (false, true)), "skip_not_syn"),
        ("no flags", ipv4(|_, tcp| tcp.syn = false), "skip_not_syn"),
        ("IPv6 ACK", ipv6(&[], |_, tcp| (tcp.syn, tcp.ack) = (false, true)), "skip_not_syn"),
        (
            "ACK of a source that is denied",
            ipv4(|ip, tcp| {
                ip.source = [203, 0, 113, 9];
                (tcp.syn, tcp.ack) = (false, true);
            }),
            "skip_not_syn",
        ),
    ]
}

fn later_fragments() -> Vec<Row> {
    vec![
        (
            "second fragment",
            ipv4(|ip, _| ip.fragment_offset = fragment_offset(185)),
            "skip_later_fragment",
        ),
        (
            "fragment at 16 bytes: behind the flags",
            ipv4(|ip, _| ip.fragment_offset = fragment_offset(2)),
            "skip_later_fragment",
        ),
        (
            "IPv6 second fragment",
            ipv6(&[Fragment { offset: 2, more: true }], |_, _| {}),
            "skip_later_fragment",
        ),
        (
            "IPv6 second fragment of no TCP",
            ipv6(&[Fragment { offset: 1, more: false }, DestinationOptions], |_, _| {}),
            "skip_later_fragment",
        ),
    ]
}

fn syns() -> Vec<Row> {
    let options = |len: usize| Ipv4Options::try_from(&vec![1; len][..]).unwrap();
    let long_chain =
        [HopByHop, Routing, DestinationOptions, Authentication(3), Fragment { offset: 0, more: false }];
    vec![
        ("SYN", plain4(), SYN),
        ("IPv4 with 4 bytes of options", ipv4(|ip, _| ip.options = options(4)), SYN),
        ("IPv4 with 40 bytes of options", ipv4(|ip, _| ip.options = options(40)), SYN),
        (
            "TCP with options",
            ipv4(|_, tcp| tcp.set_options(&[TcpOptionElement::MaximumSegmentSize(1460)]).unwrap()),
            SYN,
        ),
        ("TCP with 40 bytes of options", ipv4(|_, tcp| tcp.set_options_raw(&[1; 40]).unwrap()), SYN),
        ("ECN setup: ECE and CWR", ipv4(|_, tcp| (tcp.ece, tcp.cwr) = (true, true)), SYN),
        ("AccECN setup: AE too", ipv4(|_, tcp| (tcp.ns, tcp.ece, tcp.cwr) = (true, true, true)), SYN),
        ("PSH and URG", ipv4(|_, tcp| (tcp.psh, tcp.urg) = (true, true)), SYN),
        ("data in the SYN", [plain4(), vec![b'x'; 100]].concat(), SYN),
        ("padding behind a short packet", [plain4(), vec![0; 6]].concat(), SYN),
        (
            "total length 0: BIG TCP",
            patched(patched(plain4(), ETHERNET_LEN + 2, |_| 0), ETHERNET_LEN + 3, |_| 0),
            SYN,
        ),
        ("total length beyond the frame", patched(plain4(), ETHERNET_LEN + 2, |_| 5), SYN),
        ("first of several fragments", ipv4(|ip, _| ip.more_fragments = true), SYN),
        ("an 802.1Q tag", tagged(&[Q], plain4()), SYN),
        ("an 802.1ad tag", tagged(&[AD], plain4()), SYN),
        ("both tags", tagged(&[AD, Q], plain4()), SYN),
        ("both tags, IPv6", tagged(&[AD, Q], plain6()), SYN),
        ("IPv6", plain6(), SYN),
        ("payload length 0: a jumbogram", patched(plain6(), ETHERNET_LEN + 5, |_| 0), SYN),
        ("hop-by-hop options", ipv6(&[HopByHop], |_, _| {}), SYN),
        ("routing header", ipv6(&[Routing], |_, _| {}), SYN),
        ("long destination options", ipv6(&[LongDestinationOptions(30)], |_, _| {}), SYN),
        ("authentication header, 4-byte units", ipv6(&[Authentication(3)], |_, _| {}), SYN),
        ("atomic fragment", ipv6(&[Fragment { offset: 0, more: false }], |_, _| {}), SYN),
        (
            "first of several IPv6 fragments",
            ipv6(&[Fragment { offset: 0, more: true }], |_, _| {}),
            SYN,
        ),
        ("every extension header", ipv6(&long_chain, |_, _| {}), SYN),
        ("the longest chain", ipv6(&[DestinationOptions; 8], |_, _| {}), SYN),
    ]
}

fn listed_or_unprotected() -> Vec<Row> {
    vec![
        ("allowed source", syn_from(Ipv4Addr::new(198, 51, 100, 7)), "pass_allowed"),
        ("denied within an allowed network", syn_from(Ipv4Addr::new(198, 51, 100, 66)), "drop_denied"),
        ("denied source", syn_from(Ipv4Addr::new(203, 0, 113, 9)), "drop_denied"),
        (
            "denied source on an unprotected port",
            ipv4(|ip, tcp| {
                ip.source = [203, 0, 113, 9];
                tcp.destination_port = 22;
            }),
            "drop_denied",
        ),
        (
            "denied IPv6 source",
            ipv6(&[], |ip, _| ip.source[..6].copy_from_slice(&[0x20, 1, 0x0d, 0xb8, 0x0b, 0xad])),
            "drop_denied",
        ),
        ("unprotected port", ipv4(|_, tcp| tcp.destination_port = 22), "pass_unprotected_port"),
        (
            "unprotected port, IPv6",
            ipv6(&[], |_, tcp| tcp.destination_port = 81),
            "pass_unprotected_port",
        ),
    ]
}

/// All rows, always in the same order.
pub fn table() -> Vec<Row> {
    [not_a_syn(), later_fragments(), syns(), listed_or_unprotected(), evasions::rows()].concat()
}
