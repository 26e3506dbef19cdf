// SPDX-License-Identifier: GPL-2.0-only
//! Who answers challenges gets as many connections as his source may have, however he collects and repeats
//! his answers.

use std::net::SocketAddr;
use std::thread;
use std::time::{Duration, Instant};

use lab::cpu;
use lab::defence::{dump, source};
use lab::stranger::Stranger;
use lab::wire::Wire;
use socket2::Socket;

use crate::ground::{Ground, servers};

const BURST: u64 = 5;

/// Segments that a CPU looks at before it sees the first connection stand: it takes so many at a time
/// from the driver.
const BATCH: u64 = 64;

/// Answers of 1,000 flows, and resets that end their connections.
fn hoard(ground: &Ground, server: SocketAddr) -> Vec<[Vec<u8>; 2]> {
    let from = if server.is_ipv4() { "10.0.9.9:10000" } else { "[fd00:5::99]:10000" };
    let mut stranger = Stranger::new(&ground.pair, from.parse().unwrap(), server);
    let answers = |port| {
        stranger.set_port(port);
        let synack = stranger.connect();
        let reset = stranger.ack(&synack, 0, &[], |tcp| tcp.rst = true);
        [stranger.ack(&synack, 0, &[], |_| {}), reset]
    };
    (10_000..11_000).map(answers).collect()
}

/// Counts the connections that the listener accepts while `attack` goes on, and ends each.
fn accepted_during(listener: &Socket, attack: impl FnOnce() + Send) -> u64 {
    listener.set_nonblocking(true).unwrap();
    let mut count = 0;
    let mut accept_all = || {
        while listener.accept().is_ok() {
            count += 1;
        }
    };
    thread::scope(|scope| {
        let attack = scope.spawn(attack);
        while !attack.is_finished() {
            accept_all();
            thread::sleep(Duration::from_millis(1));
        }
    });
    accept_all();
    count
}

/// A frame for which the other end has no room is one that is lost.
fn send(wire: &Wire, frame: &[u8]) {
    match wire.send(frame) {
        Err(error) if error.raw_os_error() == Some(libc::ENOBUFS) => {}
        sent => sent.unwrap(),
    }
}

/// Trials 2 and 5: all at once on every CPU, each answer and its reset five times over.
#[test]
fn hoarded_and_replayed_answers() {
    let cpus = thread::available_parallelism().unwrap().get();
    for server in servers() {
        let ground = Ground::new();
        let listener = ground.listen(|_| {});
        let options = ["--burst", "5", "--rate", "1", "--pass-rate", "1/h", "--cookies", "own"];
        let defence = ground.protect(&options);
        let answers = hoard(&ground, server);
        let start = Instant::now();
        let accepted = accepted_during(&listener, || {
            thread::scope(|scope| {
                for (cpu, part) in answers.chunks(answers.len().div_ceil(cpus)).enumerate() {
                    let wire = Wire::open(&ground.pair.client, "eth0").unwrap();
                    scope.spawn(move || {
                        cpu::stay_on(cpu).unwrap();
                        for _ in 0..5 {
                            for [ack, reset] in part {
                                send(&wire, ack);
                                send(&wire, reset);
                            }
                        }
                    });
                }
            });
        });
        let most = BURST + start.elapsed().as_secs() + BATCH * cpus as u64;
        println!(
            "{accepted} connections of {} answers sent five times, at most {most} may",
            answers.len()
        );
        assert!(
            (BURST..=most).contains(&accepted),
            "{accepted} connections, {BURST} to {most} were due"
        );
        let shown = dump(&ground.pair, &["--all"]);
        let name = if server.is_ipv4() { "10.0.9.9" } else { "fd00:5::/64" };
        let line = source(&shown, name).expect("a source with connections");
        assert_eq!(line["connected"], accepted, "{line}");
        assert!(shown["reasons"]["answer_over_limit"].as_u64() > Some(0), "{shown}");
        drop(defence);
    }
}

/// As the tutorial says it: of 200 SYNs answered at once five become connections, then one a second.
#[test]
fn answers_at_once() {
    let ground = Ground::new();
    let listener = ground.listen(|_| {});
    let options = ["--burst", "5", "--rate", "1", "--pass-rate", "1/h", "--cookies", "own"];
    let _defence = ground.protect(&options);
    let answers = hoard(&ground, servers()[0]);
    let wire = Wire::open(&ground.pair.client, "eth0").unwrap();
    let start = Instant::now();
    let accepted = accepted_during(&listener, || {
        for [ack, _] in &answers[..200] {
            send(&wire, ack);
        }
        // Then some now and again, so that tokens are taken as they come.
        for chunk in answers[200..].chunks(10) {
            chunk.iter().for_each(|[ack, _]| send(&wire, ack));
            thread::sleep(Duration::from_millis(40)); // the pace of the attack
        }
    });
    let most = BURST + start.elapsed().as_secs() + BATCH;
    let least = BURST + start.elapsed().as_secs() - 1;
    println!("{accepted} connections in {:?}, {least} to {most} were due", start.elapsed());
    assert!((least..=most).contains(&accepted), "{accepted} connections, {least} to {most} were due");
}
