// SPDX-License-Identifier: GPL-2.0-only
//! `--replace`: another process takes over.

use std::mem::MaybeUninit;
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::os::fd::AsFd;
use std::thread;
use std::time::Duration;

use lab::defence::{Defence, dump, source};
use lab::netns::connect as connect_pair;
use lab::pair::Pair;
use lab::program::{Program, load_as_version};
use lab::stranger::Stranger;
use lab::{pass, wait_for, wire, xdp};
use nix::sys::signal::Signal;
use synflood_xdp::kernel::interface::Interface;
use synflood_xdp::kernel::maps::rescale::{self, Moment};
use synflood_xdp::kernel::predecessor::Predecessor;

use crate::flood::{Flood, OPTIONS, syn_from};

fn replace(pair: &Pair, options: &[&str]) -> Defence {
    Defence::start(pair, &[options, &["--replace"]].concat())
}

#[test]
fn no_frame_is_unjudged_while_processes_take_over() {
    for mode in ["native", "skb"] {
        let pair = lab::pair!();
        let options = [&OPTIONS[..], &["--mode", mode]].concat();
        let mut defence = Defence::start(&pair, &options);
        let flood = Flood::start(&pair);
        for limits in [["--pass-rate", "10"], ["--pass-rate", "0"], ["--cookies", "kernel"]] {
            let sent = flood.sent();
            let next = replace(&pair, &[&options[..], &limits].concat());
            let ended = defence.wait();
            assert_eq!(ended.status.code(), Some(0), "{}", ended.stderr);
            let by = format!("process {} protects the interfaces from now on", next.pid());
            assert!(ended.stderr.contains(&by), "{}", ended.stderr);
            assert!(flood.sent() > sent + 1000, "the flood goes on meanwhile");
            defence = next;
        }
        flood.assert_judged();
        drop(defence);
        wait_for("the last process to detach", || pair.server.xdp("eth0").is_none().then_some(()));
    }
}

#[test]
fn without_it_the_interface_is_taken() {
    let pair = lab::pair!();
    let defence = Defence::start(&pair, &["--iface", "eth0"]);
    let refused = pair.synflood(&["--iface", "eth0"]).output().unwrap();
    assert_eq!(refused.status.code(), Some(1));
    let said = String::from_utf8(refused.stderr).unwrap();
    assert!(
        said.contains(&format!("process {}", defence.pid())) && said.contains("--replace"),
        "{said}"
    );
    assert_eq!(pair.server.xdp("eth0"), Some("xdpgeneric"), "it runs on");
}

/// The one before is gone, also when this one ends or drops nothing.
#[test]
fn what_ends_with_the_run_before_is_said() {
    let pair = lab::pair!();
    let defence = Defence::start(&pair, &["--iface", "eth0", "--for", "1h"]);
    let next = replace(&pair, &["--iface", "eth0", "--for", "10m", "--dry-run"]);
    defence.wait();
    let said = wait_for("both warnings", || {
        Some(next.stderr()).filter(|said| said.contains("(--dry-run): the run before"))
    });
    assert!(said.contains("in 10m nothing protects these interfaces"), "{said}");
    let last = replace(&pair, &["--iface", "eth0"]);
    next.wait();
    let said = last.signal(Signal::SIGTERM).stderr;
    assert!(!said.contains("the run before"), "{said}");
}

/// Where nothing runs it is a start like any other.
#[test]
fn there_may_be_nothing_to_replace() {
    let pair = lab::pair!();
    let _defence = replace(&pair, &["--iface", "eth0"]);
    assert_eq!(pair.server.xdp("eth0"), Some("xdpgeneric"));
}

#[test]
fn buckets_and_counters_go_on() {
    let pair = lab::pair!();
    let options = ["--iface", "eth0", "--burst", "2", "--rate", "1/h"];
    let defence = Defence::start(&pair, &options);
    let _listener = listen(&pair);
    (0..2).for_each(|_| drop(connect(&pair).unwrap()));
    connect(&pair).unwrap_err();
    let _next = replace(&pair, &options);
    defence.wait();
    connect(&pair).unwrap_err();
    let shown = dump(&pair, &["--all"]);
    let client = source(&shown, "10.0.0.1").unwrap();
    assert_eq!(client["connected"], 2, "{client}");
    assert_eq!(client["connections"]["tokens"], 0, "{client}");
}

/// It was killed when it had given the buckets its limits, and not yet taken the first one's place.
#[test]
fn a_successor_that_ends_halfway_leaves_the_buckets_as_they_were() {
    let pair = lab::pair!();
    let options = ["--iface", "eth0", "--burst", "3", "--rate", "1/m"];
    let defence = Defence::start(&pair, &options);
    let _listener = listen(&pair);
    (0..3).for_each(|_| drop(connect(&pair).unwrap()));
    pair.server.enter(|| {
        let interface = Interface::ethernet("eth0").unwrap();
        let running = Predecessor::on(&[interface]).unwrap().unwrap();
        let legacy = running.legacy().unwrap();
        let old = &legacy.tables.as_ref().unwrap().policy;
        let next = Program::load_after(&["--burst", "3", "--rate", "1/h"], Some(&legacy)).unwrap();
        rescale::from(&next, old, Moment::BeforeSwap).unwrap();
    });
    let next_token = || {
        let shown = dump(&pair, &["--all"]);
        let client = source(&shown, "10.0.0.1").unwrap();
        client["connections"]["next_token_s"].as_f64().unwrap()
    };
    assert!(next_token() > 3_600.0, "the buckets have other limits");
    let said = || defence.stderr().contains("the buckets have this one's limits again").then_some(());
    wait_for("the run to see it", said);
    assert!(next_token() <= 60.0);
}

/// The client has its answer from the one, and gives it to the other.
#[test]
fn a_cookie_of_the_first_is_redeemed_by_the_second() {
    let pair = lab::pair!();
    // Every SYN but the first is challenged.
    let options = ["--iface", "eth0", "--pass-rate", "1/h"];
    let defence = Defence::start(&pair, &options);
    let listener = listen(&pair);
    connect(&pair).unwrap();
    listener.accept().unwrap();
    let from = SocketAddr::from(([10, 0, 0, 9], 40_000));
    let stranger = Stranger::new(&pair, from, server());
    let synack = stranger.connect();
    let _next = replace(&pair, &options);
    defence.wait();
    stranger.send_ack(&synack, 0, b"hello");
    listener.set_nonblocking(true).unwrap();
    let peer = wait_for("the connection", || listener.accept().ok()).1;
    assert_eq!(peer, from);
}

/// While both are attached, each connection is charged by one of them.
#[test]
fn every_connection_is_charged_once() {
    let pair = lab::pair!();
    let options = ["--iface", "eth0", "--burst", "1000000", "--rate", "1000000"];
    let mut defence = Defence::start(&pair, &options);
    let listener = listen(&pair);
    let mut connected = 0;
    for _ in 0..3 {
        let next = thread::scope(|scope| {
            let starting = scope.spawn(|| replace(&pair, &options));
            while !starting.is_finished() {
                connect(&pair).unwrap();
                listener.accept().unwrap();
                connected += 1;
            }
            starting.join().unwrap()
        });
        defence.wait();
        defence = next;
    }
    let shown = dump(&pair, &["--all"]);
    let client = source(&shown, "10.0.0.1").unwrap();
    assert_eq!(client["connected"], connected, "{client}");
    assert!(connected > 30, "{connected} connections");
}

/// With other keys or values in its tables it can leave none of them.
#[test]
fn a_program_of_another_version_leaves_its_keys() {
    let pair = lab::pair!();
    let mut object = MaybeUninit::uninit();
    let before = load_as_version(99, 99, &mut object);
    let link = xdp::attach(&pair.server, "eth0", before.progs.synflood.as_fd()).unwrap();
    let defence = replace(&pair, &["--iface", "eth0"]);
    assert!(defence.said.contains("of another version"), "{}", defence.said);
    drop(link);
    assert_eq!(pair.server.xdp("eth0"), Some("xdp"), "the link is the second one's too");
}

/// A setting that the first has changed for a flood stays while the second needs it.
#[test]
fn a_setting_is_not_set_back_under_the_successor() {
    let pair = lab::pair!();
    pair.set("net.ipv4.tcp_syncookies=1");
    let options = ["--iface", "eth0", "--cookies", "kernel", "--pass-rate", "1/h"];
    let defence = Defence::start(&pair, &options);
    let _listener = listen(&pair);
    let cookies = || pair.server.run("sysctl", &["-n", "net.ipv4.tcp_syncookies"]).trim().to_owned();
    wait_for("the setting for a flood", || {
        let _ = connect(&pair);
        (cookies() == "2").then_some(())
    });
    let next = replace(&pair, &options);
    let ended = defence.wait();
    assert_eq!(cookies(), "2", "{}", ended.stderr);
    next.signal(Signal::SIGTERM);
    wait_for("the setting as before", || (cookies() == "1").then_some(()));
}

fn server() -> SocketAddr {
    (Pair::SERVER.parse::<Ipv4Addr>().unwrap(), 80).into()
}

fn listen(pair: &Pair) -> TcpListener {
    pair.server.enter(|| TcpListener::bind("0.0.0.0:80").unwrap())
}

/// From 10.0.0.1, which gets an answer at once or none.
fn connect(pair: &Pair) -> std::io::Result<TcpStream> {
    pair.client.enter(|| TcpStream::connect_timeout(&server(), Duration::from_millis(500)))
}

/// One that cannot take over leaves the other as it was, with all that it knows of the host.
#[test]
fn a_failed_takeover_changes_nothing() {
    let pair = lab::pair!();
    let (server, client) = (&pair.server, &pair.client);
    connect_pair(client, "eth1", server, "eth1");
    let defence = Defence::start(&pair, &["--iface", "eth0", "--pass-rate", "1/h"]);
    let _listener = listen(&pair);
    let mut host = 0;
    let mut challenged = || {
        let count = || dump(&pair, &[])["reasons"]["challenge_sent"].as_u64().unwrap();
        let before = count();
        host += 1;
        wire::send(client, "eth0", &[syn_from(&pair, &format!("10.0.1.{host}"))]);
        count() > before
    };
    wait_for("challenges", || challenged().then_some(()));
    let _other = pass::attach(server, "eth1");
    let failing = ["--iface", "eth0", "--iface", "eth1", "--challenge", "off", "--replace"];
    let refused = pair.synflood(&failing).output().unwrap();
    assert_eq!(refused.status.code(), Some(1), "{}", String::from_utf8_lossy(&refused.stderr));
    wait_for("challenges again", || challenged().then_some(()));
    let status = pair.synflood(&["status", "--iface", "eth0"]).output().unwrap();
    let status = String::from_utf8_lossy(&status.stdout).into_owned();
    assert!(status.contains(&format!("by process {}", defence.pid())), "{status}");
}
