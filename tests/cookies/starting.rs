// SPDX-License-Identifier: GPL-2.0-only
//! Clients that connect while the protection begins.

use std::io::{Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::os::fd::OwnedFd;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::thread;
use std::time::Duration;

use lab::defence::Defence;
use lab::pair::Pair;
use lab::{pass, wait_for};
use socket2::SockRef;

use crate::setup::{PORT, SERVER, connect, listen};

/// Nearly all are challenged from the beginning.
const CHALLENGING: [&str; 4] = ["--cookies", "own", "--pass-rate", "1/h"];
const VISITORS: usize = 8;
/// They connect from here.
const NETWORK: u32 = 0x0a20_0000;

fn ground() -> (Pair, OwnedFd) {
    let pair = lab::pair!();
    pair.client.run("ip", &["route", "add", "local", "10.32.0.0/12", "dev", "lo"]);
    pair.client.run("sysctl", &["-qw", "net.ipv4.ip_nonlocal_bind=1"]);
    pair.server.run("ip", &["route", "add", "10.32.0.0/12", "via", "10.0.0.1"]);
    pair.server.run("nft", &["delete table inet arrived"]);
    let pass = pass::attach(&pair.client, "eth0");
    (pair, pass)
}

/// Whoever connects gets a byte.
fn serve(listener: &TcpListener, is_closed: &AtomicBool) {
    while !is_closed.load(Ordering::Relaxed) {
        if let Ok((mut guest, _)) = listener.accept() {
            // A guest who was reset has gone.
            let _ = guest.write_all(b"!");
        }
    }
}

/// Whether a client from a new address is served.
fn visit(pair: &Pair, number: u32) -> std::io::Result<()> {
    let from = Ipv4Addr::from_bits(NETWORK + number).into();
    let mut stream = pair.client.enter(|| connect(from, SocketAddr::new(SERVER, PORT)))?;
    // A client that has lost its SYN-ACK repeats its SYN.
    stream.set_read_timeout(Some(Duration::from_secs(10)))?;
    stream.read_exact(&mut [0])?;
    // It goes without TIME_WAIT here.
    SockRef::from(&stream).set_linger(Some(Duration::ZERO))
}

/// Has clients connect all the time while `begin` starts what it returns. Nobody may be reset.
#[track_caller]
fn assert_all_are_served<T>(begin: impl FnOnce(&Pair, &dyn Fn()) -> T) {
    let (pair, _pass) = ground();
    let listener = listen(&pair, "0.0.0.0", |socket| {
        socket.set_read_timeout(Some(Duration::from_millis(50))).unwrap();
    });
    let (is_over, is_closed, visits) =
        (AtomicBool::new(false), AtomicBool::new(false), AtomicU32::new(0));
    let failures: Vec<String> = thread::scope(|scope| {
        scope.spawn(|| serve(&listener, &is_closed));
        let visitor = || {
            let mut failures = Vec::new();
            while !is_over.load(Ordering::Relaxed) {
                let number = visits.fetch_add(1, Ordering::Relaxed);
                failures.extend(visit(&pair, number).err().map(|error| error.to_string()));
            }
            failures
        };
        let visitors: Vec<_> = (0..VISITORS).map(|_| scope.spawn(visitor)).collect();
        let some_more = || {
            let before = visits.load(Ordering::Relaxed);
            wait_for("visits", || (visits.load(Ordering::Relaxed) > before + 50).then_some(()));
        };
        some_more();
        let _started = begin(&pair, &some_more);
        some_more();
        is_over.store(true, Ordering::Relaxed);
        let failures = visitors.into_iter().flat_map(|visitor| visitor.join().unwrap()).collect();
        is_closed.store(true, Ordering::Relaxed);
        failures
    });
    println!("{} visits", visits.load(Ordering::Relaxed));
    assert!(failures.is_empty(), "{} failed: {failures:?}", failures.len());
}

fn protect(pair: &Pair, options: &[&str]) -> Defence {
    Defence::start(pair, &[&["--iface", "eth0"], options].concat())
}

/// From the first challenge on, its answer must be taken.
#[test]
fn nobody_is_reset_when_it_starts() {
    assert_all_are_served(|pair, _| protect(pair, &CHALLENGING));
}

#[test]
fn nobody_is_reset_when_challenges_begin_by_a_takeover() {
    assert_all_are_served(|pair, some_more| {
        let before = protect(pair, &["--challenge", "off", "--pass-rate", "1000000"]);
        some_more();
        (protect(pair, &[&CHALLENGING[..], &["--replace"]].concat()), before)
    });
}
