// SPDX-License-Identifier: GPL-2.0-only
//! Notifications of changes.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

use lab::netns::{Netns, connect};
use lab::wait_for;
use synflood_xdp::kernel::netlink::watch;

/// Counts the notifications of a host.
fn count(host: &Netns) -> Arc<AtomicU64> {
    let count = Arc::new(AtomicU64::new(0));
    let counted = Arc::clone(&count);
    let notify = move || {
        counted.fetch_add(1, Ordering::Relaxed);
    };
    host.enter(|| watch(notify).unwrap());
    count
}

#[test]
fn each_kind_of_change_is_told() {
    let (host, other) = (Netns::new("host"), Netns::new("other"));
    connect(&host, "eth0", &other, "eth0");
    host.run("ip", &["address", "add", "10.0.0.10/16", "dev", "eth0"]);
    host.run("ip", &["address", "add", "fd00:5::10/64", "dev", "eth0", "nodad"]);
    for command in [
        "link set lo mtu 60000",
        "address add 10.0.0.11/16 dev eth0",
        "address add fd00:5::11/64 dev eth0 nodad",
        "route add 192.0.2.0/24 via 10.0.0.1",
        "-6 route add 2001:db8:1::/64 via fd00:5::1",
        "rule add from 10.0.0.0/8 table 7",
        "-6 rule add from fd00::/8 table 7",
        "neighbour add 10.0.0.1 lladdr 02:00:00:00:00:01 nud permanent dev eth0",
    ] {
        let told = count(&host);
        let words: Vec<_> = command.split(' ').collect();
        host.run("ip", &words);
        wait_for(command, || (told.load(Ordering::Relaxed) > 0).then_some(()));
    }
}

#[test]
fn many_changes_are_told_once_a_second() {
    let (host, other) = (Netns::new("host"), Netns::new("other"));
    connect(&host, "eth0", &other, "eth0");
    let told = count(&host);
    let began = Instant::now();
    let mut changes = 0;
    while began.elapsed().as_secs() < 3 {
        let mac = format!("02:00:00:00:00:{changes:02x}");
        let neighbour = ["10.0.0.1", "lladdr", &mac, "nud", "permanent", "dev", "eth0"];
        host.run("ip", &[&["neighbour", "replace"], &neighbour[..]].concat());
        changes = (changes + 1) % 256;
    }
    let told = told.load(Ordering::Relaxed);
    let seconds = began.elapsed().as_secs();
    assert!((2..=seconds + 1).contains(&told), "{told} in {seconds} s");
}
