// SPDX-License-Identifier: GPL-2.0-only
//! A stateful firewall, to which a challenged connection begins with an ACK.

use std::io::{Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::thread;
use std::time::Duration;

use lab::defence::Defence;
use lab::pair::Pair;
use nix::sys::signal::Signal;
use socket2::{Domain, Socket, Type};

use crate::setup::{PORT, SERVER, listen};

/// As Debian's servers have it.
const RULES: &str = "table inet firewall {
    chain input {
        type filter hook input priority 0; policy drop;
        ct state established,related accept
        ct state invalid drop
        meta l4proto { icmp, ipv6-icmp } accept
        tcp dport 8080 ct state new accept
    }
}";

const CLIENT: Ipv4Addr = Ipv4Addr::new(10, 0, 0, 1);

/// Whether a client gets an answer over a connection from this port. It ends the connection first, and leaves
/// no socket.
fn is_served_from(pair: &Pair, port: u16) -> bool {
    pair.client.enter(|| {
        let ask = || -> std::io::Result<Vec<u8>> {
            let socket = Socket::new(Domain::IPV4, Type::STREAM, None)?;
            socket.set_reuse_address(true)?;
            socket.bind(&SocketAddr::from((CLIENT, port)).into())?;
            socket.connect_timeout(&SocketAddr::new(SERVER, PORT).into(), Duration::from_secs(2))?;
            let mut stream: TcpStream = socket.into();
            stream.set_read_timeout(Some(Duration::from_secs(2)))?;
            stream.write_all(b"?")?;
            let mut answer = vec![0; 1];
            stream.read_exact(&mut answer)?;
            Ok(answer)
        };
        ask().is_ok_and(|answer| answer == b"!")
    })
}

/// netfilter remembers a connection for two minutes after its end. It would take the ACK of the next one from the
/// same port for an invalid segment of the old one.
#[test]
fn a_client_comes_back_from_a_port_that_the_firewall_remembers() {
    let pair = lab::pair!();
    pair.server.run("nft", &[RULES]);
    pair.client.run("sysctl", &["-qw", "net.ipv4.tcp_max_tw_buckets=0"]);
    let listener = listen(&pair, "10.0.0.10", |_| {});
    thread::spawn(move || {
        for stream in listener.incoming().map_while(Result::ok) {
            let mut stream = stream;
            // Until the client ends it.
            while stream.read(&mut [0; 8]).is_ok_and(|len| len > 0 && stream.write_all(b"!").is_ok()) {}
        }
    });
    let ports = 45_000..45_010;
    assert!(ports.clone().all(|port| is_served_from(&pair, port)), "without a challenge");

    let _pass = lab::pass::attach(&pair.client, "eth0");
    let options = ["--iface", "eth0", "--cookies", "own", "--pass-rate", "1/h"];
    let defence = Defence::start(&pair, &options);
    let served = ports.clone().filter(|&port| is_served_from(&pair, port)).count();
    assert_eq!(served, ports.len());
    let ended = defence.signal(Signal::SIGTERM);
    let redeemed = ended.stdout.lines().find_map(|line| line.trim().strip_prefix("answer_redeemed"));
    let redeemed = redeemed.and_then(|count| count.trim().parse::<usize>().ok());
    assert!(redeemed.is_some_and(|count| count + 1 >= ports.len()), "by cookie: {}", ended.stdout);
}
