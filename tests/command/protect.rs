// SPDX-License-Identifier: GPL-2.0-only
//! End to end: how many SYNs of a source reach the server's stack.

use std::env;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::time::{Duration, Instant};

use etherparse::EtherType;
use lab::defence::{Defence, dump, source};
use lab::frames::{ipv4, ipv6, tagged};
use lab::pair::Pair;
use lab::{wait_for, wire};
use nix::sys::signal::Signal;

/// A port without a listener: the server answers RST, and no connection stays half open.
const CLOSED_PORT: u16 = 9;

/// A SYN to the pair's server.
fn syn(from: IpAddr) -> Vec<u8> {
    match from {
        IpAddr::V4(from) => ipv4(|ip, tcp| {
            (ip.source, ip.destination) = (from.octets(), [10, 0, 0, 10]);
            tcp.destination_port = CLOSED_PORT;
        }),
        IpAddr::V6(from) => ipv6(&[], |ip, tcp| {
            ip.source = from.octets();
            ip.destination = Pair::SERVER6.parse::<Ipv6Addr>().unwrap().octets();
            tcp.destination_port = CLOSED_PORT;
        }),
    }
}

/// The frame as a broadcast, so that no neighbour entry is needed.
fn broadcast(mut frame: Vec<u8>) -> Vec<u8> {
    frame[..6].fill(0xff);
    frame
}

/// How many SYNs of this source the program has judged.
fn judged(pair: &Pair, name: &str) -> u64 {
    let dump = dump(pair, &["--all"]);
    source(&dump, name)
        .map_or(0, |line| line["passed"].as_u64().unwrap() + line["dropped"].as_u64().unwrap())
}

fn hping3(pair: &Pair, from: &str, count: u32) {
    let args = [
        "-q",
        "-c",
        &count.to_string(),
        "-i",
        "u200",
        "-S",
        "-p",
        &CLOSED_PORT.to_string(),
        "-a",
        from,
        Pair::SERVER,
    ];
    // hping3 exits with 1 if no answer comes, which does not matter here.
    pair.client.command("hping3", &args).output().unwrap();
}

/// Burst 5 and rate 1, against 50 SYNs at once and then 20 per second. Never more than burst + rate ×
/// time may pass, and that much must pass if enough SYNs come.
fn burst_then_rate(pair: &Pair, mode: &str, from: &str, source_name: &str, send_burst: impl Fn(&Pair)) {
    const BURST: u64 = 5;
    let defence =
        Defence::start(pair, &["--iface", "eth0", "--burst", "5", "--rate", "1", "--mode", mode]);
    assert!(defence.said.contains(&format!("eth0 ({mode})")), "{}", defence.said);

    let start = Instant::now();
    send_burst(pair);
    wait_for("50 SYNs to be judged", || (judged(pair, source_name) == 50).then_some(()));
    let arrived = pair.arrived(from);
    let most = BURST + start.elapsed().as_secs();
    assert!((BURST..=most).contains(&arrived), "{arrived} of 50 arrived, {BURST} to {most} were due");

    // 20 SYNs per second, not synchronised with the bucket's refills.
    let frame = broadcast(syn(from.parse().unwrap()));
    let mut sent = 50;
    let asking = Instant::now();
    while asking.elapsed().as_secs_f64() < 4.5 {
        wire::send(&pair.client, "eth0", std::slice::from_ref(&frame));
        sent += 1;
        std::thread::sleep(Duration::from_millis(50));
    }
    wait_for("all to be judged", || (judged(pair, source_name) == sent).then_some(()));
    let arrived = pair.arrived(from);
    let most = BURST + start.elapsed().as_secs();
    // Three tokens more since this loop began: the last SYN came half a second after the fourth token.
    let least = BURST + 3;
    assert!((least..=most).contains(&arrived), "{arrived} arrived, {least} to {most} were due");
}

#[test]
fn burst_then_rate_native_ipv4_by_hping3() {
    burst_then_rate(&lab::pair!(), "native", "10.0.7.1", "10.0.7.1", |pair| {
        hping3(pair, "10.0.7.1", 50)
    });
}

#[test]
fn burst_then_rate_skb_ipv4_by_hping3() {
    burst_then_rate(&lab::pair!(), "skb", "10.0.7.1", "10.0.7.1", |pair| hping3(pair, "10.0.7.1", 50));
}

fn fifty(from: &str) -> Vec<Vec<u8>> {
    vec![broadcast(syn(from.parse().unwrap())); 50]
}

#[test]
fn burst_then_rate_native_ipv6() {
    burst_then_rate(&lab::pair!(), "native", "fd00:5::99", "fd00:5::/64", |pair| {
        wire::send(&pair.client, "eth0", &fifty("fd00:5::99"));
    });
}

#[test]
fn burst_then_rate_skb_ipv6() {
    burst_then_rate(&lab::pair!(), "skb", "fd00:5::99", "fd00:5::/64", |pair| {
        wire::send(&pair.client, "eth0", &fifty("fd00:5::99"));
    });
}

/// VLAN 0 only carries a priority. Linux unwraps it without a VLAN device, so an attacker can use it.
#[test]
fn tagged_frames_are_limited_like_others() {
    let tags = [
        vec![EtherType::VLAN_TAGGED_FRAME],
        vec![EtherType::PROVIDER_BRIDGING, EtherType::VLAN_TAGGED_FRAME],
    ];
    for mode in ["native", "skb"] {
        let pair = lab::pair!();
        let options = ["--iface", "eth0", "--burst", "5", "--rate", "1/h", "--mode", mode];
        let _defence = Defence::start(&pair, &options);
        for (host, tags) in (1..).zip(&tags) {
            let from = Ipv4Addr::new(10, 0, 7, host);
            let frame = broadcast(tagged(tags, syn(from.into())));
            wire::send(&pair.client, "eth0", &vec![frame; 50]);
            wait_for("50 SYNs to be judged", || (judged(&pair, &from.to_string()) == 50).then_some(()));
            assert_eq!(pair.arrived(&from.to_string()), 5, "{mode}, {} tags", tags.len());
        }
        let three = [EtherType::VLAN_TAGGED_FRAME; 3];
        let frame = broadcast(tagged(&three, syn(Ipv4Addr::new(10, 0, 7, 3).into())));
        wire::send(&pair.client, "eth0", &[frame, broadcast(syn(Ipv4Addr::new(10, 0, 7, 4).into()))]);
        wait_for("the SYN after it", || (judged(&pair, "10.0.7.4") == 1).then_some(()));
        assert_eq!(pair.arrived("10.0.7.3"), 0, "{mode}: a third tag is evasion");
    }
}

/// The kernel may keep a VLAN tag in the frame or beside it. The VLAN device may also be the protected
/// one.
#[test]
#[ignore = "needs VLAN devices, which not every kernel has: make test-kernels"]
fn what_reaches_a_vlan_device_is_limited() {
    const FROM: &str = "10.0.7.1";
    for (interface, mode, offload) in [
        ("eth0", "native", "off"),
        ("eth0", "native", "on"),
        ("eth0", "skb", "off"),
        ("eth0", "skb", "on"),
        ("vlan5", "skb", "on"),
    ] {
        let pair = lab::pair!();
        for host in [&pair.client, &pair.server] {
            host.run("ethtool", &["-K", "eth0", "txvlan", offload]);
            host.run("ip", &["link", "add", "link", "eth0", "vlan5", "type", "vlan", "id", "5"]);
            host.run("ip", &["link", "set", "vlan5", "up"]);
        }
        let options = ["--iface", interface, "--burst", "5", "--rate", "1/h", "--mode", mode];
        let defence = Defence::start(&pair, &options);
        wire::send(&pair.client, "vlan5", &fifty(FROM));
        wait_for("50 SYNs to be judged", || (judged(&pair, FROM) == 50).then_some(()));
        // Only vlan5 accepts frames of VLAN 5.
        assert_eq!(pair.arrived(FROM), 5, "{mode} on {interface}, VLAN offload {offload}");
        assert_eq!(defence.signal(Signal::SIGINT).status.code(), Some(0));
        assert_eq!(pair.server.xdp(interface), None);
    }
}

/// SYNFLOOD_NICS: the names of two NICs on one wire. The test uses them exclusively.
#[test]
#[ignore = "needs two NICs to itself: make test-kernels"]
fn a_nic_is_protected_in_its_driver() {
    let nics = env::var("SYNFLOOD_NICS").expect("two NICs in SYNFLOOD_NICS");
    let (client, server) = nics.split_once(' ').expect("two NICs in SYNFLOOD_NICS");
    let pair = Pair::on_nics(lab::binary!(), client, server);
    let defence = Defence::start(&pair, &["--iface", "eth0", "--mode", "native"]);
    assert_eq!(pair.server.xdp("eth0"), Some("xdp"));
    assert_eq!(defence.signal(Signal::SIGINT).status.code(), Some(0));
    assert_eq!(pair.server.xdp("eth0"), None);
    burst_then_rate(&pair, "native", "10.0.7.1", "10.0.7.1", |pair| {
        wire::send(&pair.client, "eth0", &fifty("10.0.7.1"));
    });
}
