// SPDX-License-Identifier: GPL-2.0-only
//! What the program knows about its host follows the host.

use std::net::{IpAddr, Ipv4Addr, SocketAddr, TcpStream};
use std::time::Duration;

use lab::{cpu, wait_for};

use crate::setup::{Challenging, PORT, SERVER, listen};

const ADDED: IpAddr = IpAddr::V4(Ipv4Addr::new(10, 0, 0, 11));

/// Whether a connection is made quickly. Otherwise the SYN was dropped.
fn is_served(challenging: &Challenging, to: IpAddr) -> Option<()> {
    let to = SocketAddr::new(to, PORT);
    let connected =
        challenging.pair.client.enter(|| TcpStream::connect_timeout(&to, Duration::from_millis(300)));
    connected.ok().map(|_| ())
}

fn is_not_served(challenging: &Challenging, to: IpAddr) -> Option<()> {
    is_served(challenging, to).is_none().then_some(())
}

#[test]
fn addresses_come_and_go() {
    cpu::stay();
    let challenging = Challenging::new(&[]);
    let _listener = listen(&challenging.pair, "::", |_| {});
    let pair = &challenging.pair;
    assert!(is_served(&challenging, SERVER).is_some());
    pair.server.run("ip", &["address", "add", "10.0.0.11/16", "dev", "eth0"]);
    wait_for("the new address to be served", || is_served(&challenging, ADDED));
    pair.server.run("ip", &["address", "del", "10.0.0.11/16", "dev", "eth0"]);
    wait_for("the address to be forgotten", || is_not_served(&challenging, ADDED));
    assert!(is_served(&challenging, SERVER).is_some(), "the others stay");
}

#[test]
fn the_mac_address_changes() {
    let challenging = Challenging::new(&[]);
    let _listener = listen(&challenging.pair, "::", |_| {});
    let server = &challenging.pair.server;
    server.run("ip", &["link", "set", "dev", "eth0", "address", "02:00:00:00:77:77"]);
    wait_for("the new MAC to be served", || is_served(&challenging, SERVER));
    assert!(challenging.reasons()["challenge_sent"].as_u64() > Some(0));
}

#[test]
fn without_cookies_it_says_so_and_drops() {
    let pair = lab::pair!();
    pair.set("net.ipv4.tcp_syncookies=0");
    let challenging = Challenging::on(pair, &[]);
    let _listener = listen(&challenging.pair, "::", |_| {});
    assert!(is_not_served(&challenging, SERVER).is_some());
    challenging.pair.set("net.ipv4.tcp_syncookies=2");
    wait_for("cookies", || is_served(&challenging, SERVER));
    challenging.pair.set("net.ipv4.tcp_syncookies=0");
    wait_for("no cookies", || is_not_served(&challenging, SERVER));
    wait_for("a warning at the start and one at the change", || {
        let warnings = challenging.defence.stderr().matches("net.ipv4.tcp_syncookies is 0").count();
        (warnings == 2).then_some(())
    });
}

/// The program has room for a thousand more addresses than there were at its start.
#[test]
fn too_many_addresses_are_said_once_and_forgotten_again() {
    let challenging = Challenging::new(&[]);
    let _listener = listen(&challenging.pair, "::", |_| {});
    let server = &challenging.pair.server;
    let change_all = |verb: &str| {
        let directory = tempfile::tempdir().unwrap();
        let batch = directory.path().join("batch");
        let line = |n: u32| format!("address {verb} 10.9.{}.{}/32 dev eth0\n", n / 250, n % 250 + 1);
        std::fs::write(&batch, (0..1_500).map(line).collect::<String>()).unwrap();
        server.run("ip", &["-batch", batch.to_str().unwrap()]);
    };
    let said = |words: &str| challenging.defence.stderr().matches(words).count();
    let failure = "telling the program this host's addresses fails and is tried again: SYNs to some \
                   addresses cannot be challenged: there is no room for more of them";
    change_all("add");
    wait_for("a warning", || (said(failure) > 0).then_some(()));
    // Changes in the meantime reach the program if it has room for them.
    server.run("ip", &["address", "del", "10.9.0.1/32", "dev", "eth0"]);
    server.run("ip", &["address", "flush", "dev", "eth0", "to", "10.9.0.0/16"]);
    wait_for("room", || (said("this host's addresses works again") == 1).then_some(()));
    server.run("ip", &["address", "add", "10.0.0.11/16", "dev", "eth0"]);
    wait_for("the new address to be served", || is_served(&challenging, ADDED));
    assert!(is_served(&challenging, SERVER).is_some(), "the others stay");
    assert_eq!(said(failure), 1, "{}", challenging.defence.stderr());
}

/// What cannot be read is taken to be as before.
#[test]
fn settings_that_cannot_be_read_change_nothing() {
    let challenging = Challenging::new(&[]);
    let _listener = listen(&challenging.pair, "::", |_| {});
    assert!(is_served(&challenging, SERVER).is_some());
    let said = |words: &str| challenging.defence.stderr().matches(words).count();
    let limit_files = |limit: &str| {
        let pid = challenging.defence.pid().to_string();
        let args = ["--pid", &pid, &format!("--nofile={limit}:1024")];
        challenging.pair.server.run("prlimit", &args);
    };
    limit_files("3");
    wait_for("two looks to fail", || (said("fails and is tried again") == 2).then_some(()));
    assert!(is_served(&challenging, SERVER).is_some());
    assert_eq!(said("tcp_syncookies is 0"), 0, "{}", challenging.defence.stderr());
    limit_files("1024");
    wait_for("both to work", || (said("works again") == 2).then_some(()));
    assert!(is_served(&challenging, SERVER).is_some());
}
