// SPDX-License-Identifier: GPL-2.0-only
//! What the program tells at once.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use lab::frames::{ipv4, ipv6, patched, syn_from};
use lab::program::{Program, now_ns, types};
use libbpf_rs::{MapCore, MapFlags};
use synflood_xdp::kernel::maps::events::{self, Arrived, Events, Sample};
use synflood_xdp::kernel::skel::{as_bytes, from_bytes};

/// Refuses the second SYN of each source.
const OPTIONS: [&str; 6] = ["--challenge", "off", "--burst", "1", "--rate", "1/h"];

fn source(host: u32) -> Ipv4Addr {
    Ipv4Addr::from_bits(0x0a00_0000 + host)
}

fn weight(samples: &[Sample]) -> u64 {
    samples.iter().map(|sample| u64::from(sample.weight)).sum()
}

fn refused(arrived: &Arrived) -> Vec<IpAddr> {
    arrived.refused.iter().map(|(key, _)| key.address).collect()
}

#[test]
fn the_sample_stands_for_all_that_did_not_pass_and_has_their_shares() {
    let program = Program::load(&["--challenge", "off", "--deny", "10.0.0.0/8"]);
    let events = Events::open(&program.maps).unwrap();
    let begun = Instant::now();
    let (mut syns, mut samples) = (0_u64, Vec::new());
    while begun.elapsed() < Duration::from_secs(2) {
        for (host, times) in [(1, 60_000), (2, 30_000), (3, 10_000)] {
            program.repeat(&syn_from(source(host)), times);
            syns += u64::from(times);
        }
        samples.extend(events.take().unwrap().samples);
    }
    let per_second = samples.len() as f64 / begun.elapsed().as_secs_f64();
    assert!((50.0..2000.0).contains(&per_second), "{per_second} samples a second");
    let stood_for = weight(&samples) as f64 / syns as f64;
    assert!((0.95..=1.0).contains(&stood_for), "stands for {stood_for} of all");
    for (host, share) in [(1, 0.6), (2, 0.3), (3, 0.1)] {
        let of_source = |sample: &&Sample| sample.source == Some(source(host).into());
        let mine: Vec<_> = samples.iter().filter(of_source).copied().collect();
        let has = weight(&mine) as f64 / weight(&samples) as f64;
        assert!((has - share).abs() < 0.1, "{host}: {has}, not {share}");
    }
}

#[test]
fn a_sample_has_port_and_source_and_broken_headers_have_none() {
    let program = Program::load(&["--challenge", "off", "--deny", "2001:db8::/32"]);
    let events = Events::open(&program.maps).unwrap();
    let from_ipv6 = ipv6(&[], |ip, tcp| {
        ip.source = "2001:db8:1:2:3::4".parse::<Ipv6Addr>().unwrap().octets();
        tcp.destination_port = 8443;
    });
    assert_eq!(program.judge(&from_ipv6).0, "drop_denied");
    events::sample_now(&program.maps).unwrap();
    let broken = patched(ipv4(|_, _| ()), 14, |_| 0x44);
    assert_eq!(program.judge(&broken).0, "drop_bad_ip_header");
    let samples = events.take().unwrap().samples;
    let seen: Vec<_> = samples.iter().map(|sample| (sample.source, sample.port)).collect();
    let network: IpAddr = "2001:db8:1:2::".parse().unwrap();
    assert_eq!(seen, [(Some(network), 8443), (None, 0)]);
}

#[test]
fn what_passes_is_not_sampled() {
    let program = Program::load(&["--challenge", "off"]);
    let events = Events::open(&program.maps).unwrap();
    assert_eq!(program.judge(&syn_from(source(1))).0, "pass_within_limit");
    assert_eq!(program.judge(&ipv4(|_, tcp| (tcp.syn, tcp.ack) = (false, true))).0, "skip_not_syn");
    assert!(events.take().unwrap().samples.is_empty());
}

#[test]
fn a_source_is_told_once_when_it_begins_to_be_refused() {
    let program = Program::load(&OPTIONS);
    let events = Events::open(&program.maps).unwrap();
    for host in [1, 2] {
        program.repeat(&syn_from(source(host)), 1);
        assert!(refused(&events.take().unwrap()).is_empty(), "it passed");
    }
    program.repeat(&syn_from(source(1)), 100);
    assert_eq!(refused(&events.take().unwrap()), [source(1)]);
    program.repeat(&syn_from(source(1)), 100);
    program.repeat(&syn_from(source(2)), 1);
    assert_eq!(refused(&events.take().unwrap()), [source(2)]);
}

/// By an entry whose last drop is made older, once with the refusal remembered, and once without.
#[test]
fn a_source_is_told_again_after_ten_seconds_without_a_drop() {
    const TEN_SECONDS: u64 = 10_000_000_000;
    let program = Program::load(&OPTIONS);
    let events = Events::open(&program.maps).unwrap();
    program.repeat(&syn_from(source(1)), 2);
    assert_eq!(refused(&events.take().unwrap()), [source(1)]);
    let map = &program.maps.sources;
    let key = map.keys().next().unwrap();
    for (age, is_told) in [(TEN_SECONDS / 2, false), (TEN_SECONDS, true)] {
        // As if what was refused long ago was not remembered any more.
        let refusals = &program.maps.refusals;
        for slot in refusals.keys() {
            let is_used =
                refusals.lookup(&slot, MapFlags::ANY).unwrap().unwrap().iter().any(|&b| b != 0);
            if is_used {
                let empty = as_bytes(&types::refusal::default()).to_vec();
                refusals.update(&slot, &empty, MapFlags::ANY).unwrap();
            }
        }
        let mut entry: types::source =
            from_bytes(&map.lookup(&key, MapFlags::ANY).unwrap().unwrap()).unwrap();
        entry.last_drop = now_ns().unwrap() - age;
        map.update(&key, as_bytes(&entry), MapFlags::ANY).unwrap();
        program.repeat(&syn_from(source(1)), 5);
        let told = refused(&events.take().unwrap());
        assert_eq!(told.len(), usize::from(is_told), "{age} ns after the last drop");
    }
}

/// Samples fill it, as nobody reads.
#[test]
fn a_full_buffer_holds_nobody_up_and_a_source_that_is_lost_is_counted() {
    let program = Program::load(&OPTIONS);
    let events = Events::open(&program.maps).unwrap();
    let begun = Instant::now();
    let mut sources = 0;
    while events::untold(&program.maps).unwrap() == 0 {
        assert!(begun.elapsed() < Duration::from_secs(60), "{sources} sources, and it is not full");
        // New samples are begun all the time, so that there are many.
        let is_done = AtomicBool::new(false);
        thread::scope(|scope| {
            scope.spawn(|| {
                while !is_done.load(Ordering::Relaxed) {
                    events::sample_now(&program.maps).unwrap();
                }
            });
            program.repeat(&syn_from(source(0)), 200_000);
            is_done.store(true, Ordering::Relaxed);
        });
        sources += 1;
        assert_eq!(program.judge(&syn_from(source(sources))).0, "pass_within_limit");
        assert_eq!(program.judge(&syn_from(source(sources))).0, "drop_syn_limit");
    }
    // The first is the one that sends the samples.
    let told = events.take().unwrap().refused.len() as u64;
    assert_eq!(told + events::untold(&program.maps).unwrap(), u64::from(sources) + 1);
    program.repeat(&syn_from(source(sources + 1)), 2);
    assert_eq!(refused(&events.take().unwrap()), [source(sources + 1)], "there is room again");
}
