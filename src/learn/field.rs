// SPDX-License-Identifier: GPL-2.0-only
//! The fields of a SYN: their names on the command line, and where they are in [`Syn`](super::Syn), in the IP header
//! and in the TCP header.

use super::syn::{
    ACK, DATA_OFFSET, FLAGS, FRAGMENT, Family, ID, LENGTH, OPTIONS, PORT, SEQUENCE, SOURCE_PORT, TOS,
    TTL, WINDOW,
};

/// Which header a field is in, and how far.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Header {
    Ip(usize),
    Tcp(usize),
    /// IPv6's traffic class, which begins in the middle of a byte.
    TrafficClass,
}

/// One number of at most four bytes.
#[derive(Debug, Clone, Copy)]
pub struct Field {
    pub name: &'static str,
    /// Its first byte in a [`Syn`](super::Syn).
    pub at: usize,
    /// Bytes.
    pub length: usize,
    /// People write it in decimal.
    pub is_decimal: bool,
    pub header: Header,
}

const fn field(
    name: &'static str,
    at: usize,
    length: usize,
    is_decimal: bool,
    header: Header,
) -> Field {
    Field { name, at, length, is_decimal, header }
}

use Header::{Ip, Tcp, TrafficClass};

static IPV4: [Field; 12] = [
    field("ttl", TTL, 1, true, Ip(8)),
    field("tos", TOS, 1, false, Ip(1)),
    field("length", LENGTH, 2, true, Ip(2)),
    field("window", WINDOW, 2, true, Tcp(14)),
    field("port", PORT, 2, true, Tcp(2)),
    field("id", ID, 2, true, Ip(4)),
    field("fragment", FRAGMENT, 2, false, Ip(6)),
    field("source-port", SOURCE_PORT, 2, true, Tcp(0)),
    field("offset", DATA_OFFSET, 1, false, Tcp(12)),
    field("flags", FLAGS, 1, false, Tcp(13)),
    field("seq", SEQUENCE, 4, false, Tcp(4)),
    field("ack", ACK, 4, false, Tcp(8)),
];

static IPV6: [Field; 11] = [
    field("hlim", TTL, 1, true, Ip(7)),
    field("class", TOS, 1, false, TrafficClass),
    field("length", LENGTH, 2, true, Ip(4)),
    field("window", WINDOW, 2, true, Tcp(14)),
    field("port", PORT, 2, true, Tcp(2)),
    field("flowlabel", ID, 4, false, Ip(0)),
    field("source-port", SOURCE_PORT, 2, true, Tcp(0)),
    field("offset", DATA_OFFSET, 1, false, Tcp(12)),
    field("flags", FLAGS, 1, false, Tcp(13)),
    field("seq", SEQUENCE, 4, false, Tcp(4)),
    field("ack", ACK, 4, false, Tcp(8)),
];

/// The fields before the options, in their order.
pub fn fields(family: Family) -> &'static [Field] {
    match family {
        Family::Ipv4 => &IPV4,
        Family::Ipv6 => &IPV6,
    }
}

/// Options are read in words of this many bytes.
pub const OPTION_WORD: usize = 4;

/// Where an option byte is in the TCP header.
pub fn in_tcp(at: usize) -> usize {
    at - OPTIONS + super::syn::TCP_HEADER_LEN
}

impl Field {
    /// Its number in mask or value.
    pub fn number(&self, bytes: &[u8]) -> u32 {
        bytes[self.at..self.at + self.length]
            .iter()
            .fold(0, |number, byte| number << 8 | u32::from(*byte))
    }

    /// The number with all bits set.
    pub fn full(&self) -> u32 {
        u32::MAX >> (32 - 8 * self.length)
    }
}

/// The TTLs that a mask and a value over the TTL minus one allow, if they are one range. 256 is no TTL: a TTL of 0
/// counts as one, for it is one less than 1.
pub fn ttl_range(mask: u8, value: u8) -> Option<(u16, u16)> {
    let is_top = mask.leading_ones() == mask.count_ones() && mask != 0;
    let first = u16::from(value) + 1;
    is_top.then_some((first, first + u16::from(!mask)))
}
