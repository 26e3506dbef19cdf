// SPDX-License-Identifier: GPL-2.0-only
//! Whole networks. That connections make them limited is for tests/trust to see: nothing connects here.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use ipnet::IpNet;
use lab::frames::{ipv6, syn_from};
use lab::program::{Program, XDP_DROP, XDP_PASS, now_ns, types};
use libbpf_rs::{MapCore, MapFlags};
use synflood_xdp::kernel::encode;
use synflood_xdp::kernel::maps::networks;
use synflood_xdp::kernel::maps::rescale::{self, Moment};
use synflood_xdp::kernel::skel::as_bytes;

use crate::sequences::enter_in_filter;

const SECOND: u64 = 1_000_000_000;
const HOUR: u64 = 3_600 * SECOND;
/// So that nothing but the buckets of connections refuses a SYN.
const LIMITED: [&str; 6] = ["--burst", "5", "--rate", "1/h", "--pass-rate", "0"];
const REFUSED: (&str, u32) = ("drop_network_limit", XDP_DROP);
const PASSED: (&str, u32) = ("pass_within_limit", XDP_PASS);

/// A SYN of a /64 of 2001:db8:48::/48, or of another /48 of the same /40.
fn syn6(third: u16, fourth: u16) -> Vec<u8> {
    ipv6(&[], |ip, _| {
        ip.source = Ipv6Addr::new(0x2001, 0xdb8, third, fourth, 0, 0, 0, 7).octets();
    })
}

fn judge(program: &Program, frame: &[u8]) -> (String, u32) {
    program.judge(frame)
}

#[track_caller]
fn expect(program: &Program, frame: &[u8], (reason, action): (&str, u32)) {
    assert_eq!(judge(program, frame), (reason.to_owned(), action));
}

/// Enters a network that has no token for the next hour, limited for so long, and refused something so long ago.
pub fn limit(program: &Program, network: &str, limited_for: u64, refused_before: u64) {
    let network: IpNet = network.parse().unwrap();
    enter(program, &network, 0, &limited(limited_for, refused_before));
}

fn limited(limited_for: u64, refused_before: u64) -> types::network {
    let now = now_ns().unwrap();
    types::network {
        // Beyond the largest bucket of these tests.
        full_at: now + 6 * HOUR,
        limited_since: now - limited_for,
        last_refusal: now - refused_before,
        ..Default::default()
    }
}

fn enter(program: &Program, network: &IpNet, service: u32, entry: &types::network) {
    let key = encode::network_key(network, service);
    program.maps.networks.update(as_bytes(&key), as_bytes(entry), MapFlags::ANY).unwrap();
    program.maps.data_networks.update(&[0; 4], as_bytes(&1_u32), MapFlags::ANY).unwrap();
}

/// Enters a source that connected first at this time, with this much missing of its connection bucket.
fn connected(program: &Program, source: IpAddr, at: u64, missing: u64) {
    let addr = encode::source_addr(&program.policy, source);
    let key = types::source_key { addr, ..Default::default() };
    let entry = types::source {
        connections_full_at: now_ns().unwrap() + missing,
        connected: 1,
        first_connected: (at / SECOND) as u32 + 1,
        ..Default::default()
    };
    program.maps.sources.update(as_bytes(&key), as_bytes(&entry), MapFlags::ANY).unwrap();
    enter_in_filter(program, encode::hash(&addr, program.secret.hash_key));
}

#[test]
fn syns_alone_never_enter_a_network() {
    let program = Program::load(&LIMITED);
    for fourth in 0..5_000 {
        program.action(&syn6(0x48, fourth), usize::MAX);
    }
    assert_eq!(program.sources().len(), 5_000);
    assert_eq!(networks::read(&program.maps.networks, &program.policy).unwrap(), []);
    assert!(!networks::may_be_limited(&program.maps.data_networks).unwrap());
}

#[test]
fn all_sources_of_a_limited_network_wait_for_its_tokens() {
    let program = Program::load(&LIMITED);
    limit(&program, "2001:db8:48::/48", HOUR, SECOND);
    limit(&program, "198.51.100.0/24", HOUR, SECOND);
    for fourth in [0, 1, 0x8000, 0xffff] {
        expect(&program, &syn6(0x48, fourth), REFUSED);
    }
    expect(&program, &syn6(0x49, 0), PASSED);
    expect(&program, &syn_from(Ipv4Addr::new(198, 51, 100, 77)), REFUSED);
    expect(&program, &syn_from(Ipv4Addr::new(198, 51, 101, 77)), PASSED);
    let shown = networks::limited(&program.maps.data_networks, &program.maps.networks, &program.policy);
    let shown: Vec<_> =
        shown.unwrap().into_iter().map(|of| (of.network.to_string(), of.step, of.refused)).collect();
    assert_eq!(shown, [("198.51.100.0/24".into(), 1, 1), ("2001:db8:48::/48".into(), 1, 4)]);
    // Only its entry counts.
    let token =
        types::network { limited_since: 1, last_refusal: now_ns().unwrap(), ..Default::default() };
    enter(&program, &"2001:db8:48::/48".parse().unwrap(), 0, &token);
    expect(&program, &syn6(0x48, 0), PASSED);
}

#[test]
fn the_second_step_is_wider() {
    let program = Program::load(&LIMITED);
    limit(&program, "2001:db8::/40", HOUR, SECOND);
    limit(&program, "198.51.96.0/20", HOUR, SECOND);
    expect(&program, &syn6(0x48, 0), REFUSED);
    expect(&program, &syn6(0xff, 0), REFUSED);
    expect(&program, &syn6(0x148, 0), PASSED);
    expect(&program, &syn_from(Ipv4Addr::new(198, 51, 111, 1)), REFUSED);
    expect(&program, &syn_from(Ipv4Addr::new(198, 51, 112, 1)), PASSED);
}

/// Sixty seconds after the last refusal. A wider network notes those of a narrower one, so it does not relax before it.
#[test]
fn it_relaxes_after_the_last_refusal() {
    let program = Program::load(&LIMITED);
    limit(&program, "2001:db8:48::/48", HOUR, 59 * SECOND);
    limit(&program, "2001:db8::/40", HOUR, 59 * SECOND);
    expect(&program, &syn6(0x48, 0), REFUSED);
    let limited =
        || networks::limited(&program.maps.data_networks, &program.maps.networks, &program.policy);
    assert_eq!(limited().unwrap().len(), 2);
    let entry = |network: &str| -> types::network {
        let key = encode::network_key(&network.parse().unwrap(), 0);
        let value = program.maps.networks.lookup(as_bytes(&key), MapFlags::ANY).unwrap().unwrap();
        synflood_xdp::kernel::skel::from_bytes(&value).unwrap()
    };
    let (narrow, wide) = (entry("2001:db8:48::/48"), entry("2001:db8::/40"));
    assert_eq!((narrow.refused, wide.refused), (1, 0), "counted once");
    assert_eq!(narrow.last_refusal, wide.last_refusal);
    assert!(now_ns().unwrap() - wide.last_refusal < 10 * SECOND);
    for network in ["2001:db8:48::/48", "2001:db8::/40"] {
        limit(&program, network, HOUR, 61 * SECOND);
    }
    expect(&program, &syn6(0x48, 1), PASSED);
    assert_eq!(limited().unwrap(), []);
}

#[test]
fn who_connected_well_before_keeps_the_own_bucket() {
    let program = Program::load(&LIMITED);
    let now = now_ns().unwrap();
    let source = |host| Ipv4Addr::new(198, 51, 100, host);
    limit(&program, "198.51.100.0/24", 10 * SECOND, SECOND);
    connected(&program, source(1).into(), now - 72 * SECOND, 0);
    connected(&program, source(2).into(), now - 40 * SECOND, 0);
    connected(&program, source(3).into(), now - 72 * SECOND, 5 * HOUR);
    expect(&program, &syn_from(source(1)), PASSED);
    expect(&program, &syn_from(source(2)), REFUSED);
    expect(&program, &syn_from(source(3)), ("drop_over_limit", XDP_DROP));
    // Those that did share a bucket.
    let of_old = types::network { old_full_at: now + 6 * HOUR, ..limited(10 * SECOND, SECOND) };
    enter(&program, &"198.51.100.0/24".parse().unwrap(), 0, &of_old);
    expect(&program, &syn_from(source(1)), REFUSED);
}

#[test]
fn who_is_allowed_or_in_a_dry_run_is_not_refused() {
    let allow = [&LIMITED[..], &["--allow", "198.51.100.7"]].concat();
    let dry_run = [&LIMITED[..], &["--dry-run"]].concat();
    for (options, expected) in
        [(&allow, ("pass_allowed", XDP_PASS)), (&dry_run, ("drop_network_limit", XDP_PASS))]
    {
        let program = Program::load(options);
        limit(&program, "198.51.100.0/24", HOUR, SECOND);
        expect(&program, &syn_from(Ipv4Addr::new(198, 51, 100, 7)), expected);
    }
}

/// Nor one that is no wider than a source, nor those of another service.
#[test]
fn what_has_no_limit_refuses_nobody() {
    let with = |options: &[&'static str]| [&LIMITED[..], options].concat();
    let source = Ipv4Addr::new(198, 51, 100, 7);
    for options in [
        with(&["--networks", "off"]),
        with(&["--ipv4-prefix", "24"]),
        with(&["--service", "web=80,burst=5,rate=1/h"]),
        vec!["--pass-rate", "0"],
    ] {
        let program = Program::load(&options);
        limit(&program, "198.51.100.0/24", HOUR, SECOND);
        let frame = lab::frames::ipv4(|ip, tcp| {
            (ip.source, tcp.destination_port) = (source.octets(), 80);
        });
        expect(&program, &frame, PASSED);
    }
}

/// A debt is as many tokens by the new limit.
#[test]
fn other_limits_change_what_a_network_has() {
    let old = Program::load(&LIMITED);
    limit(&old, "198.51.100.0/24", HOUR, SECOND);
    let new = old.successor(&["--burst", "50", "--rate", "1/s", "--pass-rate", "0"]);
    let wait = || {
        let all = networks::read(&new.maps.networks, &new.policy).unwrap();
        assert_eq!((all.len(), all[0].bucket.tokens), (1, 0), "{all:?}");
        all[0].bucket.next_token.as_nanos() as u64
    };
    assert!(wait() > HOUR, "read by the new limit");
    for moment in [Moment::BeforeSwap, Moment::AfterSwap] {
        rescale::from(&new, &old.policy, moment).unwrap();
    }
    // An hour is 32 tokens of the old limit, and a second is as many of the new one.
    assert!((SECOND / 2..2 * SECOND).contains(&wait()), "{}", wait());
}

/// What the question costs while no network is limited.
#[test]
#[ignore = "measures: needs a machine that does little else"]
fn networks_cost_a_syn_next_to_nothing() {
    const ROUNDS: usize = 41;
    const REPEAT: u32 = 200_000;
    let load = |networks: &str| {
        let limits = ["--burst", "5", "--rate", "1/h", "--challenge", "off", "--pass-rate", "1/h"];
        Program::load(&[&limits[..], &["--networks", networks]].concat())
    };
    let programs = [load("off"), load("on")];
    for (what, frame) in
        [("a source", syn_from(Ipv4Addr::new(198, 51, 100, 7))), ("another one", syn6(0x48, 0))]
    {
        let mut least = [u128::MAX; 2];
        for _ in 0..ROUNDS {
            for (program, least) in programs.iter().zip(&mut least) {
                *least = (*least).min(program.time(&frame, REPEAT).as_nanos());
            }
        }
        let [without, with] = least;
        println!("{what}: {without} ns, with networks {with} ns");
        assert!(with <= without + 3, "{what}: {without} ns, {with} ns");
    }
}
