// SPDX-License-Identifier: GPL-2.0-only
//! The SYN bucket of a source, measured by the program's own clock. The tests compare what passed
//! with the time that really elapsed, so that a slow machine cannot fail them.

use std::net::Ipv4Addr;
use std::time::{Duration, Instant};

use lab::cpu;
use lab::frames::{ipv4, syn_from};
use lab::program::Program;

/// Loads the program with this limit alone.
fn load(burst: &str, rate: &str) -> Program {
    let options = ["--challenge", "off", "--pass-rate", "0", "--burst", burst, "--rate", rate];
    Program::load(&options)
}

#[test]
fn a_burst_passes_at_once_and_the_next_waits() {
    let program = load("5", "1/h");
    let reasons: Vec<String> = (0..8).map(|_| program.judge(&ipv4(|_, _| {})).0).collect();
    assert_eq!(
        reasons,
        [
            "pass_within_limit",
            "pass_within_limit",
            "pass_within_limit",
            "pass_within_limit",
            "pass_within_limit",
            "drop_syn_limit",
            "drop_syn_limit",
            "drop_syn_limit"
        ]
    );
}

#[test]
fn the_refill_is_exactly_the_rate_under_load() {
    // The bucket empties at once and is full again only after 10 s, so a stalled machine loses no
    // refill.
    const BURST: u32 = 500;
    const RATE: f64 = 50.0;
    let program = load("500", "50");
    let frame = ipv4(|_, _| {});
    let before_first = Instant::now();
    program.repeat(&frame, BURST);
    let after_first = Instant::now();
    while after_first.elapsed() < Duration::from_secs(1) {
        program.repeat(&frame, 1000);
    }
    program.repeat(&frame, 1);
    // The bucket's clock started between the two instants, and the last SYN has just refilled it.
    let shortest = 1.0;
    let longest = before_first.elapsed().as_secs_f64();
    let passed = program.counters().passed();
    let least = u64::from(BURST) + (shortest * RATE) as u64;
    let most = u64::from(BURST) + (longest * RATE) as u64;
    assert!((least..=most).contains(&passed), "{passed} passed, {least} to {most} were due");
}

#[test]
fn a_source_shows_its_tokens_counts_and_times() {
    let program = load("3", "1/h");
    let frame = ipv4(|_, _| {});
    program.repeat(&frame, 1);
    let [source] = program.sources()[..] else { panic!("one source") };
    assert_eq!((source.syns.tokens, source.passed, source.dropped), (2, 1, 0));
    assert_eq!((source.connections.unwrap().tokens, source.connected), (3, 0), "no SYN spends one");
    assert_eq!(source.last_drop, None);
    assert!(!source.is_blocked(), "it never lost a SYN");

    program.repeat(&frame, 9);
    let [source] = program.sources()[..] else { panic!("one source") };
    assert_eq!((source.syns.tokens, source.passed, source.dropped), (0, 3, 7));
    let hour = Duration::from_secs(3_600);
    assert!(source.syns.next_token <= hour && source.syns.next_token > hour / 2, "{source:?}");
    assert!(source.last_drop.is_some() && source.is_blocked());
}

/// More sources than a CPU can remember refusals for, so many of them share a slot.
#[test]
fn no_source_pays_for_another_that_was_refused() {
    const SOURCES: u32 = 100_000;
    let program = load("2", "1/h");
    let frames: Vec<_> =
        (0..SOURCES).map(|host| syn_from(Ipv4Addr::from_bits(0x0a00_0000 + host))).collect();
    // Long enough for slots to pass from one source to another.
    let start = Instant::now();
    let mut rounds = 0;
    while rounds < 5 || start.elapsed() < Duration::from_secs(3) {
        frames.iter().for_each(|frame| program.repeat(frame, 1));
        rounds += 1;
    }
    let counters = program.counters();
    assert_eq!(counters.passed(), 2 * u64::from(SOURCES), "each has its own burst: {counters:?}");
    let sources = program.sources();
    assert_eq!(sources.len(), SOURCES as usize);
    let wrong = sources.iter().find(|source| (source.passed, source.dropped) != (2, rounds - 2));
    assert!(wrong.is_none(), "each has its own drops: {wrong:?}");
}

/// A source that is refused for long stays in the table. The table also counts the drops in between.
#[test]
fn remembered_refusals_reach_the_table() {
    cpu::stay();
    let program = load("1", "1/h");
    let frame = syn_from(Ipv4Addr::new(192, 0, 2, 1));
    program.repeat(&frame, 1000);
    assert_eq!(program.drops_in_table(), 0, "the table is left alone");
    let give_up = Instant::now() + Duration::from_secs(30);
    while program.drops_in_table() < 999 {
        assert!(Instant::now() < give_up, "{} in the table", program.drops_in_table());
        program.repeat(&frame, 1);
    }
    let [source] = program.sources()[..] else { panic!("one source") };
    assert_eq!(source.dropped, program.counters().dropped());
}
