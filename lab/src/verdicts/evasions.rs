// SPDX-License-Identifier: GPL-2.0-only
//! SYNs disguised as something else, and packets that no honest stack sends.

use std::net::Ipv6Addr;

use crate::frames::{
    CLIENT, ETHERNET_LEN, Extension, IPV4_LEN, IPV6_LEN, SERVER_PORT, SERVER6, TCP_LEN, cut,
    fragment_offset, ipv4, ipv6, patched, tagged, tags_len,
};

use super::{AD, Q, Row, SYN, plain4, plain6};
use Extension::{DestinationOptions, Fragment};

/// Part of [`super::table`].
pub fn rows() -> Vec<Row> {
    [flags_and_addresses(), headers(), fragments(), too_many()].concat()
}

/// The offset of TCP after a plain IPv4 header, and after a plain IPv6 one.
const TCP_AT: usize = ETHERNET_LEN + IPV4_LEN;
const TCP6_AT: usize = ETHERNET_LEN + IPV6_LEN;

fn flags_and_addresses() -> Vec<Row> {
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
        ("source address only the destination's", ipv4(|ip, _| ip.source = ip.destination), SYN),
        (
            "IPv6 from an address that is nearly IPv4-mapped",
            ipv6(&[], |ip, _| ip.source = "::80:0:0:ffff:0:0".parse::<Ipv6Addr>().unwrap().octets()),
            SYN,
        ),
        (
            "IPv6 from an IPv4-mapped address",
            ipv6(&[], |ip, _| ip.source = mapped),
            "drop_mapped_source",
        ),
    ]
}

fn headers() -> Vec<Row> {
    vec![
        ("ihl 4", patched(plain4(), ETHERNET_LEN, |_| 0x44), "drop_bad_ip_header"),
        ("IPv4 of version 5", patched(plain4(), ETHERNET_LEN, |_| 0x55), "drop_bad_ip_header"),
        ("IPv6 of version 4", patched(plain6(), ETHERNET_LEN, |_| 0x40), "drop_bad_ip_header"),
        ("doff 4", patched(plain4(), TCP_AT + 12, |_| 0x40), "drop_bad_tcp_header"),
        ("doff 0, IPv6", patched(plain6(), TCP6_AT + 12, |_| 0), "drop_bad_tcp_header"),
        ("TCP header cut", cut(plain4(), TCP_AT + TCP_LEN - 1), "drop_truncated"),
        ("no byte of TCP", cut(plain4(), TCP_AT), "drop_truncated"),
        ("TCP header cut, IPv6", cut(plain6(), TCP6_AT + TCP_LEN - 1), "drop_truncated"),
        ("TCP options cut", patched(plain4(), TCP_AT + 12, |_| 0x60), "drop_truncated"),
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
            cut(tagged(&[Q], plain4()), TCP_AT + tags_len(1) + 5),
            "drop_truncated",
        ),
    ]
}

fn fragments() -> Vec<Row> {
    vec![
        (
            "first fragment without all of TCP",
            cut(ipv4(|ip, _| ip.more_fragments = true), TCP_AT + 8),
            "drop_tiny_fragment",
        ),
        (
            "first fragment without all of TCP's options",
            patched(ipv4(|ip, _| ip.more_fragments = true), TCP_AT + 12, |_| 0xf0),
            "drop_tiny_fragment",
        ),
        (
            "fragment at 8 bytes: onto the flags",
            ipv4(|ip, _| ip.fragment_offset = fragment_offset(1)),
            "drop_tiny_fragment",
        ),
        (
            "IPv6 first fragment without all of TCP",
            cut(ipv6(&[Fragment { offset: 0, more: true }], |_, _| {}), TCP6_AT + 16),
            "drop_tiny_fragment",
        ),
        (
            "IPv6 first fragment without all of the chain",
            cut(
                ipv6(&[Fragment { offset: 0, more: true }, DestinationOptions], |_, _| {}),
                TCP6_AT + 12,
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
                TCP6_AT + 24,
            ),
            "drop_tiny_fragment",
        ),
        (
            "IPv6 fragment at 8 bytes",
            ipv6(&[Fragment { offset: 1, more: false }], |_, _| {}),
            "drop_tiny_fragment",
        ),
    ]
}

fn too_many() -> Vec<Row> {
    vec![
        ("three tags", tagged(&[Q, Q, Q], plain4()), "drop_too_many_tags"),
        ("three tags of both kinds, IPv6", tagged(&[AD, Q, AD], plain6()), "drop_too_many_tags"),
        (
            "one extension header too many",
            ipv6(&[DestinationOptions; 9], |_, _| {}),
            "drop_too_many_extensions",
        ),
    ]
}
