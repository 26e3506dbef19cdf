// SPDX-License-Identifier: GPL-2.0-only
//! The parser on well-formed, damaged and arbitrary frames. Sanitizers end it at the first byte that it
//! reads beyond a frame.

mod parser;
mod shape;

use std::fmt::Debug;

use etherparse::{EtherType, Ipv4Header, TcpHeader, ip_number};
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::{Index, select};
use proptest::strategy::ValueTree;
use proptest::test_runner::TestRunner;

use parser::{Verdict, parse, run};
use shape::{ETHERNET_LEN, Extension, Fragment, Ip, Shape, any_shape, any_shape_over_ipv6};

/// `count` samples, always the same, so that a failure can be repeated.
fn samples<T: Debug>(strategy: impl Strategy<Value = T>, count: usize) -> Vec<T> {
    let mut runner = TestRunner::deterministic();
    (0..count).map(|_| strategy.new_tree(&mut runner).unwrap().current()).collect()
}

/// Asserts that the parser gives every frame its reason.
fn check_reasons(cases: impl IntoIterator<Item = (&'static str, Vec<u8>)>) {
    let (reasons, frames): (Vec<_>, Vec<_>) = cases.into_iter().unzip();
    for ((reason, frame), verdict) in reasons.iter().zip(&frames).zip(parse(&frames)) {
        assert_eq!(verdict.reason, *reason, "{frame:02x?}");
    }
}

#[test]
fn the_sanitizer_works() {
    let frames = [vec![0; 13]];
    parse(&frames);
    let output = run("overread", &frames);
    assert!(!output.status.success());
    let error = String::from_utf8_lossy(&output.stderr);
    assert!(error.contains("heap-buffer-overflow"), "{error}");
}

#[test]
fn every_well_formed_syn_is_found_and_described() {
    let shapes = samples(any_shape(), 20_000);
    let frames: Vec<_> = shapes.iter().map(Shape::frame).collect();
    for (shape, verdict) in shapes.iter().zip(parse(&frames)) {
        let expected = Verdict {
            reason: "UNDECIDED".into(),
            family: shape.version(),
            source: shape.source(),
            port: shape.tcp.destination_port,
            cut: false,
        };
        assert_eq!(verdict, expected, "{shape:?}");
    }
}

/// The reason that a SYN must have after a change, and the change.
type Change = (&'static str, fn(&mut Shape));

/// Changes that make any SYN something else, or almost.
const CHANGES: &[Change] = &[
    ("SKIP_NOT_TCP", |syn| syn.protocol = ip_number::UDP),
    ("SKIP_NOT_TCP", |syn| syn.protocol = ip_number::ENCAPSULATING_SECURITY_PAYLOAD),
    ("SKIP_NOT_SYN", |syn| syn.tcp.syn = false),
    ("SKIP_NOT_SYN", |syn| syn.tcp.ack = true),
    ("SKIP_NOT_SYN", |syn| (syn.tcp.syn, syn.tcp.ack) = (false, true)),
    ("SKIP_NOT_SYN", |syn| (syn.tcp.ack, syn.tcp.fin, syn.tcp.rst) = (true, true, true)),
    ("SKIP_LATER_FRAGMENT", |syn| syn.fragment(Fragment { offset: 2, more: true })),
    ("SKIP_LATER_FRAGMENT", |syn| syn.fragment(Fragment { offset: 0x1fff, more: false })),
    ("DROP_TINY_FRAGMENT", |syn| syn.fragment(Fragment { offset: 1, more: true })),
    ("DROP_TINY_FRAGMENT", |syn| syn.fragment(Fragment { offset: 1, more: false })),
    ("DROP_SYN_FIN", |syn| syn.tcp.fin = true),
    ("DROP_SYN_RST", |syn| syn.tcp.rst = true),
    ("DROP_TOO_MANY_TAGS", |syn| syn.tags = vec![EtherType::VLAN_TAGGED_FRAME; 3]),
    ("DROP_TOO_MANY_TAGS", |syn| syn.tags = vec![EtherType::PROVIDER_BRIDGING; 4]),
    ("UNDECIDED", Shape::send_to_own_port),
    ("UNDECIDED", Shape::send_to_own_address),
    ("DROP_LAND", |syn| {
        syn.send_to_own_port();
        syn.send_to_own_address();
    }),
];

const IPV6_CHANGES: &[Change] = &[
    ("DROP_MAPPED_SOURCE", |syn| syn.send_from("::ffff:192.0.2.1")),
    ("UNDECIDED", |syn| syn.send_from("::192.0.2.1")),
    ("UNDECIDED", |syn| syn.send_from("::1:0:ffff:192.0.2.1")),
    ("UNDECIDED", |syn| syn.send_from("1::ffff:192.0.2.1")),
    ("DROP_TOO_MANY_EXTENSIONS", |syn| {
        if let Ip::V6(_, chain) = &mut syn.ip {
            chain.resize(9, Extension::Options(ip_number::IPV6_DESTINATION_OPTIONS, 0));
        }
    }),
    // The fragment header says that the fragmented packet is not TCP.
    ("SKIP_LATER_FRAGMENT", |syn| {
        syn.fragment(Fragment { offset: 1, more: false });
        syn.protocol = ip_number::UDP;
    }),
];

#[test]
fn a_changed_syn_has_the_reason_of_its_change() {
    let changed = |changes: &[Change], shapes: Vec<Shape>| {
        let cases = changes.iter().flat_map(|(reason, change)| {
            shapes.clone().into_iter().map(|mut shape| {
                change(&mut shape);
                (*reason, shape.frame())
            })
        });
        check_reasons(cases);
    };
    changed(CHANGES, samples(any_shape(), 500));
    changed(IPV6_CHANGES, samples(any_shape_over_ipv6(), 500));
}

#[test]
fn one_bit_of_the_address_makes_the_difference_to_a_land() {
    let mut cases = Vec::new();
    for mut shape in samples(any_shape(), 200) {
        shape.send_to_own_port();
        shape.send_to_own_address();
        for at in shape.destination() {
            let mut frame = shape.frame();
            frame[at] ^= 1 << (at % 8);
            cases.push(("UNDECIDED", frame));
        }
    }
    check_reasons(cases);
}

#[test]
fn a_header_with_impossible_lengths_or_version_is_refused() {
    let mut cases = Vec::new();
    let mut refuse = |mut frame: Vec<u8>, at: usize, byte: u8, reason| {
        frame[at] = byte;
        cases.push((reason, frame));
    };
    for shape in samples(any_shape(), 500) {
        let (ip_at, offset_at) = (shape.ip_at(), shape.tcp_at() + 12);
        let frame = shape.frame();
        let (ip, offset) = (frame[ip_at], frame[offset_at]);
        for version in (0..16).filter(|&version| version != shape.version()) {
            refuse(frame.clone(), ip_at, version << 4 | ip & 0x0f, "DROP_BAD_IP_HEADER");
        }
        for words in 0..5 {
            refuse(frame.clone(), offset_at, words << 4 | offset & 0x0f, "DROP_BAD_TCP_HEADER");
            if let Ip::V4(_) = shape.ip {
                refuse(frame.clone(), ip_at, 0x40 | words, "DROP_BAD_IP_HEADER");
            }
        }
    }
    check_reasons(cases);
}

/// Every shape at every length. It is a SYN only if its whole header is there.
#[test]
fn a_cut_header_is_never_a_syn() {
    let cases = samples(any_shape(), 150).into_iter().flat_map(|shape| {
        let frame = shape.frame();
        (0..=frame.len()).map(move |len| (shape.reason_when_cut(len), frame[..len].to_vec()))
    });
    check_reasons(cases);
}

/// The length in the IP header cuts a packet like the frame's end, even if the SYN's bytes go on after
/// it.
#[test]
fn nothing_is_read_between_the_ends_of_packet_and_frame() {
    let (mut cut_frames, mut cut_packets) = (Vec::new(), Vec::new());
    for shape in samples(any_shape(), 150) {
        let frame = shape.frame();
        // From 1 on, because length 0 means the rest of the frame.
        for end in shape.behind_fixed_header() + 1..frame.len() {
            cut_frames.push(frame[..end].to_vec());
            cut_packets.push(shape.frame_of_packet_ending_at(end));
        }
    }
    for ((frame, in_frame), in_packet) in
        cut_packets.iter().zip(parse(&cut_frames)).zip(parse(&cut_packets))
    {
        assert_eq!(in_packet, Verdict { cut: false, ..in_frame }, "{frame:02x?}");
    }
}

#[test]
fn a_packet_of_length_0_is_the_rest_of_the_frame() {
    check_reasons(samples(any_shape(), 1000).into_iter().map(|shape| {
        let from = match shape.ip {
            Ip::V4(_) => shape.ip_at(),
            Ip::V6(..) => shape.behind_fixed_header(),
        };
        ("UNDECIDED", shape.frame_of_packet_ending_at(from))
    }));
}

fn arbitrary_frame() -> impl Strategy<Value = Vec<u8>> {
    vec(any::<u8>(), 0..200)
}

/// Arbitrary bytes rarely have an EtherType that the parser follows.
fn arbitrary_packet() -> impl Strategy<Value = Vec<u8>> {
    let ether_type = select(&[
        EtherType::IPV4,
        EtherType::IPV6,
        EtherType::VLAN_TAGGED_FRAME,
        EtherType::PROVIDER_BRIDGING,
    ]);
    (ether_type, vec(any::<u8>(), 0..200)).prop_map(|(ether_type, packet)| {
        [&[2; ETHERNET_LEN - 2][..], &ether_type.0.to_be_bytes(), &packet].concat()
    })
}

/// Few of those reach TCP. This is a SYN with some bytes changed, whole or cut.
fn damaged_syn() -> impl Strategy<Value = Vec<u8>> {
    let changes = vec((any::<Index>(), any::<u8>()), 1..4);
    (any_shape(), changes, prop::option::of(any::<Index>())).prop_map(|(shape, changes, cut)| {
        let mut frame = shape.frame();
        for (at, byte) in changes {
            let at = at.index(frame.len());
            frame[at] = byte;
        }
        frame.truncate(cut.map_or(frame.len(), |at| at.index(frame.len())));
        frame
    })
}

#[test]
fn any_bytes_are_read_within_bounds_and_described_in_full() {
    let mut frames = samples(arbitrary_frame(), 10_000);
    frames.extend(samples(arbitrary_packet(), 20_000));
    frames.extend(samples(damaged_syn(), 30_000));
    let verdicts = parse(&frames);
    for (frame, verdict) in frames.iter().zip(&verdicts) {
        let context = || format!("{verdict:?}: {frame:02x?}");
        let class = verdict.reason.split('_').next().unwrap();
        assert!(matches!(class, "UNDECIDED" | "SKIP" | "DROP"), "{}", context());
        if verdict.reason == "UNDECIDED" {
            let least = ETHERNET_LEN + Ipv4Header::MIN_LEN + TcpHeader::MIN_LEN;
            let mapped = verdict.source.to_ipv4_mapped().is_some();
            assert!(frame.len() >= least, "{}", context());
            assert_eq!(verdict.family, if mapped { 4 } else { 6 }, "{}", context());
            assert!(!verdict.cut, "{}", context());
        }
    }
    let undecided = verdicts.iter().filter(|verdict| verdict.reason == "UNDECIDED").count();
    assert!(undecided > 1000, "too few of these frames reach the end of the parser: {undecided}");

    // If no header was cut, the verdict must not depend on what follows.
    let longer: Vec<_> = frames.iter().map(|frame| [&frame[..], &[0xff; 80]].concat()).collect();
    for ((verdict, of_longer), frame) in verdicts.iter().zip(parse(&longer)).zip(&frames) {
        if !verdict.cut {
            assert_eq!(*verdict, of_longer, "{frame:02x?}");
        }
    }
}
