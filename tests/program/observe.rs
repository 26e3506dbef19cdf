// SPDX-License-Identifier: GPL-2.0-only
//! What an observer costs the judgement. How frames are chosen and shown: tests/command.

use std::time::Duration;

use lab::frames::ipv4;
use lab::program::Program;
use libbpf_rs::MapHandle;
use synflood_xdp::kernel::maps::observe::{self, Lease, Tables, Wanted};

/// The index of `lo`, at which the kernel's test run lets frames arrive.
const LOOPBACK: u32 = 1;

fn tables(program: &Program) -> Tables {
    let copy = |map: &MapHandle| MapHandle::try_from(map).unwrap();
    Tables {
        wanted: copy(&program.maps.data_observe),
        sampling: copy(&program.maps.data_sampling),
        looked_for: copy(&program.maps.looked_for),
        frames: copy(&program.maps.observed_frames),
    }
}

fn everything() -> Wanted {
    Wanted {
        ifindex: LOOPBACK,
        reasons: u64::MAX,
        port: None,
        network: None,
        only_syns: false,
        shows_answers: true,
        rate: 1000,
        snaplen: 0,
        is_selective: false,
    }
}

/// Frames by the reasons that they must be judged by: else something else would be measured.
fn cases() -> [(&'static str, Vec<u8>); 3] {
    let from = |source: [u8; 4]| ipv4(|ip, _| ip.source = source);
    [
        ("drop_denied", from([198, 51, 100, 7])),
        ("drop_syn_limit", from([10, 0, 0, 7])),
        ("skip_not_syn", ipv4(|_, tcp| (tcp.syn, tcp.ack) = (false, true))),
    ]
}

const OPTIONS: [&str; 8] =
    ["--challenge", "off", "--deny", "198.51.100.0/24", "--burst", "1", "--rate", "1/h"];

/// The least time of a run without an observer and with one, in ns: what else runs on the machine only adds to it.
/// Rounds of both take turns.
fn measure(wanted: &Wanted) -> Vec<(&'static str, u128, u128)> {
    const REPEAT: u32 = 20_000;
    const ROUNDS: usize = 41;
    let program = Program::load(&OPTIONS);
    let tables = tables(&program);
    let frames = observe::frames(&tables).unwrap();
    let mut results = Vec::new();
    for (reason, frame) in cases() {
        program.repeat(&frame, 1000);
        assert_eq!(program.judge(&frame).0, reason);
        let (mut without, mut with) = (u128::MAX, u128::MAX);
        for _ in 0..ROUNDS {
            without = without.min(program.time(&frame, REPEAT).as_nanos());
            let _lease = Lease::take(&tables, wanted).unwrap();
            with = with.min(program.time(&frame, REPEAT).as_nanos());
            frames.wait(Duration::ZERO).unwrap();
        }
        results.push((reason, without, with));
    }
    results
}

#[test]
#[ignore = "measures: needs a machine that does little else"]
fn an_observer_slows_no_judgement_by_more_than_a_twentieth() {
    let selective = Wanted {
        port: Some(80),
        network: Some("0.0.0.0/0".parse().unwrap()),
        is_selective: true,
        ..everything()
    };
    for (what, wanted) in [("all", everything()), ("with a filter", selective)] {
        for (reason, without, with) in measure(&wanted) {
            println!("{what}: {reason}: {without} ns, observed {with} ns");
            // The kernel tells whole nanoseconds.
            assert!(with * 20 <= without * 21 + 20, "{what}: {reason}: {without} ns, {with} ns");
        }
    }
}
