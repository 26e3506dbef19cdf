// SPDX-License-Identifier: GPL-2.0-only
//! One row for each shape of packet, with the reason that the program must give.

use std::net::{Ipv4Addr, Ipv6Addr};

use etherparse::{EtherType, Ipv4Options, PacketBuilder, TcpOptionElement, ip_number};

use lab::frames::{
    CLIENT, ETHERNET_LEN, Extension, IPV4_LEN, IPV6_LEN, SERVER, SERVER_PORT, SERVER6, TCP_LEN, cut,
    ethernet, fragment_offset, ipv4, ipv6, patched, syn_from, tagged, tags_len,
};

use Extension::{
    Authentication, DestinationOptions, Fragment, HopByHop, LongDestinationOptions, Routing,
};

/// What the table is judged by.
pub const OPTIONS: [&str; 12] = [
    "--burst",
    "1000000",
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

/// A SYN of a source that has sent one before.
pub const SYN: &str = "pass_within_limit";

pub type Row = (&'static str, Vec<u8>, &'static str);

pub fn plain4() -> Vec<u8> {
    ipv4(|_, _| {})
}

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

fn evasions() -> Vec<Row> {
    let tcp_at = ETHERNET_LEN + IPV4_LEN;
    let tcp6_at = ETHERNET_LEN + IPV6_LEN;
    let mapped = CLIENT.to_ipv6_mapped().octets();
    vec![
        ("SYN+FIN", ipv4(|_, tcp| tcp.fin = true), "drop_syn_fin"),
        ("SYN+RST", ipv4(|_, tcp| tcp.rst = true), "drop_syn_rst"),
        ("SYN+FIN, IPv6", ipv6(&[], |_, tcp| tcp.fin = true), "drop_syn_fin"),
        (
            "land",
            ipv4(|ip, tcp| (ip.source, tcp.source_port) = (ip.destination, SERVER_PORT)),
            "drop_land",
        ),
        (
            "land, IPv6",
            ipv6(&[], |ip, tcp| (ip.source, tcp.source_port) = (SERVER6.octets(), SERVER_PORT)),
            "drop_land",
        ),
        (
            "source address only the destination's",
            ipv4(|ip, _| ip.source = ip.destination),
            "pass_new_source",
        ),
        (
            "IPv6 from an address that is nearly IPv4-mapped",
            ipv6(&[], |ip, _| ip.source = "::80:0:0:ffff:0:0".parse::<Ipv6Addr>().unwrap().octets()),
            "pass_new_source",
        ),
        (
            "IPv6 from an IPv4-mapped address",
            ipv6(&[], |ip, _| ip.source = mapped),
            "drop_mapped_source",
        ),
        ("ihl 4", patched(plain4(), ETHERNET_LEN, |_| 0x44), "drop_bad_ip_header"),
        ("IPv4 of version 5", patched(plain4(), ETHERNET_LEN, |_| 0x55), "drop_bad_ip_header"),
        ("IPv6 of version 4", patched(plain6(), ETHERNET_LEN, |_| 0x40), "drop_bad_ip_header"),
        ("doff 4", patched(plain4(), tcp_at + 12, |_| 0x40), "drop_bad_tcp_header"),
        ("doff 0, IPv6", patched(plain6(), tcp6_at + 12, |_| 0), "drop_bad_tcp_header"),
        ("TCP header cut", cut(plain4(), tcp_at + TCP_LEN - 1), "drop_truncated"),
        ("no byte of TCP", cut(plain4(), tcp_at), "drop_truncated"),
        ("TCP header cut, IPv6", cut(plain6(), tcp6_at + TCP_LEN - 1), "drop_truncated"),
        ("TCP options cut", patched(plain4(), tcp_at + 12, |_| 0x60), "drop_truncated"),
        (
            "TCP header beyond the total length",
            patched(plain4(), ETHERNET_LEN + 3, |_| 39),
            "drop_truncated",
        ),
        (
            "total length within the IPv4 header",
            patched(plain4(), ETHERNET_LEN + 3, |_| 19),
            "drop_truncated",
        ),
        (
            "TCP header beyond the payload length",
            patched(plain6(), ETHERNET_LEN + 5, |_| 19),
            "drop_truncated",
        ),
        (
            "TCP header cut behind a tag",
            cut(tagged(&[Q], plain4()), tcp_at + tags_len(1) + 5),
            "drop_truncated",
        ),
        (
            "first fragment without all of TCP",
            cut(ipv4(|ip, _| ip.more_fragments = true), tcp_at + 8),
            "drop_tiny_fragment",
        ),
        (
            "first fragment without all of TCP's options",
            patched(ipv4(|ip, _| ip.more_fragments = true), tcp_at + 12, |_| 0xf0),
            "drop_tiny_fragment",
        ),
        (
            "fragment at 8 bytes: onto the flags",
            ipv4(|ip, _| ip.fragment_offset = fragment_offset(1)),
            "drop_tiny_fragment",
        ),
        (
            "IPv6 first fragment without all of TCP",
            cut(ipv6(&[Fragment { offset: 0, more: true }], |_, _| {}), tcp6_at + 16),
            "drop_tiny_fragment",
        ),
        (
            "IPv6 first fragment without all of the chain",
            cut(
                ipv6(&[Fragment { offset: 0, more: true }, DestinationOptions], |_, _| {}),
                tcp6_at + 12,
            ),
            "drop_tiny_fragment",
        ),
        (
            "IPv6 first fragment, then an atomic one, without all of TCP",
            cut(
                ipv6(
                    &[Fragment { offset: 0, more: true }, Fragment { offset: 0, more: false }],
                    |_, _| {},
                ),
                tcp6_at + 24,
            ),
            "drop_tiny_fragment",
        ),
        (
            "IPv6 fragment at 8 bytes",
            ipv6(&[Fragment { offset: 1, more: false }], |_, _| {}),
            "drop_tiny_fragment",
        ),
        ("three tags", tagged(&[Q, Q, Q], plain4()), "drop_too_many_tags"),
        ("three tags of both kinds, IPv6", tagged(&[AD, Q, AD], plain6()), "drop_too_many_tags"),
        (
            "one extension header too many",
            ipv6(&[DestinationOptions; 9], |_, _| {}),
            "drop_too_many_extensions",
        ),
    ]
}

pub fn table() -> Vec<Row> {
    [not_a_syn(), syns(), listed_or_unprotected(), evasions()].concat()
}
