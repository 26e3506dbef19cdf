// SPDX-License-Identifier: GPL-2.0-only
//! Which segments are taken for answers to our cookies. The oracle makes the cookies, and the kernel's test run
//! makes no connections: a right cookie ends as `answer_refused`.

use crate::networks;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpListener};

use etherparse::{Ipv4Header, TcpHeader};
use lab::cookie::{Baker, Cookie, EPOCH_NS, Flow, Options};
use lab::frames::{CLIENT, CLIENT_PORT, CLIENT6, SERVER, SERVER_PORT, SERVER6, ipv4, ipv6};
use lab::netns::Netns;
use lab::program::{LOOPBACK_MAC, Program, TCX_DROP, TCX_NEXT, now_ns, types};
use libbpf_rs::{MapCore, MapFlags};
use synflood_xdp::kernel::encode;
use synflood_xdp::kernel::skel::as_bytes;

const ISN: u32 = 0xffff_fffe;
const FLOW: Flow = flow(IpAddr::V4(CLIENT), IpAddr::V4(SERVER));
const FLOW6: Flow = flow(IpAddr::V6(CLIENT6), IpAddr::V6(SERVER6));
const OPTIONS: Options =
    Options { mss: 1460, has_timestamp: true, has_sack: true, wscale: Some(7), ecn: false };
const PLAIN: Options = Options { has_timestamp: false, ..OPTIONS };

const fn flow(source: IpAddr, destination: IpAddr) -> Flow {
    Flow {
        source: SocketAddr::new(source, CLIENT_PORT),
        destination: SocketAddr::new(destination, SERVER_PORT),
        isn: ISN,
    }
}

fn on_a_server(test: impl FnOnce() + Send) {
    Netns::new("server").enter(|| {
        let _listener = TcpListener::bind((Ipv6Addr::UNSPECIFIED, SERVER_PORT)).unwrap();
        test();
    });
}

fn expecting(options: &[&str]) -> Program {
    let program = Program::load(&[&["--cookies", "own"], options].concat());
    program.look_for_answers(true);
    program
}

/// Made a moment ago, as the program's clock may lie 10 ms behind.
fn bake(program: &Program, flow: &Flow, options: &Options) -> Cookie {
    baker(program).make(flow, options, now_ns().unwrap() - 10_000_000)
}

fn baker(program: &Program) -> Baker {
    Baker { keys: program.secret.constants().cookie_key }
}

/// Makes a TCP header acknowledge a cookie of [`FLOW`] or [`FLOW6`].
fn acknowledge(tcp: &mut TcpHeader, cookie: u32, timestamps: &[u8]) {
    (tcp.syn, tcp.ack) = (false, true);
    tcp.sequence_number = ISN.wrapping_add(1);
    tcp.acknowledgment_number = cookie.wrapping_add(1);
    tcp.set_options_raw(timestamps).unwrap();
}

fn for_loopback(mut frame: Vec<u8>) -> Vec<u8> {
    frame[..6].copy_from_slice(&LOOPBACK_MAC);
    frame
}

/// The timestamp option that echoes a cookie's, behind two NOPs.
fn echo(tsval: u32) -> Vec<u8> {
    [&[1, 1, 8, 10, 0, 0, 0, 9][..], &tsval.to_be_bytes()].concat()
}

fn ack4(cookie: u32, options: &[u8], edit: impl FnOnce(&mut Ipv4Header, &mut TcpHeader)) -> Vec<u8> {
    for_loopback(ipv4(|ip, tcp| {
        acknowledge(tcp, cookie, options);
        edit(ip, tcp);
    }))
}

/// The reason of an ACK that should not be dropped.
fn reason(program: &Program, frame: &[u8]) -> Option<String> {
    let (reason, verdict) = program.redeem(frame);
    assert_eq!(verdict, TCX_NEXT, "{reason:?}");
    reason
}

const RIGHT: Option<&str> = Some("answer_refused");
const WRONG: Option<&str> = Some("answer_wrong");

#[test]
fn a_right_cookie_is_known_over_both_families_and_with_all_options() {
    on_a_server(|| {
        let program = expecting(&[]);
        for mss in [536, 1460, 8960] {
            for options in [OPTIONS, PLAIN] {
                let options = Options { mss, ..options };
                let echoed = |tsval| if options.has_timestamp { echo(tsval) } else { vec![] };
                let cookie = bake(&program, &FLOW, &options);
                let frame = ack4(cookie.sequence, &echoed(cookie.tsval), |_, _| {});
                assert_eq!(reason(&program, &frame).as_deref(), RIGHT);
                let cookie = bake(&program, &FLOW6, &options);
                let frame = for_loopback(ipv6(&[], |_, tcp| {
                    acknowledge(tcp, cookie.sequence, &echoed(cookie.tsval));
                }));
                assert_eq!(reason(&program, &frame).as_deref(), RIGHT);
            }
        }
    });
}

#[test]
fn a_cookie_of_the_last_epoch_is_right_and_an_older_one_is_not() {
    on_a_server(|| {
        let program = expecting(&[]);
        for (age, expected) in [(0, RIGHT), (1, RIGHT), (2, WRONG), (3, WRONG)] {
            // The same time of an earlier epoch, which has not begun when the frame is judged.
            let judged = loop {
                let before = now_ns().unwrap();
                let cookie = baker(&program).make(&FLOW, &PLAIN, before - age * EPOCH_NS);
                let judged = reason(&program, &ack4(cookie.sequence, &[], |_, _| {}));
                if now_ns().unwrap() / EPOCH_NS == (before - 10_000_000) / EPOCH_NS {
                    break judged;
                }
            };
            assert_eq!(judged.as_deref(), expected, "{age} epochs old");
        }
    });
}

#[test]
fn a_changed_segment_is_wrong() {
    on_a_server(|| {
        let program = expecting(&[]);
        let cookie = bake(&program, &FLOW, &PLAIN).sequence;
        for bit in 7..32 {
            let frame = ack4(cookie ^ 1 << bit, &[], |_, _| {});
            assert_eq!(reason(&program, &frame).as_deref(), WRONG, "bit {bit}");
        }
        let changed: [fn(&mut Ipv4Header, &mut TcpHeader); 6] = [
            |ip, _| ip.source[3] ^= 1,
            |ip, _| ip.destination[3] ^= 1,
            |_, tcp| tcp.source_port ^= 1,
            |_, tcp| tcp.destination_port ^= 1,
            |_, tcp| tcp.sequence_number = tcp.sequence_number.wrapping_add(1),
            |_, tcp| tcp.set_options_raw(&echo(7)).unwrap(),
        ];
        for edit in changed {
            assert_eq!(reason(&program, &ack4(cookie, &[], edit)).as_deref(), WRONG);
        }
    });
}

#[test]
fn the_timestamp_is_found_wherever_it_stands() {
    on_a_server(|| {
        let program = expecting(&[]);
        let cookie = bake(&program, &FLOW, &OPTIONS);
        let stamp = &echo(cookie.tsval)[2..];
        let sack = [&[1, 1, 5, 10][..], &[7; 8]].concat();
        for options in [
            echo(cookie.tsval),
            [stamp, &[1, 1]].concat(),
            [&sack[..], &[1, 1], stamp].concat(),
            [&echo(cookie.tsval)[..], &sack].concat(),
            [&[1, 8, 10][..], &stamp[2..], &[0]].concat(),
        ] {
            let frame = ack4(cookie.sequence, &options, |_, _| {});
            assert_eq!(reason(&program, &frame).as_deref(), RIGHT, "{options:?}");
        }
    });
}

/// An honest answer has plain headers, an ACK and no other flag that opens or ends a connection.
#[test]
fn other_segments_are_not_looked_at() {
    on_a_server(|| {
        let program = expecting(&[]);
        let cookie = bake(&program, &FLOW, &PLAIN).sequence;
        let other: [fn(&mut Ipv4Header, &mut TcpHeader); 7] = [
            |_, tcp| tcp.ack = false,
            |_, tcp| tcp.syn = true,
            |_, tcp| tcp.fin = true,
            |_, tcp| tcp.rst = true,
            |ip, _| ip.options = [1; 4].into(),
            |ip, _| ip.more_fragments = true,
            |ip, _| ip.protocol = etherparse::ip_number::UDP,
        ];
        for edit in other {
            assert_eq!(reason(&program, &ack4(cookie, &[], edit)), None);
        }
        let right = ack4(cookie, &[], |_, tcp| (tcp.psh, tcp.urg) = (true, true));
        assert_eq!(reason(&program, &right).as_deref(), RIGHT);
        let for_another = ipv4(|_, tcp| acknowledge(tcp, cookie, &[]));
        assert_eq!(reason(&program, &for_another), None, "not this device's address");
        program.look_for_answers(false);
        assert_eq!(reason(&program, &right), None, "there was no challenge");
    });
}

#[test]
fn without_a_listener_nothing_is_redeemed() {
    Netns::new("server").enter(|| {
        let program = expecting(&[]);
        let cookie = bake(&program, &FLOW, &PLAIN).sequence;
        let frame = ack4(cookie, &[], |_, _| {});
        assert_eq!(reason(&program, &frame).as_deref(), Some("answer_no_listener"));
    });
}

/// Sets the time at which a source's connection bucket of a service is full.
fn set_connections(program: &Program, source: Ipv4Addr, service: u32, connections_full_at: u64) {
    let addr = encode::address(source.into());
    let key = types::source_key { addr, service, ..Default::default() };
    let entry = types::source { connections_full_at, ..Default::default() };
    program.maps.sources.update(as_bytes(&key), as_bytes(&entry), MapFlags::ANY).unwrap();
}

#[test]
fn a_source_without_a_connection_left_is_dropped_silently() {
    const HOUR: u64 = 3_600 * 1_000_000_000;
    on_a_server(|| {
        let limit = ["--burst", "5", "--rate", "1/h"];
        for (options, expected) in [
            (&limit[..], (Some("answer_over_limit"), TCX_DROP)),
            (&[&limit[..], &["--allow", "192.0.2.0/24"]].concat(), (RIGHT, TCX_NEXT)),
            (&[], (RIGHT, TCX_NEXT)),
        ] {
            let program = expecting(options);
            let cookie = bake(&program, &FLOW, &PLAIN).sequence;
            let frame = ack4(cookie, &[], |_, _| {});
            let now = now_ns().unwrap();
            set_connections(&program, CLIENT, 0, now + 4 * HOUR);
            assert_eq!(reason(&program, &frame).as_deref(), RIGHT, "one is left");
            set_connections(&program, CLIENT, 0, now + 4 * HOUR + HOUR / 2);
            let (reason, verdict) = program.redeem(&frame);
            assert_eq!((reason.as_deref(), verdict), expected, "{options:?}");
        }
    });
}

#[test]
fn a_source_of_a_limited_network_is_dropped_silently() {
    on_a_server(|| {
        let limit = ["--burst", "5", "--rate", "1/h"];
        for (options, expected) in [
            (&limit[..], (Some("answer_network_limit"), TCX_DROP)),
            (&[&limit[..], &["--allow", "192.0.2.0/24"]].concat(), (RIGHT, TCX_NEXT)),
            (&[&limit[..], &["--networks", "off"]].concat(), (RIGHT, TCX_NEXT)),
        ] {
            let program = expecting(options);
            let cookie = bake(&program, &FLOW, &PLAIN).sequence;
            let frame = ack4(cookie, &[], |_, _| {});
            assert_eq!(reason(&program, &frame).as_deref(), RIGHT, "not limited");
            networks::limit(&program, "192.0.2.0/24", 1_000_000_000, 0);
            let (reason, verdict) = program.redeem(&frame);
            assert_eq!((reason.as_deref(), verdict), expected, "{options:?}");
        }
    });
}

/// A service's own limit counts, with or without a general one.
#[test]
fn connections_are_looked_at_by_service() {
    const HOUR: u64 = 3_600 * 1_000_000_000;
    let over_limit = (Some("answer_over_limit".to_owned()), TCX_DROP);
    on_a_server(|| {
        for general in [&[][..], &["--burst", "100", "--rate", "1/h"]] {
            let services = ["--service", "ssh=22", "--service", "web=80,burst=5,rate=1/h"];
            let program = expecting(&[general, &services].concat());
            let cookie = bake(&program, &FLOW, &PLAIN).sequence;
            let frame = ack4(cookie, &[], |_, _| {});
            let empty = now_ns().unwrap() + 5 * HOUR;
            for other in [0, 1] {
                set_connections(&program, CLIENT, other, empty + 100 * HOUR);
            }
            assert_eq!(reason(&program, &frame).as_deref(), RIGHT, "the others' buckets are empty");
            set_connections(&program, CLIENT, 2, empty);
            assert_eq!(program.redeem(&frame), over_limit);
        }
    });
}

/// Wrong cookies of sources that have connections are ordinary segments.
#[test]
fn a_segment_of_a_known_source_is_no_wrong_answer() {
    on_a_server(|| {
        let program = expecting(&[]);
        let frame = ack4(7, &[], |_, _| {});
        assert_eq!(reason(&program, &frame).as_deref(), WRONG);
        assert_eq!(program.judge(&ipv4(|_, _| {})).0, "pass_within_limit");
        assert_eq!(reason(&program, &frame), None);
    });
}
