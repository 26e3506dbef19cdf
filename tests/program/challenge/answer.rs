// SPDX-License-Identifier: GPL-2.0-only
//! An answer, read and checked.

use etherparse::{EtherType, NetSlice, SlicedPacket, TcpOptionElement, TransportSlice};
use lab::frames::{self, CLIENT, CLIENT_MAC, CLIENT6, SERVER, SERVER_MAC, SERVER6, tagged};
use lab::program::{Program, XDP_TX};

use super::server::ANSWER_PORTS;

use TcpOptionElement::Timestamp;

/// The SYNs' first sequence number, see `frames.rs`.
pub const SEQUENCE: u32 = 1;
pub const TSVAL: u32 = 0x1234_5678;

/// For tcp_rmem[2] of [`HOST`], 2^25 bytes; 2^16 bytes need no scale.
pub const OUR_SCALE: u8 = 10;

/// The options in the SYNs of several systems, in their order.
pub const LINUX: &[u8] = &[2, 4, 5, 180, 4, 2, 8, 10, 0x12, 0x34, 0x56, 0x78, 0, 0, 0, 0, 1, 3, 3, 7];
pub const WINDOWS: &[u8] = &[2, 4, 5, 180, 1, 3, 3, 8, 1, 1, 4, 2];
pub const MACOS: &[u8] =
    &[2, 4, 5, 180, 1, 3, 3, 6, 1, 1, 8, 10, 0x12, 0x34, 0x56, 0x78, 0, 0, 0, 0, 4, 2, 0, 0];
pub const FREEBSD: &[u8] = &[2, 4, 5, 180, 1, 3, 3, 6, 4, 2, 8, 10, 0x12, 0x34, 0x56, 0x78, 0, 0, 0, 0];
pub const OPENBSD: &[u8] =
    &[2, 4, 5, 180, 1, 1, 4, 2, 1, 3, 3, 6, 1, 1, 8, 10, 0x12, 0x34, 0x56, 0x78, 0, 0, 0, 0];

/// A parsed answer with correct checksums.
pub struct Answer {
    /// The cookie.
    pub sequence: u32,
    pub options: Vec<TcpOptionElement>,
    pub ece: bool,
    pub window: u16,
    pub timestamp: u32,
    /// Bytes from the IP header to the last option.
    pub packet_len: usize,
}

pub fn answer(program: &Program, frame: &[u8]) -> Answer {
    let (reason, action, left) = program.answer(frame);
    assert_eq!((reason.as_str(), action), ("challenge_sent", XDP_TX));
    let packet = SlicedPacket::from_ethernet(&left).unwrap();
    let ethernet = packet.link.as_ref().unwrap().to_header().unwrap().ethernet2().unwrap();
    assert_eq!((ethernet.source, ethernet.destination), (SERVER_MAC, CLIENT_MAC));
    let Some(TransportSlice::Tcp(tcp)) = &packet.transport else { panic!("no TCP: {left:x?}") };
    let (checksum, packet_len) = match packet.net.as_ref().unwrap() {
        NetSlice::Ipv4(ip) => {
            let ip = ip.header();
            assert_eq!((ip.source_addr(), ip.destination_addr()), (SERVER, CLIENT));
            assert_eq!(ip.header_checksum(), ip.to_header().calc_header_checksum());
            let checksum = tcp.calc_checksum_ipv4(ip.source(), ip.destination());
            (checksum, usize::from(ip.total_len()))
        }
        NetSlice::Ipv6(ip) => {
            let ip = ip.header();
            assert_eq!((ip.source_addr(), ip.destination_addr()), (SERVER6, CLIENT6));
            let checksum = tcp.calc_checksum_ipv6(ip.source(), ip.destination());
            (checksum, 40 + usize::from(ip.payload_length()))
        }
        NetSlice::Arp(_) => panic!("ARP"),
    };
    assert_eq!(tcp.checksum(), checksum.unwrap());
    assert_eq!((tcp.source_port(), tcp.destination_port()), ANSWER_PORTS);
    assert_eq!(tcp.acknowledgment_number(), SEQUENCE + 1);
    assert!(tcp.syn() && tcp.ack() && !tcp.rst() && !tcp.fin() && !tcp.psh() && !tcp.cwr());
    assert!(tcp.payload().is_empty() && tcp.window_size() > 0);
    let options: Vec<_> = tcp.options_iterator().collect::<Result<_, _>>().unwrap();
    let timestamp = options.iter().find_map(|option| match option {
        Timestamp(value, echo) => {
            assert_eq!(*echo, TSVAL);
            Some(*value)
        }
        _ => None,
    });
    Answer {
        sequence: tcp.sequence_number(),
        options,
        ece: tcp.ece(),
        window: tcp.window_size(),
        timestamp: timestamp.unwrap_or(0),
        packet_len,
    }
}

/// The options without the timestamp's value.
pub fn shape(answer: &Answer) -> Vec<TcpOptionElement> {
    let blank = |option: &TcpOptionElement| match option {
        Timestamp(..) => Timestamp(0, 0),
        other => other.clone(),
    };
    answer.options.iter().map(blank).collect()
}

/// The frame as it is, and behind one and two VLAN tags. Asserts that the answers have its tags.
pub fn answers_behind_tags(program: &Program, frame: &[u8]) -> Vec<Answer> {
    let (vlan, provider) = (EtherType::VLAN_TAGGED_FRAME, EtherType::PROVIDER_BRIDGING);
    let answered = |tags: &[EtherType]| {
        let frame = tagged(tags, frame.to_vec());
        let (.., left) = program.answer(&frame);
        let at = 12 + frames::tags_len(tags.len()) + 2;
        assert_eq!(left[12..at], frame[12..at], "its tags and its EtherType");
        answer(program, &frame)
    };
    [&[][..], &[vlan], &[provider, vlan]].map(answered).into()
}
