// SPDX-License-Identifier: GPL-2.0-only
//! Challenges over other networks than two plain veths.

use std::env;
use std::io::{Read, Write};
use std::net::{IpAddr, Ipv4Addr, TcpStream};
use std::time::Duration;

use etherparse::{NetSlice, SlicedPacket, TransportSlice};
use lab::pair::Pair;
use lab::wire::Wire;

use crate::setup::{Challenging, Cookies, PORT, SERVER, listen, with_both_cookies};

/// Asserts that a client connects and its data arrives, after an answer with correct checksums.
fn is_challenged(challenging: Challenging, interface: &str, from: &str, to: IpAddr) {
    let listener = listen(&challenging.pair, "::", |_| {});
    let wire = Wire::open(&challenging.pair.client, interface).unwrap();
    let mut client = challenging.connect_from(from, to, PORT).unwrap();
    let answer = wire.receive(Duration::from_secs(5), |frame| is_synack(frame) == Some(true));
    assert_right_checksums(&answer.expect("an answer"));
    client.write_all(b"heard").unwrap();
    let mut server: TcpStream = listener.accept().unwrap().0;
    let mut word = [0; 5];
    server.read_exact(&mut word).unwrap();
    assert_eq!(&word, b"heard");
    assert_eq!(challenging.reasons()["challenge_sent"], 1);
}

fn is_synack(frame: &[u8]) -> Option<bool> {
    match SlicedPacket::from_ethernet(frame).ok()?.transport? {
        TransportSlice::Tcp(tcp) => Some(tcp.syn() && tcp.ack() && tcp.source_port() == PORT),
        _ => None,
    }
}

fn assert_right_checksums(frame: &[u8]) {
    let packet = SlicedPacket::from_ethernet(frame).unwrap();
    let (Some(NetSlice::Ipv4(ip)), Some(TransportSlice::Tcp(tcp))) = (packet.net, packet.transport)
    else {
        panic!("no TCP over IPv4: {frame:x?}");
    };
    let ip = ip.header().to_header();
    assert_eq!(ip.header_checksum, ip.calc_header_checksum());
    assert_eq!(tcp.checksum(), tcp.calc_checksum_ipv4(ip.source, ip.destination).unwrap());
}

with_both_cookies!(with_and_without_checksum_offload);

/// If the sender leaves the checksum to its NIC, the SYN arrives with only a partial checksum.
fn with_and_without_checksum_offload(cookies: Cookies) {
    for mode in ["native", "skb"] {
        for offload in ["on", "off"] {
            let pair = cookies.pair();
            for host in [&pair.client, &pair.server] {
                host.run("ethtool", &["-K", "eth0", "tx", offload]);
            }
            is_challenged(
                Challenging::on(pair, cookies, &["--mode", mode]),
                "eth0",
                "10.0.0.1",
                SERVER,
            );
        }
    }
}

/// The tag may be in the frame, or the kernel may keep it beside the frame.
fn a_client_in_a_vlan(cookies: Cookies) {
    for (mode, offload) in [("native", "off"), ("skb", "off"), ("skb", "on")] {
        let pair = cookies.pair();
        for (host, address) in [(&pair.client, "10.5.0.1/24"), (&pair.server, "10.5.0.10/24")] {
            host.run("ethtool", &["-K", "eth0", "txvlan", offload, "rxvlan", offload]);
            host.run("ip", &["link", "add", "link", "eth0", "vlan5", "type", "vlan", "id", "5"]);
            host.run("ip", &["link", "set", "vlan5", "up"]);
            host.run("ip", &["address", "add", address, "dev", "vlan5"]);
        }
        let server = IpAddr::V4(Ipv4Addr::new(10, 5, 0, 10));
        is_challenged(Challenging::on(pair, cookies, &["--mode", mode]), "vlan5", "10.5.0.1", server);
    }
}

/// SYNFLOOD_NICS: the names of two NICs on one wire. The test uses them exclusively.
fn through_a_nic(cookies: Cookies) {
    let nics = env::var("SYNFLOOD_NICS").expect("two NICs in SYNFLOOD_NICS");
    let (client, server) = nics.split_once(' ').expect("two NICs in SYNFLOOD_NICS");
    for mode in ["native", "skb"] {
        let pair = Pair::on_nics(lab::binary!(), client, server);
        cookies.set(&pair);
        let challenging = Challenging::on(pair, cookies, &["--mode", mode]);
        is_challenged(challenging, "eth0", "10.0.0.1", SERVER);
    }
}

with_both_cookies!(
    #[ignore = "needs VLAN devices, which not every kernel has: make test-kernels"]
    a_client_in_a_vlan,
    #[ignore = "needs two NICs to itself: make test-kernels"]
    through_a_nic,
);
