// SPDX-License-Identifier: GPL-2.0-only
//! What the program knows about its host follows the host.

use std::net::{IpAddr, Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::time::Duration;

use lab::defence::dump;
use lab::{cpu, wait_for};

use crate::setup::{Challenging, Cookies, PORT, SERVER, listen, with_both_cookies};

with_both_cookies!(
    addresses_come_and_go,
    the_mac_address_changes,
    without_cookies_it_says_so_and_lets_pass,
    many_addresses_come_and_go,
    settings_that_cannot_be_read_change_nothing,
);

const ADDED: IpAddr = IpAddr::V4(Ipv4Addr::new(10, 0, 0, 11));

/// Whether a connection is made quickly. Otherwise the SYN was dropped.
fn is_served(challenging: &Challenging, to: IpAddr) -> Option<()> {
    let to = SocketAddr::new(to, PORT);
    let connected =
        challenging.pair.client.enter(|| TcpStream::connect_timeout(&to, Duration::from_millis(300)));
    connected.ok().map(|_| ())
}

/// Somebody who listens at this port; the program knows it.
fn listening(challenging: &Challenging) -> TcpListener {
    let listener = listen(&challenging.pair, "::", |_| {});
    wait_for("the port to be known", || is_served(challenging, SERVER));
    listener
}

fn is_not_served(challenging: &Challenging, to: IpAddr) -> Option<()> {
    is_served(challenging, to).is_none().then_some(())
}

fn addresses_come_and_go(cookies: Cookies) {
    cpu::stay();
    let challenging = Challenging::new(cookies, &[]);
    let _listener = listening(&challenging);
    let pair = &challenging.pair;
    assert!(is_served(&challenging, SERVER).is_some());
    pair.server.run("ip", &["address", "add", "10.0.0.11/16", "dev", "eth0"]);
    wait_for("the new address to be served", || is_served(&challenging, ADDED));
    pair.server.run("ip", &["address", "del", "10.0.0.11/16", "dev", "eth0"]);
    wait_for("the address to be forgotten", || is_not_served(&challenging, ADDED));
    assert!(is_served(&challenging, SERVER).is_some(), "the others stay");
}

fn the_mac_address_changes(cookies: Cookies) {
    let challenging = Challenging::new(cookies, &[]);
    let _listener = listening(&challenging);
    let server = &challenging.pair.server;
    server.run("ip", &["link", "set", "dev", "eth0", "address", "02:00:00:00:77:77"]);
    wait_for("the new MAC to be served", || is_served(&challenging, SERVER));
    assert!(challenging.reasons()["challenge_sent"].as_u64() > Some(0));
}

/// The kernel takes no cookies then, of whomever. SYNs pass at a rate of their own.
fn without_cookies_it_says_so_and_lets_pass(cookies: Cookies) {
    let pair = lab::pair!();
    pair.set("net.ipv4.tcp_syncookies=0");
    let challenging = Challenging::on(pair, cookies, &["--unchallenged-rate", "2/h"]);
    // The only token.
    let _listener = listening(&challenging);
    cookies.set(&challenging.pair);
    if cookies == Cookies::Own {
        challenging.pair.set("net.ipv4.tcp_syncookies=1");
    }
    wait_for("cookies", || {
        is_served(&challenging, SERVER)?;
        (reason(&challenging, "challenge_sent") > 0).then_some(())
    });
    challenging.pair.set("net.ipv4.tcp_syncookies=0");
    wait_for("no cookies, and no token left", || is_not_served(&challenging, SERVER));
    wait_for("a warning at the start and one at the change", || {
        let warnings = challenging.defence.stderr().matches("net.ipv4.tcp_syncookies is 0").count();
        (warnings == 2).then_some(())
    });
    let reasons = challenging.reasons();
    assert_eq!(reasons["pass_unchallenged"], 1, "{reasons}");
    assert!(reasons["drop_unchallenged_rate"].as_u64() > Some(0), "{reasons}");
}

fn reason(challenging: &Challenging, name: &str) -> u64 {
    dump(&challenging.pair, &[])["reasons"][name].as_u64().unwrap()
}

/// Also while they are told to the program (`ip -batch` adds many in one of its looks).
fn many_addresses_come_and_go(cookies: Cookies) {
    let challenging = Challenging::new(cookies, &[]);
    let _listener = listening(&challenging);
    let server = &challenging.pair.server;
    let change_all = |verb: &str| {
        let directory = tempfile::tempdir().unwrap();
        let batch = directory.path().join("batch");
        let line = |n: u32| format!("address {verb} 10.9.{}.{}/32 dev eth0\n", n / 250, n % 250 + 1);
        std::fs::write(&batch, (0..1_500).map(line).collect::<String>()).unwrap();
        server.run("ip", &["-batch", batch.to_str().unwrap()]);
    };
    challenging.pair.client.run("ip", &["route", "add", "10.9.0.0/16", "dev", "eth0"]);
    change_all("add");
    let last = IpAddr::V4(Ipv4Addr::new(10, 9, 5, 250));
    wait_for("the last to be served", || is_served(&challenging, last));
    // An older one goes meanwhile.
    server.run("ip", &["address", "del", "10.9.0.1/32", "dev", "eth0"]);
    server.run("ip", &["address", "flush", "dev", "eth0", "to", "10.9.0.0/16"]);
    wait_for("the last to be forgotten", || is_not_served(&challenging, last));
    server.run("ip", &["address", "add", "10.0.0.11/16", "dev", "eth0"]);
    wait_for("the new address to be served", || is_served(&challenging, ADDED));
    assert!(is_served(&challenging, SERVER).is_some(), "the others stay");
    assert!(!challenging.defence.stderr().contains("fails"), "{}", challenging.defence.stderr());
}

/// What cannot be read is taken to be as before.
fn settings_that_cannot_be_read_change_nothing(cookies: Cookies) {
    let challenging = Challenging::new(cookies, &[]);
    let _listener = listening(&challenging);
    let said = |words: &str| challenging.defence.stderr().matches(words).count();
    let limit_files = |limit: &str| {
        let pid = challenging.defence.pid().to_string();
        let args = ["--pid", &pid, &format!("--nofile={limit}:1024")];
        challenging.pair.server.run("prlimit", &args);
    };
    limit_files("3");
    wait_for("two looks to fail", || (said("fails and is tried again") >= 2).then_some(()));
    assert!(is_served(&challenging, SERVER).is_some());
    assert_eq!(said("tcp_syncookies is 0"), 0, "{}", challenging.defence.stderr());
    limit_files("1024");
    let failed = || said("fails and is tried again");
    wait_for("all to work", || (said("works again") == failed()).then_some(()));
    assert!(is_served(&challenging, SERVER).is_some());
}
