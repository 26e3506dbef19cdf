// SPDX-License-Identifier: GPL-2.0-only
//! With its defaults it harms nobody, with a flood and without.

use std::io::{Read, Write};
use std::net::{Ipv4Addr, TcpStream};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use lab::forger::Forger;
use lab::wait_for;

use crate::ground::{Ground, servers};

/// A SYN that is lost comes again after a second.
const WITHOUT_LOSS: Duration = Duration::from_millis(900);

/// After a second and once more.
const WITH_LOSS: Duration = Duration::from_millis(3_500);

/// SYNs per second of a flood: many more than the kernel gets, and few enough that two CPUs do all else.
const FLOOD: u64 = 20_000;

#[derive(Debug, Clone, Copy)]
enum Flood {
    None,
    OneSource,
    Random,
}

/// The time of a request over a new connection. None: it failed.
fn request() -> Option<Duration> {
    const PATIENCE: Duration = Duration::from_secs(5);
    let start = Instant::now();
    let mut stream = TcpStream::connect_timeout(&servers()[0], PATIENCE).ok()?;
    stream.set_read_timeout(Some(PATIENCE)).ok()?;
    stream.write_all(b"GET / HTTP/1.0\r\n\r\n").ok()?;
    let mut page = String::new();
    stream.read_to_string(&mut page).ok()?;
    page.ends_with("served\n").then(|| start.elapsed())
}

/// So many requests, so many at a time.
fn requests(count: usize, at_a_time: usize) -> Vec<Option<Duration>> {
    let next = AtomicUsize::new(0);
    let work = || {
        let mut times = Vec::new();
        while next.fetch_add(1, Ordering::Relaxed) < count {
            times.push(request());
        }
        times
    };
    thread::scope(|scope| {
        let workers: Vec<_> = (0..at_a_time).map(|_| scope.spawn(work)).collect();
        workers.into_iter().flat_map(|worker| worker.join().unwrap()).collect()
    })
}

/// 30 connections, 6 at a time.
fn browser() -> Vec<Option<Duration>> {
    requests(30, 6)
}

/// 50 people behind one address, 6 connections each, in a burst.
fn office() -> Vec<Option<Duration>> {
    requests(300, 50)
}

/// 10 connections a second.
fn proxy() -> Vec<Option<Duration>> {
    let start = Instant::now();
    let request = |turn: u32| {
        let at = start + turn * Duration::from_millis(100);
        thread::sleep(at.saturating_duration_since(Instant::now()));
        request()
    };
    (0..20).map(request).collect()
}

fn no_failure(flood: Flood, cookies: &str, slowest: Duration) {
    let ground = Ground::new();
    let directory = tempfile::tempdir().unwrap();
    let _nginx = ground.pair.serve(directory.path());
    let _defence = ground.protect(&["--cookies", cookies]);
    let frames = match flood {
        Flood::None => Vec::new(),
        Flood::OneSource => vec![ground.syn(Ipv4Addr::new(10, 16, 0, 1), |_| {})],
        Flood::Random => ground.forged(65_536, |_| {}),
    };
    let _forger = (!frames.is_empty()).then(|| {
        let forger = Forger::start(&ground.pair, "eth0", frames, Some(FLOOD));
        wait_for("the flood", || (forger.sent() > FLOOD / 4).then_some(()));
        forger
    });
    for (who, visit) in [("browser", browser as fn() -> _), ("office", office), ("proxy", proxy)] {
        let times: Vec<Option<Duration>> = ground.pair.client.enter(visit);
        let failed = times.iter().filter(|time| time.is_none()).count();
        let worst = times.iter().flatten().max().copied().unwrap_or_default();
        println!(
            "{flood:?}, {cookies}, {who}: {failed} of {} failed, the slowest took {worst:?}",
            times.len()
        );
        assert_eq!(failed, 0, "{flood:?}, {cookies}, {who}: of {}", times.len());
        assert!(worst < slowest, "{flood:?}, {cookies}, {who}: {worst:?}");
    }
}

#[test]
fn without_a_flood() {
    no_failure(Flood::None, "own", WITHOUT_LOSS);
}

#[test]
fn in_a_flood_from_one_source() {
    no_failure(Flood::OneSource, "own", WITHOUT_LOSS);
}

#[test]
fn in_a_flood_from_random_sources() {
    no_failure(Flood::Random, "own", WITHOUT_LOSS);
}

/// The kernel makes cookies from a second after the first SYN that wants one. What is lost until then
/// comes again.
#[test]
fn where_cookies_are_the_kernels() {
    for flood in [Flood::None, Flood::OneSource, Flood::Random] {
        no_failure(flood, "kernel", WITH_LOSS);
    }
}
