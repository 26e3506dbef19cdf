// SPDX-License-Identifier: GPL-2.0-only
//! What is in the buckets when the limits change.

use std::net::Ipv4Addr;
use std::os::fd::AsFd;
use std::time::{Duration, Instant};

use lab::frames::{CLIENT, syn_from};
use lab::program::{Program, Source, now_ns, types};
use lab::wait_for;
use libbpf_rs::{MapCore, MapFlags};
use nix::time::{ClockId, clock_gettime};
use synflood_xdp::kernel::encode;
use synflood_xdp::kernel::maps::rescale::{self, Moment};
use synflood_xdp::kernel::skel::{as_bytes, from_bytes};
use synflood_xdp::kernel::sys::{self, TestRun};

const SECOND: u64 = 1_000_000_000;
const HOUR: u64 = 3_600 * SECOND;

const UNCHALLENGED: &[&str] = &["--challenge", "off", "--pass-rate", "0"];

fn load(options: &[&str]) -> Program {
    Program::load(&[UNCHALLENGED, options].concat())
}

/// The program that goes on with the tables of another one.
fn successor(old: &Program, options: &[&str]) -> Program {
    old.successor(&[UNCHALLENGED, options].concat())
}

fn rescale(new: &Program, old: &Program) {
    for moment in [Moment::BeforeSwap, Moment::AfterSwap] {
        rescale::from(new, &old.policy, moment).unwrap();
    }
}

/// How many of these SYNs of the client pass.
fn passed(program: &Program, syns: usize) -> usize {
    let reasons = (0..syns).map(|_| program.judge(&syn_from(CLIENT)).0);
    reasons.filter(|reason| reason == "pass_within_limit").count()
}

fn client(program: &Program) -> Source<'_> {
    program.sources().into_iter().find(|source| source.address == CLIENT).unwrap()
}

/// Enters the client with this much missing in both buckets.
fn enter(program: &Program, missing: u64) {
    let full_at = now_ns().unwrap() + missing;
    enter_source(program, CLIENT, full_at);
}

fn enter_source(program: &Program, source: Ipv4Addr, full_at: u64) {
    let key = types::source_key { addr: encode::address(source.into()), ..Default::default() };
    let entry =
        types::source { syns_full_at: full_at, connections_full_at: full_at, ..Default::default() };
    program.maps.sources.update(as_bytes(&key), as_bytes(&entry), MapFlags::ANY).unwrap();
}

/// The time that this thread has had a CPU.
fn worked() -> Duration {
    Duration::from(clock_gettime(ClockId::CLOCK_THREAD_CPUTIME_ID).unwrap())
}

#[test]
fn a_looser_limit_holds_at_once() {
    let old = load(&["--burst", "5", "--rate", "1/h"]);
    assert_eq!(passed(&old, 6), 5);
    let new = successor(&old, &["--burst", "100", "--rate", "20"]);
    assert!(client(&new).syns.next_token > Duration::from_secs(3_600), "read by the new limit");
    rescale(&new, &old);
    let bucket = client(&new).syns;
    assert!(bucket.next_token <= Duration::from_millis(50), "{bucket:?}");
    wait_for("the next token", || (passed(&new, 1) == 1).then_some(()));
}

#[test]
fn a_tighter_limit_holds_at_once() {
    let old = load(&["--burst", "100", "--rate", "1/h"]);
    assert_eq!(passed(&old, 10), 10);
    let new = successor(&old, &["--burst", "5", "--rate", "1/h"]);
    rescale(&new, &old);
    assert_eq!(passed(&new, 10), 5, "of the 90 that were left");
}

/// The word of an empty large bucket lies far ahead: a smaller one would be empty for as long.
#[test]
fn a_tighter_limit_blocks_nobody_for_longer() {
    let old = load(&["--burst", "100", "--rate", "1/m"]);
    assert_eq!(passed(&old, 101), 100);
    let new = successor(&old, &["--burst", "5", "--rate", "1/m"]);
    assert!(client(&new).syns.next_token > Duration::from_secs(94 * 60));
    rescale(&new, &old);
    let bucket = client(&new).syns;
    assert!(bucket.tokens == 0 && bucket.next_token <= Duration::from_secs(60), "{bucket:?}");
}

#[test]
fn a_debt_is_kept() {
    let old = load(&["--burst", "5", "--rate", "1/h"]);
    enter(&old, 8 * HOUR);
    let new = successor(&old, &["--burst", "20", "--rate", "1/m"]);
    rescale(&new, &old);
    let connections = client(&new).connections.unwrap();
    // Three are owed, and one more must come.
    let minutes = connections.next_token.as_secs_f64() / 60.0;
    assert!(connections.tokens == 0 && minutes > 3.0 && minutes <= 4.0, "{connections:?}");
}

#[test]
fn who_had_no_limit_begins_with_a_full_bucket() {
    let old = load(&[]);
    enter(&old, 77 * HOUR);
    let new = successor(&old, &["--burst", "3", "--rate", "1/h"]);
    rescale(&new, &old);
    assert_eq!(client(&new).connections.unwrap().tokens, 3);
}

/// What the new program took already is its own time: a token of an hour would be thousands at the old rate.
#[test]
fn a_slower_rate_comes_before_the_swap() {
    let old = load(&["--burst", "5", "--rate", "20"]);
    let options = ["--burst", "5", "--rate", "1/h"];
    let new = successor(&old, &options);
    rescale::from(&new, &old.policy, Moment::BeforeSwap).unwrap();
    assert_eq!(passed(&new, 2), 2);
    rescale::from(&new, &old.policy, Moment::AfterSwap).unwrap();
    assert_eq!(client(&new).syns.tokens, 3);

    let before = client(&new).syns.tokens;
    let smaller = successor(&new, &["--burst", "1", "--rate", "1/h"]);
    rescale::from(&smaller, &new.policy, Moment::BeforeSwap).unwrap();
    assert_eq!(client(&new).syns.tokens, before, "of the same rate, so it comes later");
}

/// Its process was killed between the two moments, or its swap failed.
#[test]
fn what_a_successor_began_is_taken_back() {
    let old =
        Program::load(&["--challenge", "off", "--pass-rate", "1000", "--burst", "5", "--rate", "1/m"]);
    assert!(!rescale::is_of_another(&old).unwrap());
    assert_eq!(passed(&old, 5), 5);
    let options = ["--challenge", "off", "--pass-rate", "1/h", "--burst", "5", "--rate", "1/h"];
    let new = old.successor(&options);
    rescale::from(&new, &old.policy, Moment::BeforeSwap).unwrap();
    assert!(client(&old).syns.next_token > Duration::from_secs(3_600), "read by the old limits");
    assert!(rescale::is_of_another(&old).unwrap());
    rescale::settle(&old).unwrap();
    let bucket = client(&old).syns;
    assert!(bucket.next_token <= Duration::from_secs(60), "{bucket:?}");
    let other = Ipv4Addr::new(10, 0, 0, 9);
    assert_eq!(old.judge(&syn_from(other)).0, "pass_within_limit", "the pass rate is as before, too");
    assert!(!rescale::is_of_another(&old).unwrap());
}

/// The next process knows the limits of the buckets from them, whatever program it follows.
#[test]
fn a_successor_goes_on_from_where_another_ended() {
    let old = load(&["--burst", "5", "--rate", "20"]);
    assert_eq!(passed(&old, 5), 5);
    let ended = successor(&old, &["--burst", "5", "--rate", "1/h"]);
    rescale::from(&ended, &old.policy, Moment::BeforeSwap).unwrap();
    let new = successor(&old, &["--burst", "5", "--rate", "10"]);
    rescale(&new, &old);
    let bucket = client(&new).syns;
    assert!(bucket.next_token <= Duration::from_millis(100), "{bucket:?}");
}

#[test]
fn shared_rates_change_at_once() {
    let old = Program::load(&["--challenge", "off", "--pass-rate", "1/h"]);
    assert_eq!(passed(&old, 2), 1);
    let new = old.successor(&["--challenge", "off", "--pass-rate", "1000"]);
    assert_eq!(passed(&new, 1), 0, "read by the new limit");
    rescale(&new, &old);
    wait_for("a token of the pass rate", || (passed(&new, 1) == 1).then_some(()));
    let first = 0_u32.to_ne_bytes();
    let rates = new.maps.data_rates.lookup(&first, MapFlags::ANY).unwrap().unwrap();
    let rates: types::rates = from_bytes(&rates).unwrap();
    assert!(rates.pass.full_at < now_ns().unwrap() + 2 * SECOND);
}

#[test]
fn entries_of_a_service_that_is_gone_are_removed() {
    let limit = ["--burst", "2", "--rate", "1/h"];
    let old = load(&[&limit[..], &["--service", "web=80", "--service", "ssh=22"]].concat());
    assert_eq!(passed(&old, 3), 2);
    let kept = successor(&old, &[&limit[..], &["--service", "web=80,443"]].concat());
    rescale(&kept, &old);
    assert_eq!(passed(&kept, 1), 0, "web is the same service still");
    let other = successor(&old, &[&limit[..], &["--service", "mail=25,80"]].concat());
    rescale(&other, &old);
    assert_eq!(other.maps.sources.keys().count(), 0);
    assert_eq!(passed(&other, 3), 2, "mail has its first number, but is another");
}

/// The walk is short enough to be taken at each change. Its time is printed.
#[test]
fn a_full_table_is_walked_at_once() {
    const SOURCES: u32 = 262_144;
    let old = load(&["--burst", "5", "--rate", "1/h", "--max-sources", "524288"]);
    let new = successor(&old, &["--burst", "5", "--rate", "20", "--max-sources", "524288"]);
    let full_at = now_ns().unwrap() + 5 * HOUR;
    for host in 0..SOURCES {
        enter_source(&new, Ipv4Addr::from_bits(0x0a00_0000 + host), full_at);
    }
    let (start, start_of_work) = (Instant::now(), worked());
    rescale::from(&new, &old.policy, Moment::AfterSwap).unwrap();
    println!(
        "{SOURCES} sources: {:?}, {:?} of them at work",
        start.elapsed(),
        worked() - start_of_work
    );
    let sources = new.sources();
    assert_eq!(sources.len(), SOURCES as usize);
    let waits = |source: &&Source<'_>| source.syns.next_token > Duration::from_millis(50);
    assert_eq!(sources.iter().find(waits).map(|source| source.address), None);
    let all = types::rescaling::default();
    let run = TestRun { context: as_bytes(&all), ..Default::default() };
    let seen = sys::test_run(new.programs.rescale.as_fd(), run).unwrap().value;
    assert_eq!(seen, SOURCES, "each is seen once");
}
