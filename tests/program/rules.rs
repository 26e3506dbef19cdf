// SPDX-License-Identifier: GPL-2.0-only
//! Rules. That answers end them is for tests/trust to see: nothing connects here.

use std::net::{IpAddr, Ipv4Addr};
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use etherparse::EtherType;
use lab::frames::{ETHERNET_LEN, Extension, ipv4, ipv6, syn_from, tagged};
use lab::program::{HOST, Program, XDP_DROP, XDP_PASS, now_ns, types};
use libbpf_rs::{MapCore, MapFlags};
use synflood_xdp::kernel::encode;
use synflood_xdp::kernel::maps::dropped_flows::{DroppedFlows, FILTERS};
use synflood_xdp::kernel::maps::lessons::{self, Lesson, Lessons};
use synflood_xdp::kernel::maps::lists::Lock;
use synflood_xdp::kernel::maps::rules::{self, Counts, Entry};
use synflood_xdp::kernel::skel::as_bytes;
use synflood_xdp::kernel::sys::MappedWords;
use synflood_xdp::learn::{Family, Rule, SYN_LEN, Syn};

use crate::sequences::enter_in_filter;

/// So that nothing but rules drops a SYN.
const OPEN: [&str; 6] = ["--burst", "1000000", "--rate", "1", "--pass-rate", "0"];
const DROPPED: (&str, u32) = ("drop_learned_rule", XDP_DROP);
const PASSED: (&str, u32) = ("pass_within_limit", XDP_PASS);
/// A host that answers with cookies in a flood only, so that SYNs pass unasked.
const LIVE: types::host = types::host { syncookies: 1, ..HOST };
const CANARY_EACH: u64 = 64;

#[track_caller]
fn expect(program: &Program, frame: &[u8], (reason, action): (&str, u32)) {
    assert_eq!(program.judge(frame), (reason.to_owned(), action));
}

/// Window 512, as no other SYN here has it.
fn narrow(family: Family) -> Rule {
    Rule::any(family).with(4, 0xff, 2).with(5, 0xff, 0)
}

fn entry(rule: Rule, is_in_force: bool) -> Entry {
    Entry {
        rule,
        is_in_force,
        is_learned: true,
        hits: 0,
        bound: 0.0005,
        covered: 0.5,
        since: now_ns().unwrap(),
        until: None,
    }
}

/// In force, and with a match behind it: the next one is no canary.
fn enforce(program: &Program, slot: usize, rule: Rule) {
    put(program, slot, &entry(rule, true));
    skip_canary(program, slot);
}

fn put(program: &Program, slot: usize, entry: &Entry) {
    rules::put(&program.maps, slot, entry, &Lock::wait().unwrap()).unwrap();
}

fn skip_canary(program: &Program, slot: usize) {
    let cpus = libbpf_rs::num_possible_cpus().unwrap();
    let counts = types::rule_counts { matched: CANARY_EACH, ..Default::default() };
    let of_cpus = vec![as_bytes(&counts).to_vec(); cpus];
    let key = (slot as u32).to_ne_bytes();
    program.maps.rule_counts.update_percpu(&key, &of_cpus, MapFlags::ANY).unwrap();
}

fn counts(program: &Program, slot: usize) -> Counts {
    rules::counts(&program.maps, slot).unwrap()
}

fn source(host: u32) -> Ipv4Addr {
    Ipv4Addr::from_bits(0x0a00_0000 + host)
}

/// A SYN of the flood.
fn flood(host: u32, sequence: u32) -> Vec<u8> {
    ipv4(|ip, tcp| {
        ip.source = source(host).octets();
        (tcp.window_size, tcp.sequence_number) = (512, sequence);
    })
}

fn as_read(frame: &[u8], ip_offset: usize) -> Syn {
    Syn::of_packet(&frame[ip_offset..]).unwrap().1
}

/// SYNs of each kind of header, with where the IP header begins.
fn shapes() -> Vec<(Vec<u8>, usize)> {
    let options = |ip: &mut etherparse::Ipv4Header, tcp: &mut etherparse::TcpHeader| {
        (ip.time_to_live, ip.identification, ip.dont_fragment) = (57, 0x1234, true);
        (tcp.source_port, tcp.sequence_number, tcp.acknowledgment_number) = (40_001, 0x89ab_cdef, 7);
        (tcp.window_size, tcp.ece, tcp.cwr) = (64_240, true, true);
    };
    let raw: [u8; 36] = std::array::from_fn(|at| if at < 30 { 1 } else { 0 });
    let long = ipv4(|ip, tcp| {
        options(ip, tcp);
        tcp.set_options_raw(&raw).unwrap();
    });
    let short = ipv4(|ip, tcp| {
        options(ip, tcp);
        tcp.set_options_raw(&[2, 4, 5, 0xb4, 4, 2, 1, 1]).unwrap();
    });
    let of_ipv6 = ipv6(&[], |ip, tcp| {
        (ip.hop_limit, ip.traffic_class) = (200, 0xb9);
        ip.flow_label = 0xf_1234.try_into().unwrap();
        (tcp.window_size, tcp.source_port) = (65_535, 443);
        tcp.set_options_raw(&[2, 4, 5, 0xa0]).unwrap();
    });
    let chained = ipv6(&[Extension::DestinationOptions], |ip, _| ip.hop_limit = 3);
    let plain = ipv4(|ip, _| ip.time_to_live = 0);
    let vlan = tagged(&[EtherType::VLAN_TAGGED_FRAME], long.clone());
    let at = ETHERNET_LEN;
    vec![(long, at), (short, at), (of_ipv6, at), (chained, at), (plain, at), (vlan, at + 4)]
}

#[test]
fn the_program_reads_a_syn_as_the_learner_does() {
    let program = Program::load(&OPEN);
    program.tell(LIVE);
    for (number, (frame, ip_offset)) in shapes().into_iter().enumerate() {
        let syn = as_read(&frame, ip_offset);
        let exact = Rule { family: syn.family, mask: [0xff; SYN_LEN], value: syn.bytes };
        put(&program, 0, &entry(exact, false));
        expect(&program, &frame, PASSED);
        assert_eq!(counts(&program, 0).matched, 1, "shape {number} is read otherwise");
        for at in 0..SYN_LEN {
            let mut other = exact;
            other.value[at] ^= 1;
            put(&program, 0, &entry(other, false));
            program.judge(&frame);
            assert_eq!(counts(&program, 0).matched, 0, "byte {at} of shape {number} is not read");
        }
    }
}

#[test]
fn a_rule_is_of_one_family() {
    let program = Program::load(&OPEN);
    program.tell(LIVE);
    for (slot, family) in Family::ALL.into_iter().enumerate() {
        enforce(&program, slot, Rule::any(family).with(0, 0xff, 63));
    }
    expect(&program, &ipv4(|ip, _| ip.time_to_live = 64), DROPPED);
    expect(&program, &ipv6(&[], |ip, _| ip.hop_limit = 64), DROPPED);
    rules::remove(&program.maps, 0, &Lock::wait().unwrap()).unwrap();
    expect(&program, &ipv4(|ip, tcp| (ip.time_to_live, tcp.sequence_number) = (64, 9)), PASSED);
}

#[test]
fn rules_that_begin_alike_are_told_apart() {
    let program = Program::load(&OPEN);
    program.tell(LIVE);
    // The sequence number is in another word than the window.
    (0..3).for_each(|slot| enforce(&program, slot, narrow(Family::Ipv4).with(19, 0xff, slot as u8)));
    expect(&program, &flood(1, 2), DROPPED);
    expect(&program, &flood(2, 3), PASSED);
    assert_eq!([0, 1, 2].map(|slot| counts(&program, slot).dropped), [0, 0, 1]);
    rules::remove(&program.maps, 1, &Lock::wait().unwrap()).unwrap();
    expect(&program, &flood(3, 1), PASSED);
    expect(&program, &flood(4, 2), DROPPED);
}

#[test]
fn a_rule_in_force_drops_and_one_that_is_watched_counts() {
    let program = Program::load(&OPEN);
    program.tell(LIVE);
    put(&program, 3, &entry(narrow(Family::Ipv4), false));
    for host in 0..100 {
        expect(&program, &flood(host, host), PASSED);
    }
    assert_eq!(
        counts(&program, 3),
        Counts { matched: 100, last: counts(&program, 3).last, ..Counts::default() }
    );
    assert!(now_ns().unwrap() - counts(&program, 3).last < 60_000_000_000);
    let lock = Lock::wait().unwrap();
    rules::enforce(&program.maps, 3, &entry(narrow(Family::Ipv4), false), true, &lock).unwrap();
    drop(lock);
    skip_canary(&program, 3);
    expect(&program, &flood(500, 1), DROPPED);
    expect(&program, &syn_from(source(501)), PASSED);
    assert_eq!(counts(&program, 3).dropped, 1);
}

#[test]
fn a_rule_that_is_watched_hides_none_in_force() {
    let program = Program::load(&OPEN);
    program.tell(LIVE);
    put(&program, 0, &entry(narrow(Family::Ipv4), false));
    put(&program, 2, &entry(narrow(Family::Ipv4).with(0, 0xff, 63), false));
    expect(&program, &flood(1, 1), PASSED);
    enforce(&program, 1, narrow(Family::Ipv4));
    expect(&program, &flood(2, 1), DROPPED);
    assert_eq!([0, 2].map(|slot| counts(&program, slot).matched), [1, 0]);
}

#[test]
fn one_in_sixty_four_is_judged_as_if_there_were_no_rule() {
    let program = Program::load(&OPEN);
    program.tell(LIVE);
    put(&program, 0, &entry(narrow(Family::Ipv4), true));
    let judged: Vec<_> = (0..640).map(|host| program.judge(&flood(host, host)).0).collect();
    let passed = judged.iter().filter(|reason| *reason == PASSED.0).count();
    let counted = counts(&program, 0);
    assert_eq!((counted.canaries, counted.dropped), (passed as u64, 640 - passed as u64));
    // Each CPU counts for itself.
    assert!((1..=10).contains(&passed), "{passed} canaries of 640");
}

/// A client repeats its SYN after a second, or three, with the same sequence number.
#[test]
fn a_repeated_syn_is_let_through_once_until_its_flow_is_forgotten() {
    let program = Program::load(&OPEN);
    program.tell(LIVE);
    enforce(&program, 0, narrow(Family::Ipv4));
    let mut flows = DroppedFlows::of(&program.maps).unwrap();
    let mut renew = || flows.renew(&program.maps).unwrap();
    expect(&program, &flood(1, 7), DROPPED);
    expect(&program, &flood(1, 7), PASSED);
    expect(&program, &flood(1, 7), DROPPED);
    expect(&program, &flood(1, 8), DROPPED);
    expect(&program, &flood(2, 7), DROPPED);
    (1..FILTERS).for_each(|_| renew());
    expect(&program, &flood(2, 7), PASSED);
    expect(&program, &flood(3, 7), DROPPED);
    // Who was let through is again after some time, if his flow is still remembered.
    renew();
    expect(&program, &flood(3, 7), PASSED);
    renew();
    expect(&program, &flood(3, 7), DROPPED);
    renew();
    expect(&program, &flood(3, 7), PASSED);
    (0..FILTERS).for_each(|_| renew());
    expect(&program, &flood(3, 7), DROPPED);
    assert_eq!(counts(&program, 0).repeated, 4);
}

/// Of those that were never dropped.
#[test]
fn hardly_a_flow_is_taken_for_a_repeated_one() {
    let program = Program::load(&OPEN);
    program.tell(LIVE);
    enforce(&program, 0, narrow(Family::Ipv4));
    let words = MappedWords::new(&program.maps.dropped_flows).unwrap();
    for (index, word) in words.as_slice().iter().enumerate() {
        // As full as 1,000,000 flows a second make each filter: 1 in 5 bits.
        word.store(0x1084_2108_4210_8421_u64.rotate_left(index as u32 * 7), Ordering::Relaxed);
    }
    let repeated = (0..2_000).filter(|&host| program.judge(&flood(host, 1)).0 == PASSED.0).count();
    assert!(repeated < 2_000 / 10, "{repeated} of 2000");
}

#[test]
fn who_connected_lately_or_is_allowed_is_not_judged_by_rules() {
    let program = Program::load(&[&OPEN[..], &["--allow", "10.0.0.9"]].concat());
    program.tell(LIVE);
    enforce(&program, 0, narrow(Family::Ipv4));
    let now = now_ns().unwrap() / 1_000_000_000;
    connected(&program, source(1).into(), now as u32);
    connected(&program, source(2).into(), now.saturating_sub(3_700) as u32);
    expect(&program, &flood(1, 1), PASSED);
    if now > 3_700 {
        expect(&program, &flood(2, 1), DROPPED);
    }
    assert_eq!(counts(&program, 0).spared, 1);
    expect(&program, &flood(9, 1), ("pass_allowed", XDP_PASS));
}

fn connected(program: &Program, source: IpAddr, at: u32) {
    let addr = encode::source_addr(&program.policy, source);
    let key = types::source_key { addr, ..Default::default() };
    let entry = types::source { connected: 1, last_connected: at + 1, ..Default::default() };
    program.maps.sources.update(as_bytes(&key), as_bytes(&entry), MapFlags::ANY).unwrap();
    enter_in_filter(program, encode::hash(&addr, program.secret.hash_key));
}

/// Nobody withdraws a rule that errs, then.
#[test]
fn without_user_space_rules_say_nothing() {
    let program = Program::load(&OPEN);
    program.tell(types::host { looked_at: now_ns().unwrap().saturating_sub(6_000_000_000), ..LIVE });
    enforce(&program, 0, narrow(Family::Ipv4));
    expect(&program, &flood(1, 1), PASSED);
}

#[test]
fn the_learner_is_told_of_an_even_sample_of_refused_syns() {
    let program = Program::load(&["--challenge", "off", "--pass-rate", "1/h"]);
    program.tell(LIVE);
    let lessons = Lessons::open(&program.maps).unwrap();
    // What the only token let pass.
    program.judge(&flood(0, 0));
    let begun = Instant::now();
    let mut told = Vec::new();
    while begun.elapsed() < Duration::from_secs(1) {
        for (host, times) in [(1, 30_000), (2, 10_000)] {
            program.repeat(&flood(host, host), times);
        }
        told.extend(lessons.take().unwrap());
    }
    let syns: Vec<Syn> = told
        .iter()
        .filter_map(|lesson| match lesson {
            Lesson::Refused { syn, slot: None, .. } => Some(*syn),
            _ => None,
        })
        .collect();
    assert!((50..3_000).contains(&syns.len()), "{} in a second", syns.len());
    let of =
        |host| syns.iter().filter(|syn| **syn == as_read(&flood(host, host), ETHERNET_LEN)).count();
    assert_eq!(of(1) + of(2), syns.len(), "they are those that were sent");
    let share = of(1) as f64 / syns.len() as f64;
    assert!((0.6..0.9).contains(&share), "{share}, not three in four");
    // What was drawn in the flood is forgotten.
    lessons::begin_anew(&program.maps).unwrap();
    program.judge(&flood(3, 3));
    let next = lessons.take().unwrap();
    assert!(
        matches!(next[..], [Lesson::Refused { source, .. }] if source == IpAddr::from(self::source(3)))
    );
}

#[test]
fn lessons_that_nobody_reads_in_time_are_counted() {
    let program = Program::load(&["--challenge", "off", "--pass-rate", "1/h"]);
    program.tell(LIVE);
    let lessons = Lessons::open(&program.maps).unwrap();
    program.judge(&flood(0, 0)); // passes with the only token
    let mut refused = 0;
    while lessons::lost(&program.maps).unwrap() < 3 {
        lessons::begin_anew(&program.maps).unwrap();
        program.judge(&flood(1, 1));
        refused += 1;
        assert!(refused < 100_000, "the ring buffer is never full");
    }
    assert_eq!(lessons.take().unwrap().len() + 3, refused);
}

#[test]
fn what_matches_a_rule_is_told_as_such_and_with_learning_off_nothing_is() {
    let options = ["--challenge", "off", "--pass-rate", "1/h"];
    let program = Program::load(&options);
    program.tell(LIVE);
    let lessons = Lessons::open(&program.maps).unwrap();
    program.judge(&flood(0, 0));
    put(&program, 4, &entry(narrow(Family::Ipv4), false));
    program.judge(&flood(1, 1));
    let told = lessons.take().unwrap();
    assert!(matches!(told[..], [Lesson::Refused { slot: Some(4), .. }]), "{told:?}");
    let off = Program::load(&[&options[..], &["--learn", "off"]].concat());
    let lessons = Lessons::open(&off.maps).unwrap();
    (0..10).for_each(|host| drop(off.judge(&flood(host, host))));
    assert_eq!(lessons.take().unwrap(), []);
}

/// Prints what a SYN pays for rules that it does not match.
#[test]
#[ignore = "measures: needs a machine that does little else"]
fn a_syn_pays_little_for_rules() {
    const TIMES: u32 = 200_000;
    let program = Program::load(&["--challenge", "off", "--pass-rate", "1/h"]);
    program.tell(LIVE);
    let frame = ipv4(|_, tcp| tcp.set_options_raw(&[2, 4, 5, 0xb4]).unwrap());
    program.judge(&frame);
    let options = |slot: usize| narrow(Family::Ipv4).with(4, 0xff, 2 + slot as u8);
    let mut least = [u128::MAX; 3];
    for _ in 0..21 {
        for (at, count) in [0, 1, 16].into_iter().enumerate() {
            (0..count).for_each(|slot| put(&program, slot, &entry(options(slot), true)));
            least[at] = least[at].min(program.time(&frame, TIMES).as_nanos());
            let lock = Lock::wait().unwrap();
            (0..count).for_each(|slot| rules::remove(&program.maps, slot, &lock).unwrap());
        }
    }
    println!("no rule {} ns, 1 rule {} ns, 16 rules {} ns", least[0], least[1], least[2]);
    assert!(least[1] <= least[0] + 10 && least[2] <= least[0] + 25);
}
