// SPDX-License-Identifier: GPL-2.0-only
//! Where a server is and which way its answers go: as without a challenge.

use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use lab::netns::connect as join;
use lab::pair::Pair;
use lab::stranger::Stranger;
use lab::{pass, wait_for};

use crate::setup::{Challenging, Cookies, PORT, SERVER, listen, server6, with_both_cookies};

with_both_cookies!(
    addresses_of_local_routes,
    behind_a_bridge,
    the_mss_is_the_least_of_route_interface_and_listener,
    answers_go_to_the_next_hop,
    a_source_of_another_interface,
);

/// Asserts that these addresses are served by cookie, with a listener on any address.
fn assert_challenged(challenging: Challenging, addresses: &[IpAddr]) {
    let _listener = listen(&challenging.pair, "::", |_| {});
    for &to in addresses {
        let from = if to.is_ipv4() { "10.0.0.1" } else { "fd00:5::1" };
        let connected = challenging.connect_from(from, to, PORT);
        assert!(connected.is_ok(), "{to}: {connected:?}");
    }
    let reasons = challenging.reasons();
    assert_eq!(reasons["challenge_sent"], addresses.len(), "{reasons}");
}

/// As load balancers of clouds and AnyIP use them. Some come while it runs.
fn addresses_of_local_routes(cookies: Cookies) {
    let pair = cookies.pair();
    pair.client.run("ip", &["route", "add", "203.0.113.0/24", "via", Pair::SERVER]);
    pair.client.run("ip", &["route", "add", "198.51.100.0/24", "via", Pair::SERVER]);
    pair.client.run("ip", &["route", "add", "2001:db8:a::/64", "via", Pair::SERVER6]);
    pair.server.run("ip", &["route", "add", "local", "203.0.113.0/24", "dev", "lo"]);
    pair.server.run("ip", &["route", "add", "local", "2001:db8:a::/64", "dev", "lo"]);
    let challenging = Challenging::on(pair, cookies, &[]);
    let later = ["route", "add", "to", "local", "198.51.100.5", "scope", "host", "dev", "eth0"];
    challenging.pair.server.run("ip", &[&later[..], &["proto", "66"]].concat());
    let addresses = ["203.0.113.5", "203.0.113.77", "2001:db8:a::1:7", "198.51.100.5"]
        .map(|each| each.parse().unwrap());
    assert_challenged(challenging, &addresses);
}

/// The protected interface is a port of a bridge, and the server's addresses are on the bridge.
fn behind_a_bridge(cookies: Cookies) {
    for mode in ["native", "skb"] {
        let pair = cookies.pair();
        let server = &pair.server;
        server.run("ip", &["link", "add", "br0", "type", "bridge"]);
        server.run("ip", &["address", "flush", "dev", "eth0"]);
        server.run("ip", &["link", "set", "eth0", "master", "br0"]);
        server.run("ip", &["link", "set", "br0", "up"]);
        server.run("ip", &["address", "add", "10.0.0.10/16", "dev", "br0"]);
        server.run("ip", &["address", "add", "fd00:5::10/64", "dev", "br0", "nodad"]);
        assert_challenged(Challenging::on(pair, cookies, &["--mode", mode]), &[SERVER, server6()]);
    }
}

/// A client at this address, over the same link or behind a router.
fn stranger(pair: &Pair, from: &str, port: u16) -> Stranger {
    let from: IpAddr = from.parse().unwrap();
    let to = if from.is_ipv4() { SERVER } else { server6() };
    Stranger::new(pair, SocketAddr::new(from, port), SocketAddr::new(to, PORT))
}

/// Compared with the kernel's own answers.
fn the_mss_is_the_least_of_route_interface_and_listener(cookies: Cookies) {
    const CLIENTS: [&str; 4] = ["10.0.9.9", "198.51.100.9", "203.0.113.9", "fd00:5::99"];
    let route = |pair: &Pair, words: &[&str]| {
        let via = ["via", "10.0.0.1", "dev", "eth0"];
        pair.server.run("ip", &[&["route", "add"], &words[..1], &via, &words[1..]].concat());
    };
    for (mtu, max_mss) in [("1500", None), ("1400", None), ("1500", Some(1000))] {
        let pair = cookies.pair();
        pair.server.run("ip", &["link", "set", "eth0", "mtu", mtu]);
        route(&pair, &["default", "advmss", "1300"]);
        route(&pair, &["198.51.100.0/24", "advmss", "1200"]);
        let _listener = listen(&pair, "::", |socket| {
            if let Some(mss) = max_mss {
                socket.set_tcp_mss(mss).unwrap();
            }
        });
        // The kernel's answer is ordinary, or by cookie.
        let mss = |pair: &Pair, port| CLIENTS.map(|from| stranger(pair, from, port).connect().mss());
        let pass = pass::attach(&pair.client, "eth0");
        let ordinary = mss(&pair, 40_000);
        drop(pass);
        let challenging = Challenging::on(pair, cookies, &[]);
        assert_eq!(mss(&challenging.pair, 40_001), ordinary, "MTU {mtu}, TCP_MAXSEG {max_mss:?}");
        let reasons = challenging.reasons();
        assert_eq!(reasons["challenge_sent"], CLIENTS.len(), "{reasons}");
    }
}

/// And not to whoever the SYN came from.
fn answers_go_to_the_next_hop(cookies: Cookies) {
    let pair = cookies.pair();
    let gateway = |ip: &str, mac: &str| {
        pair.server.run("ip", &["neighbour", "replace", ip, "lladdr", mac, "dev", "eth0"]);
    };
    gateway("10.0.0.201", "02:00:00:00:00:c9");
    gateway("10.0.0.202", "02:00:00:00:00:ca");
    gateway("fd00:5::201", "02:00:00:00:00:cb");
    pair.server.run("ip", &["route", "add", "default", "via", "10.0.0.201"]);
    pair.server.run("ip", &["route", "add", "198.51.100.0/24", "via", "10.0.0.202"]);
    pair.server.run("ip", &["-6", "route", "add", "default", "via", "fd00:5::201"]);
    let challenging = Challenging::on(pair, cookies, &[]);
    let _listener = listen(&challenging.pair, "::", |_| {});
    for (from, last) in
        [("203.0.113.9", 0xc9), ("198.51.100.9", 0xca), ("2001:db8::9", 0xcb), ("10.0.9.9", 1)]
    {
        let answer = stranger(&challenging.pair, from, 40_000).connect();
        assert_eq!(answer.mac, [2, 0, 0, 0, 0, last], "{from}");
    }
    // Another router takes over.
    let default = ["route", "replace", "default", "via", "10.0.0.202"];
    challenging.pair.server.run("ip", &default);
    wait_for("the new next hop", || {
        let answer = stranger(&challenging.pair, "203.0.113.9", 40_001).connect();
        (answer.mac == [2, 0, 0, 0, 0, 0xca]).then_some(())
    });
    assert!(challenging.reasons()["challenge_sent"].as_u64() >= Some(5));
}

/// With a strict rp_filter the kernel drops what comes by the wrong interface. Without, it answers by the
/// right one, which a challenge cannot.
fn a_source_of_another_interface(cookies: Cookies) {
    for (filter, reason) in [("1", "drop_other_interface"), ("0", "pass_unchallenged")] {
        let pair = cookies.pair();
        join(&pair.client, "eth1", &pair.server, "eth1");
        pair.server.run("ip", &["address", "add", "10.50.0.10/16", "dev", "eth1"]);
        pair.set("net.ipv4.conf.all.rp_filter=0");
        pair.set(&format!("net.ipv4.conf.eth0.rp_filter={filter}"));
        let challenging = Challenging::on(pair, cookies, &[]);
        let _listener = listen(&challenging.pair, "::", |_| {});
        let here = stranger(&challenging.pair, "10.0.9.9", 40_000);
        assert!(here.connect().is_synack, "the listener is known");
        let inside = stranger(&challenging.pair, "10.50.9.9", 40_000);
        inside.send_syn();
        assert_eq!(inside.answer(Duration::from_millis(300)), None, "rp_filter {filter}");
        let reasons = challenging.reasons();
        assert_eq!(reasons[reason], 1, "rp_filter {filter}: {reasons}");
    }
}
