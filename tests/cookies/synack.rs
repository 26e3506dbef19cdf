// SPDX-License-Identifier: GPL-2.0-only
//! Compares our answers with the kernel's, for the same SYNs under the same settings.

use std::time::Duration;

use etherparse::{SlicedPacket, TcpOptionElement, TcpSlice, TransportSlice};
use lab::frames::{ipv4, ipv6};
use lab::pair::Pair;
use lab::pass;
use lab::wire::Wire;

use crate::setup::{Challenging, Cookies, PORT, listen, shows_rmem_max, with_both_cookies};

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
fn syns(mac: [u8; 6], first_port: u16) -> Vec<Vec<u8>> {
    let mut frames = Vec::new();
    let mut port = first_port;
    for options in [&[][..], LINUX, WINDOWS, MACOS, FREEBSD, SMALL_MSS] {
        for ecn in [false, true] {
            let mut edit = |tcp: &mut etherparse::TcpHeader| {
                port += 1;
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
fn essence(tcp: &TcpSlice<'_>, cookies: Cookies) -> (bool, u32, Vec<TcpOptionElement>) {
    let options = tcp.options_iterator().map(|option| match option.unwrap() {
        // Only the bits of the value that encode the client's options in the kernel's cookies.
        TcpOptionElement::Timestamp(value, echo) => {
            TcpOptionElement::Timestamp(if cookies == Cookies::Kernel { value & 0x3f } else { 0 }, echo)
        }
        other => other,
    });
    let options: Vec<_> = options.collect();
    let has_timestamp = options.iter().any(|each| matches!(each, TcpOptionElement::Timestamp(..)));
    // Without timestamps our own cookies have no room for it.
    let ecn = tcp.ece() && (cookies == Cookies::Kernel || has_timestamp);
    (ecn, tcp.acknowledgment_number(), options)
}

fn answers(pair: &Pair, cookies: Cookies, first_port: u16) -> Vec<(bool, u32, Vec<TcpOptionElement>)> {
    let wire = Wire::open(&pair.client, "eth0").unwrap();
    let answer = |syn: &Vec<u8>| {
        let asked = tcp_of(syn, |tcp| tcp.source_port()).unwrap();
        wire.send(syn).unwrap();
        let is_answer = |frame: &[u8]| {
            tcp_of(frame, |tcp| tcp.ack() && tcp.destination_port() == asked) == Some(true)
        };
        let frame = wire.receive(Duration::from_secs(5), is_answer).expect("an answer");
        tcp_of(&frame, |tcp| essence(tcp, cookies)).unwrap()
    };
    syns(pair.server.mac("eth0"), first_port).iter().map(answer).collect()
}

fn tcp_of<T>(frame: &[u8], look: impl FnOnce(&TcpSlice<'_>) -> T) -> Option<T> {
    match SlicedPacket::from_ethernet(frame).ok()?.transport? {
        TransportSlice::Tcp(tcp) => Some(look(&tcp)),
        _ => None,
    }
}

/// The kernel's answers to compare with are cookies, or for our own ordinary ones. These are of half-open
/// connections, so that our SYNs are of others.
fn same_under(cookies: Cookies, settings: &[&str]) {
    let pair = cookies.pair();
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
    let of_the_kernel = answers(&pair, cookies, 20_000);
    drop(pass);
    let challenging = Challenging::on(pair, cookies, &[]);
    let ours = answers(&challenging.pair, cookies, 30_000);
    for ((syn, kernels), ours) in syns([0; 6], 30_000).iter().zip(&of_the_kernel).zip(&ours) {
        assert_eq!(ours, kernels, "under {settings:?}, to {syn:x?}");
    }
    assert_eq!(challenging.reasons()["challenge_sent"], ours.len());
}

with_both_cookies!(
    the_same_with_plain_timestamps,
    the_same_without_timestamps,
    the_same_without_sack,
    the_same_without_window_scaling,
    the_same_without_ecn_and_with_other_buffers,
);

fn the_same_with_plain_timestamps(cookies: Cookies) {
    same_under(cookies, &["net.ipv4.tcp_timestamps=2"]);
}

#[test]
fn the_same_with_timestamps_as_usual() {
    same_under(Cookies::Own, &["net.ipv4.tcp_timestamps=1"]);
}

fn the_same_without_timestamps(cookies: Cookies) {
    same_under(cookies, &["net.ipv4.tcp_timestamps=0"]);
}

fn the_same_without_sack(cookies: Cookies) {
    same_under(cookies, &["net.ipv4.tcp_timestamps=2", "net.ipv4.tcp_sack=0"]);
}

fn the_same_without_window_scaling(cookies: Cookies) {
    same_under(cookies, &["net.ipv4.tcp_timestamps=2", "net.ipv4.tcp_window_scaling=0"]);
}

fn the_same_without_ecn_and_with_other_buffers(cookies: Cookies) {
    same_under(
        cookies,
        &["net.ipv4.tcp_timestamps=2", "net.ipv4.tcp_ecn=0", "net.ipv4.tcp_rmem=4096 50000 300000"],
    );
}
