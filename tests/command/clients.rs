// SPDX-License-Identifier: GPL-2.0-only
//! End to end: what clients notice.

use std::fs;
use std::net::{IpAddr, TcpListener, TcpStream};
use std::time::{Duration, Instant};

use lab::defence::{Defence, dump, source};
use lab::frames::ipv4;
use lab::pair::Pair;
use lab::{Process, pass, wait_for, wire};
use nix::sys::signal::Signal;

#[test]
fn a_download_goes_on_while_its_source_is_blocked_and_others_are_served() {
    for mode in ["native", "skb"] {
        let pair = lab::pair!();
        let directory = tempfile::tempdir().unwrap();
        let _nginx = pair.serve(directory.path());
        let options = ["--iface", "eth0", "--burst", "5", "--rate", "1/h", "--mode", mode];
        let _defence = Defence::start(&pair, &options);

        let file = directory.path().join("downloaded");
        let url = format!("http://{}/large", Pair::SERVER);
        let args = ["-s", "--interface", "10.0.0.1", "-o", file.to_str().unwrap(), &url];
        let mut download = Process(pair.client.command("curl", &args).spawn().unwrap());
        let length = || fs::metadata(&file).map_or(0, |data| data.len());
        wait_for("the download to begin", || (length() > 0).then_some(()));

        for _ in 0..4 {
            assert!(pair.is_served("10.0.0.1"), "{mode}: the other four of its five connections");
        }
        let syn = ipv4(|ip, _| (ip.source, ip.destination) = ([10, 0, 0, 1], [10, 0, 0, 10]));
        wire::send(&pair.client, "eth0", &vec![syn; 500]);
        wait_for("the source to be blocked", || source(&dump(&pair, &[]), "10.0.0.1").map(|_| ()));
        assert!(length() < Pair::LARGE, "the flood came while the download ran");
        assert!(!pair.is_served("10.0.0.1"), "{mode}: a new connection of the blocked source");
        assert!(pair.is_served("10.0.0.2"), "{mode}: another source");
        assert!(download.0.wait().unwrap().success(), "{mode}: the download in progress");
        assert_eq!(length(), Pair::LARGE);
    }
}

/// As in the tutorial: five connections at once, then one a second, and only who opened them pays.
#[test]
fn a_client_gets_five_connections_and_then_one_a_second() {
    const BURST: u64 = 5;
    for mode in ["native", "skb"] {
        let pair = lab::pair!();
        let _pass = pass::attach(&pair.client, "eth0");
        let listener = pair.server.enter(|| TcpListener::bind((Pair::SERVER, 80)).unwrap());
        let options = ["--iface", "eth0", "--burst", "5", "--rate", "1", "--mode", mode];
        let _defence = Defence::start(&pair, &options);
        let start = Instant::now();
        let mut opened = 0;
        pair.client.enter(|| {
            while start.elapsed() < Duration::from_millis(3_500) {
                let to = (Pair::SERVER.parse::<IpAddr>().unwrap(), 80).into();
                opened += u64::from(TcpStream::connect_timeout(&to, Duration::from_millis(50)).is_ok());
            }
        });
        let most = BURST + start.elapsed().as_secs();
        // A client's try may miss a token by its 50 ms, but the token stays.
        let least = BURST + 3;
        assert!(
            (least..=most).contains(&opened),
            "{mode}: {opened} connections, {least} to {most} due"
        );
        drop(listener);
    }
}

#[test]
fn lists_and_ports_decide_before_the_bucket() {
    let pair = lab::pair!();
    let directory = tempfile::tempdir().unwrap();
    let _nginx = pair.serve(directory.path());
    let options = [
        "--iface",
        "eth0",
        "--burst",
        "1",
        "--rate",
        "1/h",
        "--allow",
        "10.0.0.1",
        "--allow",
        "fd00:5::/64",
        "--deny",
        "10.0.0.2",
    ];
    let _defence = Defence::start(&pair, &options);
    for _ in 0..5 {
        assert!(pair.is_served("10.0.0.1"), "allowed");
        assert!(pair.is_served("fd00:5::1"), "allowed, IPv6");
    }
    assert!(!pair.is_served("10.0.0.2"), "denied from the first SYN on");
    assert!(pair.is_served("10.0.0.3"), "on no list: its one token");
    assert!(!pair.is_served("10.0.0.3"), "and none left");
}

#[test]
fn a_dry_run_counts_and_lets_everything_through() {
    let pair = lab::pair!();
    let directory = tempfile::tempdir().unwrap();
    let _nginx = pair.serve(directory.path());
    let options =
        ["--iface", "eth0", "--burst", "1", "--rate", "1/h", "--dry-run", "--deny", "10.0.0.2"];
    let defence = Defence::start(&pair, &options);
    assert!(defence.said.contains("dry run"), "{}", defence.said);
    for _ in 0..3 {
        assert!(pair.is_served("10.0.0.1"));
        assert!(pair.is_served("10.0.0.2"));
    }
    let ended = defence.signal(Signal::SIGINT);
    assert!(
        ended.stdout.contains("1 SYNs passed, 0 would be challenged, 5 would be dropped"),
        "{}",
        ended.stdout
    );
}

#[test]
fn unprotected_ports_are_never_limited() {
    let pair = lab::pair!();
    let directory = tempfile::tempdir().unwrap();
    let _nginx = pair.serve(directory.path());
    let options = ["--iface", "eth0", "--burst", "1", "--rate", "1/h", "--port", "22", "--port", "443"];
    let _defence = Defence::start(&pair, &options);
    for _ in 0..5 {
        assert!(pair.is_served("10.0.0.1"));
    }
}
