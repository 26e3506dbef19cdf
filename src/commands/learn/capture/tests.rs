// SPDX-License-Identifier: GPL-2.0-only

use std::borrow::Cow;
use std::time::Duration;

use fastrand::Rng;
use pcap_file::pcap::{PcapHeader, PcapPacket, PcapWriter};
use pcap_file::pcapng::PcapNgWriter;
use pcap_file::pcapng::blocks::enhanced_packet::EnhancedPacketBlock;
use pcap_file::pcapng::blocks::interface_description::InterfaceDescriptionBlock;

use super::*;

/// What follows the link's header. Only its version makes it IP.
const PACKET: &[u8] = b"\x45 and so on";

/// How each link type that is read puts a packet into a frame.
const LINKS: &[(u32, &[u8])] = &[
    (1, b"\x02\0\0\0\0\x02\x02\0\0\0\0\x01\x08\0"),
    (1, b"\x02\0\0\0\0\x02\x02\0\0\0\0\x01\x81\0\0\x05\x08\0"),
    (1, b"\x02\0\0\0\0\x02\x02\0\0\0\0\x01\x88\xa8\0\x05\x81\0\0\x07\x86\xdd"),
    (101, b""),
    (12, b""),
    (228, b""),
    (229, b""),
    (0, b"\x02\0\0\0"),
    (0, b"\0\0\0\x1e"),
    (108, b"\0\0\0\x02"),
    (113, b"\0\0\0\x01\0\x06\x02\0\0\0\0\x01\0\0\x08\0"),
    (113, b"\0\0\0\x01\0\x06\x02\0\0\0\0\x01\0\0\x81\0\0\x05\x08\0"),
    (276, b"\x86\xdd\0\0\0\0\0\x02\0\x01\0\x06\x02\0\0\0\0\x01\0\0"),
];

fn pcap_of(link: u32, frame: &[u8], endianness: Endianness) -> Vec<u8> {
    let header = PcapHeader { datalink: link.into(), endianness, ..Default::default() };
    let mut writer = PcapWriter::with_header(Vec::new(), header).unwrap();
    let length = frame.len() as u32;
    for _ in 0..3 {
        writer.write_packet(&PcapPacket::new(Duration::ZERO, length, frame)).unwrap();
    }
    writer.into_writer()
}

fn pcapng_of(link: u32, frame: &[u8], order: Endianness) -> Vec<u8> {
    let mut writer = PcapNgWriter::with_endianness(Vec::new(), order).unwrap();
    let interface = |link: u32| InterfaceDescriptionBlock {
        linktype: link.into(),
        snaplen: 0,
        options: Vec::new(),
    };
    // The second interface is of a kind that is not read.
    writer.write_pcapng_block(interface(link)).unwrap();
    writer.write_pcapng_block(interface(127)).unwrap();
    for interface_id in [0, 1, 0] {
        let packet = EnhancedPacketBlock {
            interface_id,
            timestamp: Duration::ZERO,
            original_len: frame.len() as u32,
            data: Cow::Borrowed(frame),
            options: Vec::new(),
        };
        writer.write_pcapng_block(packet).unwrap();
    }
    writer.into_inner()
}

/// The packets of a file, and what is said of it.
fn packets(file: &[u8]) -> Result<(Vec<Vec<u8>>, Contents)> {
    let mut packets = Vec::new();
    let contents = read(file, &mut |packet| packets.push(packet.to_vec()))?;
    Ok((packets, contents))
}

fn refusal(file: &[u8]) -> String {
    packets(file).unwrap_err().to_string()
}

#[test]
fn a_packet_is_found_in_every_kind_of_frame() {
    for (link, header) in LINKS {
        let frame = [header, PACKET].concat();
        for order in [Endianness::Big, Endianness::Little] {
            let (found, contents) = packets(&pcap_of(*link, &frame, order)).unwrap();
            assert_eq!((found, contents.packets), (vec![PACKET.to_vec(); 3], 3), "{link} {header:?}");
            let (found, contents) = packets(&pcapng_of(*link, &frame, order)).unwrap();
            assert_eq!((found, contents.packets), (vec![PACKET.to_vec(); 2], 3), "{link} {header:?}");
            assert_eq!(contents.broken, None);
        }
    }
}

#[test]
fn what_is_not_ip_is_counted_and_left() {
    let arp = b"\x02\0\0\0\0\x02\x02\0\0\0\0\x01\x08\x06 who has";
    let (found, contents) = packets(&pcap_of(1, arp, Endianness::Little)).unwrap();
    assert_eq!((found.len(), contents.packets), (0, 3));
    let tag_at_the_end = b"\x02\0\0\0\0\x02\x02\0\0\0\0\x01\x81\0\0";
    assert!(packets(&pcap_of(1, tag_at_the_end, Endianness::Little)).unwrap().0.is_empty());
}

#[test]
fn a_file_that_is_none_is_refused_in_a_sentence() {
    assert_eq!(refusal(b""), "it is empty");
    assert!(refusal(b"GET / HTTP/1.1").contains("no capture"));
    assert!(refusal(&[0x1f, 0x8b, 8, 0, 0]).contains("compressed"));
    assert!(refusal(&[0xa1, 0xb2, 0xc3, 0xd4, 0, 2]).contains("middle"));
    let frame = [0; 60];
    assert!(refusal(&pcap_of(127, &frame, Endianness::Little)).contains("link type 127"));
    assert!(refusal(&pcapng_of(127, &frame, Endianness::Little)).contains("link type 127"));
}

#[test]
fn what_comes_before_the_end_of_a_torn_file_is_read() {
    for file in [pcap_of(101, PACKET, Endianness::Little), pcapng_of(101, PACKET, Endianness::Big)] {
        let (found, contents) = packets(&file[..file.len() - 3]).unwrap();
        assert!(!found.is_empty() && found.iter().all(|packet| packet == PACKET), "{found:?}");
        assert!(contents.broken.unwrap().contains("middle of a packet"));
    }
    let mut file = pcap_of(101, PACKET, Endianness::Little);
    let second = 24 + 16 + PACKET.len();
    file[second + 8..second + 12].fill(0xff);
    let (found, contents) = packets(&file).unwrap();
    assert_eq!(found.len(), 1);
    assert!(contents.broken.is_some(), "a packet of four gigabytes");
}

/// Otherwise a file of descriptions alone would fill the memory.
#[test]
fn more_interfaces_than_a_host_has_are_refused() {
    let one = pcapng_of(1, &[0; 60], Endianness::Little);
    let (section, rest) = one.split_at(28);
    let interface = &rest[..20];
    let file = [section, &interface.repeat(200_000)].concat();
    assert!(refusal(&file).contains("more interfaces"));
}

#[test]
fn no_file_ends_it_but_with_a_sentence() {
    let seed = fastrand::u64(..);
    println!("seed {seed}");
    let mut rng = Rng::with_seed(seed);
    for _ in 0..400 {
        let (link, header) = rng.choice(LINKS).unwrap();
        let order = if rng.bool() { Endianness::Big } else { Endianness::Little };
        let frame = [header, PACKET].concat();
        let make = if rng.bool() { pcap_of } else { pcapng_of };
        let mut file = make(*link, &frame, order);
        for _ in 0..rng.usize(1..6) {
            let at = rng.usize(..file.len());
            file[at] = if rng.bool() { rng.u8(..) } else { file[at] ^ 1 << rng.u8(..8) };
        }
        file.truncate(rng.usize(file.len() / 2..=file.len()));
        if let Ok((found, contents)) = packets(&file) {
            assert!(found.len() as u64 <= contents.packets);
        }
    }
}
