// SPDX-License-Identifier: GPL-2.0-only
//! The limits that all sources share, measured by the program's own clock.

use std::mem::MaybeUninit;
use std::net::Ipv4Addr;
use std::ops::RangeInclusive;
use std::time::Instant;

use lab::frames::syn_from;
use lab::program::Program;

fn syn_of(host: u32) -> Vec<u8> {
    syn_from(Ipv4Addr::from_bits(0x0a00_0000 + host))
}

/// How many SYNs a budget of `rate` per second may have granted since `since`: one second's worth at
/// once, plus its rate.
fn due(rate: u64, since: Instant) -> RangeInclusive<u64> {
    rate..=rate + (since.elapsed().as_secs_f64() * rate as f64) as u64
}

#[test]
fn unknown_sources_share_a_budget_and_leave_no_entry_without_it() {
    let mut object = MaybeUninit::uninit();
    let program = Program::load(&["--challenge", "off", "--new-sources", "100"], &mut object);
    let start = Instant::now();
    (0..5_000).for_each(|host| program.repeat(&syn_of(host), 1));
    let due = due(100, start);
    let counters = program.counters();
    let entered = counters.reasons["pass_new_source"];
    assert!(due.contains(&entered), "{entered} entered, {due:?} were due");
    assert_eq!(counters.reasons["drop_new_source_budget"], 5_000 - entered);
    assert_eq!(program.sources().len() as u64, entered);
}

#[test]
fn a_source_known_before_a_random_flood_keeps_its_own_bucket() {
    let mut object = MaybeUninit::uninit();
    let program = Program::load(
        &["--challenge", "off", "--new-sources", "1/h", "--burst", "3", "--rate", "1/h"],
        &mut object,
    );
    let known = syn_of(0);
    assert_eq!(program.judge(&known).0, "pass_new_source");
    for host in 1..1_000 {
        assert_eq!(program.judge(&syn_of(host)).0, "drop_new_source_budget");
    }
    let reasons: Vec<String> = (0..3).map(|_| program.judge(&known).0).collect();
    assert_eq!(reasons, ["pass_within_limit", "pass_within_limit", "drop_over_limit"]);
}

#[test]
fn the_total_covers_known_and_unknown_sources() {
    let mut object = MaybeUninit::uninit();
    let options = [
        "--challenge",
        "off",
        "--total-rate",
        "100",
        "--new-sources",
        "0",
        "--burst",
        "1000",
        "--rate",
        "1/h",
    ];
    let program = Program::load(&options, &mut object);
    let start = Instant::now();
    for _ in 0..100 {
        (0..50).for_each(|host| program.repeat(&syn_of(host), 1));
    }
    let due = due(100, start);
    let counters = program.counters();
    assert!(due.contains(&counters.passed()), "{counters:?}, {due:?} were due");
    assert_eq!(counters.reasons["drop_total_budget"], 5_000 - counters.passed());
}

#[test]
fn the_total_is_not_charged_for_what_a_source_s_own_limit_refuses() {
    let mut object = MaybeUninit::uninit();
    let options = ["--challenge", "off", "--total-rate", "20/h", "--burst", "1", "--rate", "1/h"];
    let program = Program::load(&options, &mut object);
    assert_eq!(program.judge(&syn_of(0)).0, "pass_new_source");
    assert_eq!(program.judge(&syn_of(1)).0, "drop_total_budget", "20 an hour hold one token");

    let mut object = MaybeUninit::uninit();
    let options = ["--challenge", "off", "--total-rate", "2", "--burst", "1", "--rate", "1/h"];
    let program = Program::load(&options, &mut object);
    assert_eq!(program.judge(&syn_of(0)).0, "pass_new_source");
    assert_eq!(program.judge(&syn_of(0)).0, "drop_over_limit");
    assert_eq!(program.judge(&syn_of(1)).0, "pass_new_source", "the second token is left");
}

#[test]
fn without_budgets_every_new_source_passes() {
    let mut object = MaybeUninit::uninit();
    let program =
        Program::load(&["--challenge", "off", "--new-sources", "0", "--total-rate", "0"], &mut object);
    (0..5_000).for_each(|host| program.repeat(&syn_of(host), 1));
    assert_eq!(program.counters().reasons["pass_new_source"], 5_000);
}
