// SPDX-License-Identifier: GPL-2.0-only
//! A SYN, as the BPF program reads it: 48 bytes at fixed offsets.

use std::fmt;
use std::net::IpAddr;

use etherparse::{LaxNetSlice, LaxSlicedPacket, TransportSlice};

/// Bytes of a [`Syn`].
pub const SYN_LEN: usize = 48;

/// TTL (IPv6: hop limit) minus one, so that the TTLs that one system's SYNs arrive with, 33 to 64, share their
/// top bits.
pub const TTL: usize = 0;
/// TOS; IPv6: traffic class.
pub const TOS: usize = 1;
/// Total length; IPv6: payload length. Two bytes, like the next three.
pub const LENGTH: usize = 2;
/// Window.
pub const WINDOW: usize = 4;
/// Destination port.
pub const PORT: usize = 6;
/// IPv4: identification. IPv6: four bytes, zeros and the flow label.
pub const ID: usize = 8;
/// IPv4: flags and fragment offset.
pub const FRAGMENT: usize = 10;
/// Source port, two bytes.
pub const SOURCE_PORT: usize = 12;
/// TCP's 13th byte: data offset in the upper four bits, reserved bits below.
pub const DATA_OFFSET: usize = 14;
/// TCP's flags.
pub const FLAGS: usize = 15;
/// Sequence number, four bytes.
pub const SEQUENCE: usize = 16;
/// Acknowledgement number, four bytes.
pub const ACK: usize = 20;
/// The first 24 bytes of TCP options; zero from where the header ends.
pub const OPTIONS: usize = 24;

/// The options of a [`Syn`] begin this far into the TCP header.
pub const TCP_HEADER_LEN: usize = 20;
const SYN_AND_ACK: u8 = 0x12;
const SYN_ONLY: u8 = 0x02;

/// The two kinds of SYNs have nothing in common but TCP, and each has rules of its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Family {
    Ipv4,
    Ipv6,
}

impl Family {
    pub const ALL: [Self; 2] = [Self::Ipv4, Self::Ipv6];

    /// That of an address; an IPv4 address mapped into IPv6 counts as IPv4.
    pub fn of(address: IpAddr) -> Self {
        if address.to_canonical().is_ipv4() { Self::Ipv4 } else { Self::Ipv6 }
    }
}

impl fmt::Display for Family {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Ipv4 => "ipv4",
            Self::Ipv6 => "ipv6",
        })
    }
}

/// One SYN. Numbers in it are in network byte order; the constants of this module say what is where.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Syn {
    pub family: Family,
    pub bytes: [u8; SYN_LEN],
}

impl Syn {
    /// The SYN in a packet that begins with the IP header, and its source. None: no SYN without ACK, or not enough of
    /// it. A packet may be cut behind its TCP header.
    pub fn of_packet(ip: &[u8]) -> Option<(IpAddr, Self)> {
        let packet = LaxSlicedPacket::from_ip(ip).ok()?;
        let Some(TransportSlice::Tcp(tcp)) = &packet.transport else { return None };
        let tcp = tcp.header_slice();
        if tcp[13] & SYN_AND_ACK != SYN_ONLY {
            return None;
        }
        let mut bytes = [0; SYN_LEN];
        let (source, family) = match &packet.net {
            Some(LaxNetSlice::Ipv4(slice)) => {
                bytes[TTL] = ip[8].wrapping_sub(1);
                bytes[TOS] = ip[1];
                bytes[LENGTH..WINDOW].copy_from_slice(&ip[2..4]);
                bytes[ID..SOURCE_PORT].copy_from_slice(&ip[4..8]);
                (slice.header().source_addr().into(), Family::Ipv4)
            }
            Some(LaxNetSlice::Ipv6(slice)) => {
                bytes[TTL] = ip[7].wrapping_sub(1);
                bytes[TOS] = ip[0] << 4 | ip[1] >> 4;
                bytes[LENGTH..WINDOW].copy_from_slice(&ip[4..6]);
                bytes[ID + 1..SOURCE_PORT].copy_from_slice(&[ip[1] & 0x0f, ip[2], ip[3]]);
                (slice.header().source_addr().into(), Family::Ipv6)
            }
            _ => return None,
        };
        bytes[WINDOW..PORT].copy_from_slice(&tcp[14..16]);
        bytes[PORT..ID].copy_from_slice(&tcp[2..4]);
        bytes[SOURCE_PORT..DATA_OFFSET].copy_from_slice(&tcp[..2]);
        bytes[DATA_OFFSET..SEQUENCE].copy_from_slice(&tcp[12..14]);
        bytes[SEQUENCE..OPTIONS].copy_from_slice(&tcp[4..12]);
        let options = &tcp[TCP_HEADER_LEN..];
        let kept = options.len().min(SYN_LEN - OPTIONS);
        bytes[OPTIONS..OPTIONS + kept].copy_from_slice(&options[..kept]);
        Some((source, Self { family, bytes }))
    }

    /// Where the header ends in `bytes`: behind it there are zeros.
    pub fn end(&self) -> usize {
        header_end(self.bytes[DATA_OFFSET])
    }

    pub(crate) fn number16(&self, at: usize) -> u16 {
        u16::from_be_bytes([self.bytes[at], self.bytes[at + 1]])
    }
}

/// Where a header with this data offset ends in the bytes of a [`Syn`].
pub fn header_end(data_offset: u8) -> usize {
    let options_len = (usize::from(data_offset >> 4) * 4).saturating_sub(TCP_HEADER_LEN);
    (OPTIONS + options_len).min(SYN_LEN)
}

#[cfg(test)]
mod tests {
    use etherparse::PacketBuilder;
    use etherparse::TcpOptionElement::{MaximumSegmentSize, Noop, WindowScale};

    use super::*;

    fn written(builder: etherparse::PacketBuilderStep<etherparse::TcpHeader>) -> Vec<u8> {
        let mut packet = Vec::new();
        builder.write(&mut packet, &[]).unwrap();
        packet
    }

    #[test]
    fn an_ipv4_syn_has_its_fields_where_the_program_reads_them() {
        let builder = PacketBuilder::ipv4([192, 0, 2, 1], [192, 0, 2, 2], 64);
        let builder = builder.tcp(0x1122, 443, 0xaabb_ccdd, 0x0200).syn();
        let options = [MaximumSegmentSize(1460), Noop, WindowScale(7)];
        let mut packet = written(builder.options(&options).unwrap());
        packet[1] = 0x48;
        packet[4..6].copy_from_slice(&[0xd4, 0x31]);
        let (source, syn) = Syn::of_packet(&packet).unwrap();
        assert_eq!(source, IpAddr::from([192, 0, 2, 1]));
        let mut expected = [0; SYN_LEN];
        expected[..16].copy_from_slice(&[
            63, 0x48, 0, 48, 2, 0, 1, 187, 0xd4, 0x31, 0x40, 0, 0x11, 0x22, 0x70, 2,
        ]);
        expected[16..20].copy_from_slice(&[0xaa, 0xbb, 0xcc, 0xdd]);
        expected[24..32].copy_from_slice(&[2, 4, 0x05, 0xb4, 1, 3, 3, 7]);
        assert_eq!(syn, Syn { family: Family::Ipv4, bytes: expected });
        assert_eq!(syn.end(), 32);
    }

    #[test]
    fn an_ipv6_syn_has_flow_label_and_traffic_class() {
        let builder = PacketBuilder::ipv6([1; 16], [2; 16], 255).tcp(1, 2, 3, 4).syn();
        let mut packet = written(builder);
        packet[..4].copy_from_slice(&[0x6a, 0xbc, 0xde, 0xf0]);
        let (source, syn) = Syn::of_packet(&packet).unwrap();
        assert_eq!(source, IpAddr::from([1; 16]));
        assert_eq!(
            &syn.bytes[..16],
            &[254, 0xab, 0, 20, 0, 4, 0, 2, 0, 0x0c, 0xde, 0xf0, 0, 1, 0x50, 2]
        );
    }

    #[test]
    fn other_packets_are_no_syns() {
        let tcp = |change: fn(&mut Vec<u8>)| {
            let mut packet = written(PacketBuilder::ipv4([1; 4], [2; 4], 9).tcp(1, 2, 3, 4).syn());
            change(&mut packet);
            Syn::of_packet(&packet)
        };
        assert!(tcp(|_| ()).is_some());
        assert_eq!(tcp(|packet| packet[33] = 0x12), None, "a SYN with ACK");
        assert_eq!(tcp(|packet| packet[33] = 0x10), None, "an ACK");
        assert_eq!(tcp(|packet| packet[9] = 17), None, "UDP");
        assert_eq!(tcp(|packet| packet.truncate(39)), None, "cut inside its header");
        assert_eq!(tcp(|packet| packet[7] = 1), None, "a later fragment");
        assert_eq!(tcp(|packet| packet[0] = 0x55), None, "an unknown version");
    }
}
