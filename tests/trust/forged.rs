// SPDX-License-Identifier: GPL-2.0-only
//! However SYNs are forged, the kernel gets no more than the pass rate; and where a challenge cannot work,
//! the unchallenged rate.

use std::io::Read;
use std::net::{Ipv4Addr, Shutdown, TcpStream};
use std::time::Duration;

use lab::{figures, wait_for};
use socket2::Socket;

use crate::ground::{BACKLOG, FORGED, Ground, PASS_RATE, servers};

const ATTACK: Duration = Duration::from_secs(1);

/// Stray SYNs, and the time between two looks.
const SLACK: u64 = 50;

/// A listener's queue may be filled by half, and somewhat more, as several CPUs look at once.
const HALF_QUEUE: u64 = BACKLOG / 2 + 16;

/// Both kinds of cookies, and what the kernel does by itself: tcp_syncookies.
const SETTINGS: [(&str, &str); 3] = [("own", "1"), ("own", "2"), ("kernel", "1")];

/// `--unchallenged-rate` is for what follows where the attack must not pass at it: the kernel makes no
/// cookies for us before a run has set tcp_syncookies to 2.
fn each_setting(attack: impl Fn(Ground, &str)) {
    for (cookies, syncookies) in SETTINGS {
        println!("{cookies} cookies, tcp_syncookies {syncookies}");
        let ground = Ground::new();
        ground.pair.set(&format!("net.ipv4.tcp_syncookies={syncookies}"));
        attack(ground, cookies);
    }
}

/// Trial 1: who never answers fills half of the queue.
#[test]
fn a_list_of_addresses_that_are_silent() {
    each_setting(|ground, cookies| {
        let _listener = ground.listen(|_| {});
        let _defence = ground.protect(&["--cookies", cookies, "--unchallenged-rate", "1/h"]);
        let (burst, rate) = match cookies {
            // The kernel forgets some of them early, as its queue is half full: a trickle.
            "own" => (HALF_QUEUE, 50),
            // The kernel answers with cookies, and so its queue stays empty.
            _ => (PASS_RATE, PASS_RATE),
        };
        ground.assert_bounded(ground.forged(65_536, |_| {}), ATTACK, burst + SLACK, rate);
        let waiting = figures::half_open(&ground.pair.server) as u64;
        assert!(waiting <= HALF_QUEUE, "{waiting} half-open connections");
    });
}

/// Trial 3: who answers with a reset frees his place in the queue again.
#[test]
fn a_list_of_addresses_whose_hosts_answer_with_resets() {
    each_setting(|ground, cookies| {
        ground.pair.client.run("ip", &["route", "add", "local", FORGED, "dev", "lo"]);
        ground.pair.server.run("ip", &["route", "replace", "default", "via", "10.0.0.1"]);
        let _listener = ground.listen(|_| {});
        let _defence = ground.protect(&["--cookies", cookies, "--unchallenged-rate", "1/h"]);
        ground.assert_bounded(ground.forged(65_536, |_| {}), ATTACK, PASS_RATE + SLACK, PASS_RATE);
    });
}

/// Trial 4: the flow has a half-open connection, since the first time round.
#[test]
fn flows_with_half_open_connections() {
    each_setting(|ground, cookies| {
        let _listener = ground.listen(|_| {});
        let options = ["--cookies", cookies, "--pass-rate", "100", "--unchallenged-rate", "1/h"];
        let _defence = ground.protect(&options);
        ground.assert_bounded(ground.forged(512, |_| {}), ATTACK, 100 + SLACK, 100);
    });
}

/// An established connection answers a SYN with an ACK, which an honest client that crashed needs.
#[test]
fn the_flow_of_an_established_connection() {
    each_setting(|ground, cookies| {
        let listener = ground.listen(|_| {});
        let _defence = ground.protect(&["--cookies", cookies]);
        let client = ground.pair.client.enter(|| TcpStream::connect(servers()[0]).unwrap());
        let _server = listener.accept().unwrap();
        let port = client.local_addr().unwrap().port();
        let syn = ground.syn(Ipv4Addr::new(10, 0, 0, 1), |tcp| tcp.source_port = port);
        ground.assert_bounded(vec![syn], ATTACK, 100 + SLACK, 20);
    });
}

/// A SYN that reopens a connection in TIME_WAIT passes, at the unchallenged rate: the kernel may refuse it, and then
/// the old socket stays.
#[test]
fn flows_in_time_wait() {
    const FLOWS: u64 = 20;
    each_setting(|ground, cookies| {
        let listener = ground.listen(|_| {});
        let options = ["--cookies", cookies, "--pass-rate", "1/h", "--unchallenged-rate", "100"];
        let _defence = ground.protect(&options);
        let ports: Vec<u16> = (0..FLOWS).map(|_| time_wait(&ground, &listener)).collect();
        let is_ready = || {
            let sockets = ground.pair.server.run("ss", &["-Htn", "state", "time-wait"]);
            (sockets.lines().count() as u64 == FLOWS).then_some(())
        };
        wait_for("TIME_WAIT", is_ready);
        // Half of the sequence numbers are after the one that is waited for.
        let syn = |port: u16, sequence: u32| {
            ground.syn(Ipv4Addr::new(10, 0, 0, 1), |tcp| {
                (tcp.source_port, tcp.sequence_number) = (port, sequence);
            })
        };
        let frames = ports.iter().flat_map(|&port| [syn(port, 7), syn(port, 7 + (1 << 31))]).collect();
        let reached = ground.assert_bounded(frames, ATTACK, 100 + SLACK, 100);
        assert!(reached >= FLOWS, "{reached} of {FLOWS} connections can be reopened");
    });
}

/// The client's port of a connection that the server has closed first.
fn time_wait(ground: &Ground, listener: &Socket) -> u16 {
    let mut client = ground.pair.client.enter(|| TcpStream::connect(servers()[0]).unwrap());
    drop(listener.accept().unwrap());
    client.read_to_end(&mut Vec::new()).unwrap();
    client.shutdown(Shutdown::Both).unwrap();
    client.local_addr().unwrap().port()
}

/// Trial 7: a listener with keys is not challenged, and expects signed SYNs.
#[test]
fn signatures_and_what_looks_like_some() {
    // Of a kind that a signature has, and too short for one.
    let malformed: &[u8] = &[0x13, 2];
    let whole = [&[1, 1, 19, 18][..], &[7; 16]].concat();
    for (with_keys, signature, unchallenged) in
        [(false, malformed, 0), (true, malformed, 1_000), (false, &whole, 0), (true, &whole, 1_000)]
    {
        println!("keys {with_keys}, {} bytes of options", signature.len());
        let ground = Ground::new();
        let _listener = ground.listen(|socket| {
            if with_keys {
                lab::keys::set_md5_key(socket, Ipv4Addr::new(10, 0, 7, 7));
            }
        });
        let _defence = ground.protect(&["--pass-rate", "100", "--unchallenged-rate", "1000"]);
        let frames = ground.forged(16_384, |tcp| tcp.set_options_raw(signature).unwrap());
        let rate = 100 + unchallenged;
        ground.assert_bounded(frames, ATTACK, rate + SLACK, rate);
    }
}

/// Trial 10: an allowed address can be forged like any other.
#[test]
fn an_allowed_network() {
    each_setting(|ground, cookies| {
        ground.pair.client.run("ip", &["route", "add", "local", FORGED, "dev", "lo"]);
        ground.pair.server.run("ip", &["route", "replace", "default", "via", "10.0.0.1"]);
        let _listener = ground.listen(|_| {});
        let options = ["--cookies", cookies, "--allow", FORGED, "--unchallenged-rate", "1/h"];
        let _defence = ground.protect(&options);
        ground.assert_bounded(ground.forged(4_096, |_| {}), ATTACK, PASS_RATE + SLACK, PASS_RATE);
    });
}

/// Where a challenge cannot work, more may pass, and no more than that.
#[test]
fn a_server_without_cookies() {
    let ground = Ground::new();
    ground.pair.set("net.ipv4.tcp_syncookies=0");
    let _listener = ground.listen(|_| {});
    let _defence = ground.protect(&["--pass-rate", "100", "--unchallenged-rate", "500"]);
    let reached = ground.assert_bounded(ground.forged(65_536, |_| {}), ATTACK, 600 + SLACK, 600);
    assert!(reached > 500, "{reached} is less than without us");
}
