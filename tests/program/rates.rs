// SPDX-License-Identifier: GPL-2.0-only
//! The limits that all sources share, measured by the program's own clock. Nothing is challenged here.

use std::net::Ipv4Addr;
use std::ops::RangeInclusive;
use std::time::Instant;

use lab::frames::syn_from;
use lab::program::Program;

fn syn_of(host: u32) -> Vec<u8> {
    syn_from(Ipv4Addr::from_bits(0x0a00_0000 + host))
}

/// How many SYNs may have passed since `since` at `rate` per second: one second's worth at once, plus the
/// rate.
fn due(rate: u64, since: Instant) -> RangeInclusive<u64> {
    rate..=rate + (since.elapsed().as_secs_f64() * rate as f64) as u64
}

#[test]
fn unknown_sources_share_the_pass_rate_and_leave_no_entry_without_it() {
    let program = Program::load(&["--challenge", "off", "--pass-rate", "100"]);
    let start = Instant::now();
    (0..5_000).for_each(|host| program.repeat(&syn_of(host), 1));
    let due = due(100, start);
    let counters = program.counters();
    let passed = counters.reasons["pass_within_limit"];
    assert!(due.contains(&passed), "{passed} passed, {due:?} were due");
    assert_eq!(counters.reasons["drop_pass_rate"], 5_000 - passed);
    assert_eq!(program.sources().len() as u64, passed);
}

#[test]
fn the_pass_rate_covers_known_and_unknown_sources() {
    let options = ["--challenge", "off", "--pass-rate", "100", "--burst", "1000", "--rate", "1/h"];
    let program = Program::load(&options);
    let start = Instant::now();
    for _ in 0..100 {
        (0..50).for_each(|host| program.repeat(&syn_of(host), 1));
    }
    let due = due(100, start);
    let counters = program.counters();
    assert!(due.contains(&counters.passed()), "{counters:?}, {due:?} were due");
    assert_eq!(counters.reasons["drop_pass_rate"], 5_000 - counters.passed());
}

#[test]
fn the_pass_rate_is_not_charged_for_what_a_source_s_own_limit_refuses() {
    let limits = ["--challenge", "off", "--burst", "1", "--rate", "1/h", "--pass-rate"];
    let program = Program::load(&[&limits[..], &["20/h"]].concat());
    assert_eq!(program.judge(&syn_of(0)).0, "pass_within_limit");
    assert_eq!(program.judge(&syn_of(1)).0, "drop_pass_rate", "20 an hour hold one token");

    let program = Program::load(&[&limits[..], &["3"]].concat());
    assert_eq!(program.judge(&syn_of(0)).0, "pass_within_limit");
    for _ in 0..10 {
        assert_eq!(program.judge(&syn_of(0)).0, "drop_syn_limit");
    }
    // Unknown sources are judged by the coarse clock, for which the last token comes a tick later.
    assert_eq!(program.judge(&syn_of(1)).0, "pass_within_limit", "tokens are left");
}

#[test]
fn a_source_over_the_pass_rate_keeps_its_own_tokens() {
    let options = ["--challenge", "off", "--pass-rate", "1/h", "--burst", "3", "--rate", "1/h"];
    let program = Program::load(&options);
    assert_eq!(program.judge(&syn_of(0)).0, "pass_within_limit");
    for host in 0..100 {
        assert_eq!(program.judge(&syn_of(host)).0, "drop_pass_rate");
    }
    let [source] = program.sources()[..] else { panic!("one source") };
    assert_eq!((source.syns.tokens, source.passed, source.dropped), (2, 1, 1));
}

#[test]
fn without_a_pass_rate_every_source_passes() {
    let program = Program::load(&["--challenge", "off", "--pass-rate", "0"]);
    (0..5_000).for_each(|host| program.repeat(&syn_of(host), 1));
    assert_eq!(program.counters().reasons["pass_within_limit"], 5_000);
}

/// Without --burst and --rate: what reaches the kernel unasked is still limited.
#[test]
fn by_default_a_source_s_syns_are_limited_and_its_connections_are_not() {
    let program = Program::load(&["--challenge", "off"]);
    let start = Instant::now();
    program.repeat(&syn_of(0), 500);
    let most = 100 + (start.elapsed().as_secs_f64() * 20.0) as u64;
    let counters = program.counters();
    let passed = counters.reasons["pass_within_limit"];
    assert!((100..=most).contains(&passed), "{passed} passed, 100 to {most} were due");
    assert_eq!(counters.reasons["drop_syn_limit"], 500 - passed);
    let [source] = program.sources()[..] else { panic!("one source") };
    assert!(source.connections.is_none());
}

#[test]
fn an_allowed_source_has_no_limit_but_the_pass_rate() {
    let limits = ["--challenge", "off", "--burst", "1", "--rate", "1/h", "--allow", "10.0.0.0/8"];
    let program = Program::load(&[&limits[..], &["--pass-rate", "0"]].concat());
    for _ in 0..100 {
        assert_eq!(program.judge(&syn_of(0)).0, "pass_allowed");
    }

    let program = Program::load(&[&limits[..], &["--pass-rate", "50"]].concat());
    let start = Instant::now();
    (0..5_000).for_each(|host| program.repeat(&syn_of(host), 1));
    let due = due(50, start);
    let counters = program.counters();
    assert!(due.contains(&counters.passed()), "{counters:?}, {due:?} were due");
    assert_eq!(counters.reasons["drop_pass_rate"], 5_000 - counters.passed());
}
