// SPDX-License-Identifier: GPL-2.0-only
//! What an observer costs the judgement. How frames are chosen and shown: tests/command.

use std::net::Ipv4Addr;
use std::thread;
use std::time::Duration;

use lab::frames::ipv4;
use lab::program::Program;
use libbpf_rs::MapHandle;
use synflood_xdp::kernel::maps::observe::{Frames, Lease, Tables, Wanted};

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

/// A SYN that is denied, one of a source over its limit, and a segment of a connection.
fn cases() -> [(&'static str, Vec<u8>); 3] {
    [
        ("denied", ipv4(|ip, _| ip.source = Ipv4Addr::new(192, 0, 2, 7).octets())),
        ("over its limit", ipv4(|_, _| {})),
        ("no SYN", ipv4(|_, tcp| (tcp.syn, tcp.ack) = (false, true))),
    ]
}

/// The frames and how they are timed. Prints the median of a run without an observer, and with one.
fn measure(wanted: &Wanted, rounds: usize) -> Vec<(&'static str, f64, f64)> {
    const REPEAT: u32 = 20_000;
    let program =
        Program::load(&["--challenge", "off", "--pass-rate", "1/h", "--deny", "192.0.2.0/24"]);
    let tables = tables(&program);
    let frames = Frames::open(&tables).unwrap();
    let median = |mut times: Vec<Duration>| {
        times.sort();
        times[times.len() / 2].as_secs_f64() * 1e9
    };
    let mut results = Vec::new();
    for (name, frame) in cases() {
        program.repeat(&frame, 1000);
        let (mut without, mut with) = (Vec::new(), Vec::new());
        for _ in 0..rounds {
            without.push(program.time(&frame, REPEAT));
            let _lease = Lease::take(&tables, wanted).unwrap();
            with.push(program.time(&frame, REPEAT));
            frames.wait(Duration::ZERO).unwrap();
            thread::yield_now();
        }
        results.push((name, median(without), median(with)));
    }
    results
}

#[test]
#[ignore = "measures"]
fn what_it_costs() {
    for (name, without, with) in measure(&everything(), 41) {
        println!(
            "{name}: {without:.1} ns, observed {with:.1} ns, {:+.1} %",
            (with / without - 1.0) * 100.0
        );
    }
    let filtered = Wanted {
        port: Some(80),
        network: Some("10.0.0.0/8".parse().unwrap()),
        is_selective: true,
        ..everything()
    };
    for (name, without, with) in measure(&filtered, 41) {
        println!(
            "filtered, {name}: {without:.1} ns, observed {with:.1} ns, {:+.1} %",
            (with / without - 1.0) * 100.0
        );
    }
}
