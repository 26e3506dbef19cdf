// SPDX-License-Identifier: GPL-2.0-only
//! How many SYNs are answered, and how many of the others pass: each way has a bound.

use std::net::Ipv4Addr;
use std::time::Instant;

use lab::frames::{SERVER_MAC, ipv4, syn_from};
use lab::program::{Program, XDP_TX, now_ns};
use libbpf_rs::{MapCore, MapFlags};
use nix::time::{ClockId, clock_gettime};

use super::server::{FIRST, OWN_COOKIES, on_a_server, refusing, syn4, tell};

/// Of one source, on one CPU and in one tick: see `bpf/ration.bpf.h`.
const PER_TICK: u64 = 128;

/// The tick by the clock that the program reads.
fn tick() -> i64 {
    let now = clock_gettime(ClockId::CLOCK_MONOTONIC_COARSE).unwrap();
    (now.tv_sec() * 1_000_000_000 + now.tv_nsec()) >> 22
}

/// SYNs sent and answered in one tick.
#[derive(Debug, Default)]
struct Tick {
    sent: u64,
    answered: u64,
    /// The same SYN's tick may have been the next one.
    unsure: u64,
}

#[test]
fn a_source_gets_its_ration_in_each_tick_and_no_more() {
    on_a_server(|| {
        let program = refusing(&[]);
        let frame = syn4(&[]);
        let mut ticks = Vec::<(i64, Tick)>::new();
        // Until some ticks have seen more SYNs than they answer.
        let is_over = |tick: &Tick| tick.sent > PER_TICK + 32;
        let (start, mut over) = (Instant::now(), 0);
        while over < 20 {
            assert!(start.elapsed().as_secs() < 60, "this machine is too slow: {:?}", ticks.last());
            let before = tick();
            let is_answered = program.action(&frame, frame.len()) == XDP_TX;
            let is_unsure = tick() != before;
            if ticks.last().is_none_or(|(last, _)| *last != before) {
                over += ticks.last().map_or(0, |(_, tick)| u64::from(is_over(tick)));
                ticks.push((before, Tick::default()));
            }
            let (_, tick) = ticks.last_mut().unwrap();
            tick.sent += 1;
            tick.answered += u64::from(is_answered);
            tick.unsure += u64::from(is_unsure && is_answered);
        }
        ticks.pop();
        for (_, tick) in &ticks {
            assert!(tick.answered - tick.unsure <= PER_TICK, "{tick:?}");
            // The last SYN of the tick before may have been counted here.
            assert!(tick.answered + 1 >= PER_TICK.min(tick.sent - tick.unsure), "{tick:?}");
        }
        let counters = program.counters();
        let answered = counters.reasons["challenge_sent"];
        assert!(answered >= 20 * (PER_TICK - 1) && counters.reasons["drop_challenge_ration"] > 0);
    });
}

/// Many sources share few slots, but hardly ever one.
#[test]
fn a_source_is_answered_while_another_is_out_of_its_ration() {
    on_a_server(|| {
        let program = refusing(&[]);
        let loud = syn4(&[]);
        let quiet: Vec<_> = (1..100).map(|host| syn_from(Ipv4Addr::new(198, 51, 100, host))).collect();
        let mut answered = 0;
        let spent = || (0..1_000_000).any(|_| program.action(&loud, loud.len()) != XDP_TX);
        for frame in &quiet {
            assert!(spent(), "this machine is too slow");
            answered += u64::from(program.action(frame, frame.len()) == XDP_TX);
        }
        assert!(answered >= 97, "{answered} of {}", quiet.len());
    });
}

#[test]
fn answers_have_a_rate_in_all() {
    on_a_server(|| {
        let program = refusing(&["--challenge-rate", "1/h"]);
        assert_eq!(program.judge(&syn4(&[])).0, "challenge_sent");
        for host in 1..100 {
            let frame = syn_from(Ipv4Addr::new(198, 51, 100, host));
            assert_eq!(program.judge(&frame).0, "drop_challenge_rate");
        }

        let program = refusing(&["--challenge-rate", "0"]);
        for host in 1..100 {
            let frame = syn_from(Ipv4Addr::new(198, 51, 100, host));
            assert_eq!(program.judge(&frame).0, "challenge_sent");
        }
    });
}

/// What cannot be challenged where it goes passes at this rate: one for this host's ports, one for other hosts.
#[test]
fn what_cannot_be_challenged_has_a_rate() {
    on_a_server(|| {
        let options = ["--service", "rest=1-442,444-65535,challenge=off", "--unchallenged-rate", "1/h"];
        let program = refusing(&options);
        let own = |host| syn_from(Ipv4Addr::new(198, 51, 100, host));
        let forwarded = |host| {
            let mut frame = own(host);
            frame[..6].copy_from_slice(&[2, 0, 0, 0, 0, 9]);
            assert_ne!(frame[..6], SERVER_MAC);
            frame
        };
        assert_eq!(program.judge(&own(1)).0, "pass_unchallenged");
        assert_eq!(program.judge(&forwarded(1)).0, "pass_unchallenged", "a rate of its own");
        for host in 2..100 {
            assert_eq!(program.judge(&own(host)).0, "drop_unchallenged_rate");
            assert_eq!(program.judge(&forwarded(host)).0, "drop_unchallenged_rate");
        }
        // The first one of all, and 198.51.100.1: the others made no entry.
        assert_eq!(program.sources().len(), 2);
    });
}

#[test]
fn what_cannot_be_challenged_takes_a_token_of_its_source() {
    on_a_server(|| {
        let options =
            ["--service", "rest=1-442,444-65535,challenge=off", "--burst", "2", "--rate", "1/h"];
        let program = refusing(&options);
        let reasons = [(); 4].map(|()| program.judge(&syn4(&[])).0);
        assert_eq!(
            reasons,
            ["pass_unchallenged", "pass_unchallenged", "drop_syn_limit", "drop_syn_limit"]
        );
    });
}

/// A list of addresses can be forged as any other.
#[test]
fn a_forged_allowed_network_brings_no_more_than_the_pass_rate() {
    on_a_server(|| {
        let options = ["--allow", "198.18.0.0/15", "--deny", "198.18.7.0/24", "--pass-rate", "50"];
        let program = Program::load(&options);
        tell(&program, OWN_COOKIES);
        let start = Instant::now();
        let (mut denied, mut passed) = (0, 0);
        for host in 0..20_000 {
            let source = Ipv4Addr::from_bits(Ipv4Addr::new(198, 18, 0, 0).to_bits() + host);
            let (reason, _) = program.judge(&syn_from(source));
            match reason.as_str() {
                "drop_denied" => denied += 1,
                "pass_allowed" => passed += 1,
                _ => assert_eq!(reason, "challenge_sent"),
            }
        }
        let most = 50 + (start.elapsed().as_secs_f64() * 50.0) as u64;
        assert!((50..=most).contains(&passed), "{passed} passed, 50 to {most} were due");
        assert_eq!(denied, 256);
    });
}

/// Sets connections_full_at of the one source in the table: only completed connections do so otherwise.
fn set_connections(program: &Program, full_at: u64) {
    let map = &program.maps.sources;
    let key = map.keys().next().expect("a source");
    let mut entry = map.lookup(&key, MapFlags::ANY).unwrap().unwrap();
    entry[8..16].copy_from_slice(&full_at.to_ne_bytes());
    map.update(&key, &entry, MapFlags::ANY).unwrap();
}

#[test]
fn a_source_without_a_connection_left_is_dropped_and_not_challenged() {
    const HOUR: u64 = 3_600 * 1_000_000_000;
    on_a_server(|| {
        let program = refusing(&["--burst", "5", "--rate", "1/h"]);
        let first = syn_from(FIRST.into());
        assert_eq!(program.judge(&first).0, "challenge_sent");

        let full_at = now_ns().unwrap() + 5 * HOUR;
        set_connections(&program, full_at);
        for _ in 0..10 {
            assert_eq!(program.judge(&first).0, "drop_over_limit");
        }
        let others = ipv4(|ip, _| ip.source = [203, 0, 113, 2]);
        assert_eq!(program.judge(&others).0, "challenge_sent");
        let [source] = program.sources()[..] else { panic!("one source") };
        assert_eq!((source.challenged, source.dropped, source.connected), (1, 10, 0));
        assert_eq!(source.connections.unwrap().tokens, 0);
        assert!(source.is_blocked());

        // With its next token it is challenged again, as soon as its CPU has forgotten the refusal.
        set_connections(&program, full_at - HOUR);
        let start = Instant::now();
        while program.judge(&first).0 == "drop_over_limit" {
            assert!(start.elapsed().as_secs() < 10, "a refusal is remembered for a second");
        }
        assert_eq!(program.judge(&first).0, "challenge_sent");
    });
}
