// SPDX-License-Identifier: GPL-2.0-only
//! Several CPUs share one bucket, and one source at its first SYN. The kernel runs the shipped program.

use std::net::Ipv4Addr;
use std::sync::Barrier;
use std::thread;
use std::time::Instant;

use lab::cpu;
use lab::frames::syn_from;
use lab::program::Program;
use nix::sched::{CpuSet, sched_getaffinity};
use nix::unistd::Pid;

fn load(options: &[&str]) -> Program {
    Program::load(&[&["--challenge", "off"], options].concat())
}

/// Runs `work` on every CPU at once, with the CPU's number and a barrier that all share.
fn on_every_cpu(work: impl Fn(usize, &Barrier) + Sync) -> usize {
    let allowed = sched_getaffinity(Pid::from_raw(0)).unwrap();
    let cpus: Vec<usize> = (0..CpuSet::count()).filter(|&cpu| allowed.is_set(cpu).unwrap()).collect();
    let barrier = Barrier::new(cpus.len());
    thread::scope(|scope| {
        for &cpu in &cpus {
            let (work, barrier) = (&work, &barrier);
            scope.spawn(move || {
                cpu::stay_on(cpu).unwrap();
                work(cpu, barrier);
            });
        }
    });
    cpus.len()
}

#[test]
fn one_source_on_every_cpu_gets_its_burst_and_not_one_more() {
    // Most of the run is within the burst, because only grants can collide.
    const BURST: u64 = 400_000;
    const TIMES: u32 = 500_000;
    let program = load(&["--pass-rate", "0", "--burst", "400000", "--rate", "1/h"]);
    let frame = syn_from(Ipv4Addr::new(192, 0, 2, 1));
    let cpus = on_every_cpu(|_, barrier| {
        barrier.wait();
        program.repeat(&frame, TIMES);
    });

    let counters = program.counters();
    let reason = |name: &str| counters.reasons[name];
    let frames = u64::from(TIMES) * cpus as u64;
    assert_eq!(reason("pass_within_limit"), BURST);
    let refused = reason("drop_syn_limit") + reason("drop_contention");
    assert_eq!(refused, frames - BURST, "every refusal under a reason: {counters:?}");

    let [source] = program.sources()[..] else { panic!("one source, not {:?}", program.sources()) };
    assert_eq!((source.passed, source.dropped), (BURST, refused), "nothing lost beside the bucket");
    assert!(source.is_blocked());
}

#[test]
fn cpus_that_create_a_source_together_share_its_bucket() {
    const SOURCES: u32 = 2_000;
    let program = load(&["--pass-rate", "0", "--burst", "1", "--rate", "1/h"]);
    let cpus = on_every_cpu(|_, barrier| {
        for host in 0..SOURCES {
            let frame = syn_from(Ipv4Addr::from_bits(0x0a00_0000 + host));
            barrier.wait();
            program.repeat(&frame, 1);
        }
    });

    let counters = program.counters();
    assert_eq!(counters.passed(), u64::from(SOURCES), "one token for each source: {counters:?}");
    assert_eq!(counters.dropped(), u64::from(SOURCES) * (cpus as u64 - 1));
    let sources = program.sources();
    assert_eq!(sources.len(), SOURCES as usize);
    assert!(sources.iter().all(|source| source.passed == 1), "no source entered twice");
}

#[test]
fn cpus_share_the_pass_rate() {
    const SOURCES: u32 = 20_000;
    let program = load(&["--pass-rate", "5000"]);
    let start = Instant::now();
    let cpus = on_every_cpu(|cpu, barrier| {
        barrier.wait();
        for host in 0..SOURCES {
            let source = Ipv4Addr::from_bits(0x0a00_0000 + ((cpu as u32) << 16) + host);
            program.repeat(&syn_from(source), 1);
        }
    });

    let counters = program.counters();
    let most = 5_000 + (start.elapsed().as_secs_f64() * 5_000.0) as u64;
    let entered = counters.reasons["pass_within_limit"];
    assert!((5_000..=most).contains(&entered), "{entered} entered, 5000 to {most} were due");
    let refused = counters.reasons["drop_pass_rate"];
    assert_eq!(entered + refused, u64::from(SOURCES) * cpus as u64);
}
