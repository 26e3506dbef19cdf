// SPDX-License-Identifier: GPL-2.0-only
//! Services: at the ports of each, a source has buckets of its own.

use std::net::Ipv4Addr;

use lab::cpu;
use lab::frames::{ipv4, ipv6};
use lab::program::Program;

const SSH: u16 = 22;
const WEB: u16 = 80;
const ALSO_WEB: u16 = 8005;
const NO_SERVICE: u16 = 5432;

const SOURCE: Ipv4Addr = Ipv4Addr::new(198, 51, 100, 1);

fn load() -> Program {
    let limits = ["--challenge", "off", "--pass-rate", "0", "--burst", "2", "--rate", "1/h"];
    let services = ["--service", "ssh=22", "--service", "web=80,8000-8010,burst=5,rate=1/h"];
    Program::load(&[&limits[..], &services].concat())
}

fn syn(source: Ipv4Addr, port: u16) -> Vec<u8> {
    ipv4(|ip, tcp| {
        ip.source = source.octets();
        tcp.destination_port = port;
    })
}

/// How many of ten SYNs from the source to this port pass.
fn passed(program: &Program, port: u16) -> usize {
    let reasons = (0..10).map(|_| program.judge(&syn(SOURCE, port)).0);
    reasons.filter(|reason| reason == "pass_within_limit").count()
}

#[test]
fn buckets_are_apart() {
    let program = load();
    assert_eq!(passed(&program, WEB), 5, "its own limit");
    assert_eq!(passed(&program, ALSO_WEB), 0, "the same service");
    assert_eq!(passed(&program, SSH), 2, "the limit of no service, in a bucket of its own");
    assert_eq!(passed(&program, NO_SERVICE), 2);
    assert_eq!(passed(&program, NO_SERVICE + 1), 0, "all ports of no service are one");
    let another = ipv6(&[], |_, tcp| tcp.destination_port = WEB);
    assert_eq!(program.judge(&another).0, "pass_within_limit", "another source");
}

#[test]
fn a_source_is_shown_for_each_service() {
    let program = load();
    for port in [WEB, SSH, NO_SERVICE, ALSO_WEB] {
        passed(&program, port);
    }
    let mut shown: Vec<_> = program
        .sources()
        .iter()
        .map(|source| {
            assert_eq!((source.address, source.syns.tokens), (SOURCE.into(), 0));
            (source.service, source.passed, source.dropped)
        })
        .collect();
    shown.sort_unstable();
    assert_eq!(shown, [(None, 2, 8), (Some("ssh"), 2, 8), (Some("web"), 5, 15)]);
}

/// A CPU remembers why it refused a source for each of its services: a flood to several costs no look-up.
#[test]
fn refusals_are_remembered_apart() {
    cpu::stay();
    let program = load();
    let ports = [WEB, SSH, NO_SERVICE];
    for _ in 0..100 {
        ports.iter().for_each(|&port| program.repeat(&syn(SOURCE, port), 1));
    }
    assert_eq!(program.drops_in_table(), 0, "all are in the memory of refusals");
    let dropped: u64 = program.sources().iter().map(|source| source.dropped).sum();
    assert_eq!(dropped, 300 - (5 + 2 + 2));
}

/// The last number and the last port, beside fifteen others.
#[test]
fn there_is_room_for_sixteen() {
    let services: Vec<String> = (1..=15)
        .map(|number| format!("s{number}={number}"))
        .chain(["last-in-a-row_=65535,burst=1,rate=1/h".into()])
        .collect();
    let options: Vec<&str> = services.iter().flat_map(|service| ["--service", service]).collect();
    let limits = ["--challenge", "off", "--pass-rate", "0", "--burst", "3", "--rate", "1/h"];
    let program = Program::load(&[&limits[..], &options].concat());
    assert_eq!(passed(&program, 65_535), 1);
    assert_eq!(passed(&program, 65_534), 3);
    assert_eq!(passed(&program, 15), 3);
    let names: Vec<_> = program.sources().iter().filter_map(|source| source.service).collect();
    assert!(names.contains(&"last-in-a-row_") && names.contains(&"s15"), "{names:?}");
}
