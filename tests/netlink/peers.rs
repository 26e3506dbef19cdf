// SPDX-License-Identifier: GPL-2.0-only
//! The other ends of connections.

use std::collections::BTreeSet;
use std::net::{IpAddr, SocketAddr, TcpListener, TcpStream};

use lab::netns::Netns;
use lab::pair::Pair;
use lab::wait_for;
use socket2::{Domain, Socket, Type};
use synflood_xdp::kernel::netlink::for_each_peer;

/// With each peer of a host as often as there is a socket.
fn peers(host: &Netns) -> Vec<IpAddr> {
    host.enter(|| {
        let mut found = Vec::new();
        for_each_peer(|peer| found.push(peer)).unwrap();
        found.sort();
        found
    })
}

fn ip(text: &str) -> IpAddr {
    text.parse().unwrap()
}

fn connect(pair: &Pair, from: &str, to: &str) -> TcpStream {
    let socket = started(pair, from, to);
    socket.set_nonblocking(false).unwrap();
    wait_for("the connection", || socket.peer_addr().ok());
    socket.into()
}

/// A connection that has just begun.
fn started(pair: &Pair, from: &str, to: &str) -> Socket {
    pair.client.enter(|| {
        let from = SocketAddr::new(ip(from), 0);
        let socket = Socket::new(Domain::for_address(from), Type::STREAM, None).unwrap();
        socket.bind(&from.into()).unwrap();
        socket.set_nonblocking(true).unwrap();
        let _in_progress = socket.connect(&SocketAddr::new(ip(to), 80).into());
        socket
    })
}

/// Waits until the server has a socket with this peer in this state, as `ss` names it.
fn wait_for_state(pair: &Pair, peer: &str, state: &str) {
    wait_for(&format!("{peer} in {state}"), || {
        let shown = pair.server.run("ss", &["-Htn", "state", state]);
        let is_there = shown.contains(&format!("{peer}]:")) || shown.contains(&format!("{peer}:"));
        is_there.then_some(())
    });
}

#[test]
fn host_without_connections_has_no_peers() {
    let host = Netns::new("host");
    let _listeners =
        host.enter(|| ["127.0.0.1:80", "[::1]:80"].map(|at| TcpListener::bind(at).unwrap()));
    assert_eq!(peers(&host), Vec::<IpAddr>::new());
}

#[test]
fn every_state_has_a_peer() {
    let pair = lab::pair!();
    // A dual-stack socket, so that IPv4 comes as ::ffff:10.0.0.1.
    let listener = pair.server.enter(|| TcpListener::bind("[::]:80").unwrap());
    let accept = || listener.accept().unwrap().0;

    let open = [connect(&pair, "10.0.0.1", Pair::SERVER), connect(&pair, "fd00:5::1", Pair::SERVER6)];
    let served = [accept(), accept()];
    wait_for_state(&pair, "10.0.0.1", "established");
    wait_for_state(&pair, "fd00:5::1", "established");

    // The server closes first; one client closes too, one does not.
    let ended = connect(&pair, "10.0.0.2", Pair::SERVER);
    drop(accept());
    drop(ended);
    wait_for_state(&pair, "10.0.0.2", "time-wait");
    let half_closed = connect(&pair, "fd00:5::2", Pair::SERVER6);
    drop(accept());
    wait_for_state(&pair, "fd00:5::2", "fin-wait-2");

    // The client closes first, and the server does not.
    drop(connect(&pair, "10.0.0.3", Pair::SERVER));
    let unclosed = accept();
    wait_for_state(&pair, "10.0.0.3", "close-wait");

    pair.client.run("nft", &["add table inet deaf"]);
    pair.client.run("nft", &["add chain inet deaf in { type filter hook input priority 0; }"]);
    pair.client.run("nft", &["add rule inet deaf in tcp flags & (syn | ack) == syn | ack drop"]);
    let half_open =
        [started(&pair, "10.0.0.4", Pair::SERVER), started(&pair, "fd00:5::4", Pair::SERVER6)];
    wait_for_state(&pair, "10.0.0.4", "syn-recv");
    wait_for_state(&pair, "fd00:5::4", "syn-recv");

    let all = ["10.0.0.1", "10.0.0.2", "10.0.0.3", "10.0.0.4", "fd00:5::1", "fd00:5::2", "fd00:5::4"];
    assert_eq!(peers(&pair.server), all.map(ip));

    // The client's own, of which two have only just begun.
    let seen: BTreeSet<_> = peers(&pair.client).into_iter().collect();
    assert_eq!(seen, BTreeSet::from([Pair::SERVER, Pair::SERVER6].map(ip)));
    drop((open, served, half_closed, unclosed, half_open));
}

#[test]
fn socket_without_a_peer_has_none() {
    let host = Netns::new("host");
    let _bound = host.enter(|| {
        let socket = Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
        socket.bind(&"127.0.0.1:80".parse::<SocketAddr>().unwrap().into()).unwrap();
        socket
    });
    assert_eq!(peers(&host), Vec::<IpAddr>::new());
}

#[test]
fn ipv4_socket_has_an_ipv4_peer() {
    let host = Netns::new("host");
    let sockets = host.enter(|| {
        let listener = TcpListener::bind("127.0.0.1:80").unwrap();
        let clients: Vec<_> = (0..500)
            .map(|_| TcpStream::connect("127.0.0.1:80").unwrap())
            .map(|client| (client, listener.accept().unwrap()))
            .collect();
        (listener, clients)
    });
    // Both ends of each, in more than one part.
    assert_eq!(peers(&host), vec![ip("127.0.0.1"); 1000]);
    drop(sockets);
}
