// SPDX-License-Identifier: GPL-2.0-only
//! Compares our answers with the kernel's, for the same SYNs under the same settings.

use std::time::Duration;

use etherparse::{SlicedPacket, TcpOptionElement, TcpSlice, TransportSlice};
use lab::frames::{ipv4, ipv6};
use lab::pair::Pair;
use lab::pass;
use lab::wire::Wire;

use crate::setup::{Challenging, PORT, listen, shows_rmem_max};

const LINUX: &[u8] = &[2, 4, 5, 180, 4, 2, 8, 10, 1, 2, 3, 4, 0, 0, 0, 0, 1, 3, 3, 7];
const WINDOWS: &[u8] = &[2, 4, 5, 180, 1, 3, 3, 8, 1, 1, 4, 2];
const MACOS: &[u8] = &[2, 4, 5, 180, 1, 3, 3, 6, 1, 1, 8, 10, 1, 2, 3, 4, 0, 0, 0, 0, 4, 2, 0, 0];
const FREEBSD: &[u8] = &[2, 4, 5, 180, 1, 3, 3, 6, 4, 2, 8, 10, 1, 2, 3, 4, 0, 0, 0, 0];
const SMALL_MSS: &[u8] = &[2, 4, 2, 24];

/// An address without a host: answers to it end on the wire.
const STRANGER: [u8; 4] = [10, 0, 9, 9];
const STRANGER6: &str = "fd00:5::99";
const STRANGER_MAC: &str = "02:00:00:00:00:01";

/// The SYNs of this test: options, and whether ECN is offered.
fn syns(mac: [u8; 6]) -> Vec<Vec<u8>> {
    let mut frames = Vec::new();
    let mut port = 20_000;
    for options in [&[][..], LINUX, WINDOWS, MACOS, FREEBSD, SMALL_MSS] {
        for ecn in [false, true] {
            port += 1;
            let edit = |tcp: &mut etherparse::TcpHeader| {
                (tcp.source_port, tcp.destination_port) = (port, PORT);
                (tcp.ece, tcp.cwr) = (ecn, ecn);
                tcp.set_options_raw(options).unwrap();
            };
            frames.push(ipv4(|ip, tcp| {
                (ip.source, ip.destination) = (STRANGER, [10, 0, 0, 10]);
                edit(tcp);
            }));
            frames.push(ipv6(&[], |ip, tcp| {
                ip.source = STRANGER6.parse::<std::net::Ipv6Addr>().unwrap().octets();
                ip.destination = Pair::SERVER6.parse::<std::net::Ipv6Addr>().unwrap().octets();
                edit(tcp);
            }));
        }
    }
    frames.iter_mut().for_each(|frame| frame[..6].copy_from_slice(&mac));
    frames
}

/// The parts that must be the same in both answers.
fn essence(tcp: &TcpSlice<'_>) -> (bool, u32, Vec<TcpOptionElement>) {
    let options = tcp.options_iterator().map(|option| match option.unwrap() {
        // Only the bits of the value that encode the client's options.
        TcpOptionElement::Timestamp(value, echo) => TcpOptionElement::Timestamp(value & 0x3f, echo),
        other => other,
    });
    (tcp.ece(), tcp.acknowledgment_number(), options.collect())
}

fn answers(pair: &Pair) -> Vec<(bool, u32, Vec<TcpOptionElement>)> {
    let wire = Wire::open(&pair.client, "eth0").unwrap();
    let answer = |syn: &Vec<u8>| {
        let asked = tcp_of(syn, |tcp| tcp.source_port()).unwrap();
        wire.send(syn).unwrap();
        let is_answer = |frame: &[u8]| {
            tcp_of(frame, |tcp| tcp.ack() && tcp.destination_port() == asked) == Some(true)
        };
        let frame = wire.receive(Duration::from_secs(5), is_answer).expect("an answer");
        tcp_of(&frame, essence).unwrap()
    };
    syns(pair.server.mac("eth0")).iter().map(answer).collect()
}

fn tcp_of<T>(frame: &[u8], look: impl FnOnce(&TcpSlice<'_>) -> T) -> Option<T> {
    match SlicedPacket::from_ethernet(frame).ok()?.transport? {
        TransportSlice::Tcp(tcp) => Some(look(&tcp)),
        _ => None,
    }
}

fn same_under(settings: &[&str]) {
    let pair = lab::pair!();
    pair.set("net.ipv4.tcp_syncookies=2");
    settings.iter().for_each(|setting| pair.set(setting));
    for stranger in ["10.0.9.9", STRANGER6] {
        let neighbour = ["neighbour", "add", stranger, "lladdr", STRANGER_MAC, "dev", "eth0"];
        pair.server.run("ip", &neighbour);
    }
    if !shows_rmem_max(&pair) {
        return;
    }
    let _listener = listen(&pair, "::", |_| {});
    let pass = pass::attach(&pair.client, "eth0");
    let of_the_kernel = answers(&pair);
    drop(pass);
    let challenging = Challenging::on(pair, &[]);
    let ours = answers(&challenging.pair);
    for ((syn, kernels), ours) in syns([0; 6]).iter().zip(&of_the_kernel).zip(&ours) {
        assert_eq!(ours, kernels, "under {settings:?}, to {syn:x?}");
    }
    assert_eq!(challenging.reasons()["challenge_sent"], ours.len());
}

#[test]
fn the_same_with_plain_timestamps() {
    same_under(&["net.ipv4.tcp_timestamps=2"]);
}

#[test]
fn the_same_without_timestamps() {
    same_under(&["net.ipv4.tcp_timestamps=0"]);
}

#[test]
fn the_same_without_sack() {
    same_under(&["net.ipv4.tcp_timestamps=2", "net.ipv4.tcp_sack=0"]);
}

#[test]
fn the_same_without_window_scaling() {
    same_under(&["net.ipv4.tcp_timestamps=2", "net.ipv4.tcp_window_scaling=0"]);
}

#[test]
fn the_same_without_ecn_and_with_other_buffers() {
    same_under(&[
        "net.ipv4.tcp_timestamps=2",
        "net.ipv4.tcp_ecn=0",
        "net.ipv4.tcp_rmem=4096 50000 300000",
    ]);
}
