// SPDX-License-Identifier: GPL-2.0-only
//! Sockets that listen.

use std::net::SocketAddr;

use lab::netns::Netns;
use socket2::{Domain, Protocol, Socket, Type};
use synflood_xdp::kernel::netlink::{Family, Listener, links, listeners};

use super::host;

/// A listening socket of the current namespace, with what `prepare` sets before it is bound.
fn listen(address: &str, protocol: Protocol, prepare: impl FnOnce(&Socket)) -> Socket {
    let address: SocketAddr = address.parse().unwrap();
    let socket = Socket::new(Domain::for_address(address), Type::STREAM, Some(protocol)).unwrap();
    if address.is_ipv6() {
        socket.set_only_v6(false).unwrap();
    }
    prepare(&socket);
    socket.bind(&address.into()).unwrap();
    socket.listen(16).unwrap();
    socket
}

fn tcp(address: &str) -> Socket {
    listen(address, Protocol::TCP, |_| {})
}

fn found(host: &Netns) -> Vec<Listener> {
    let mut found = host.enter(|| listeners().unwrap());
    found.sort_by_key(|listener| (listener.port, listener.family));
    found
}

fn expected(address: &str, family: Family) -> Listener {
    let address: SocketAddr = address.parse().unwrap();
    Listener {
        address: address.ip(),
        port: address.port(),
        family,
        v6_only: false,
        interface: 0,
        is_mptcp: false,
    }
}

#[test]
fn listeners_say_what_they_serve() {
    let (host, _other) = host();
    let _sockets = host.enter(|| {
        [
            tcp("0.0.0.0:1"),
            tcp("[::]:2"),
            listen("[::]:3", Protocol::TCP, |socket| socket.set_only_v6(true).unwrap()),
            tcp("10.0.0.10:4"),
            tcp("[fd00:5::10]:5"),
            tcp("[::ffff:10.0.0.10]:6"),
            listen("0.0.0.0:7", Protocol::TCP, |socket| {
                socket.bind_device(Some(b"eth0")).unwrap();
            }),
            // They do not conflict.
            listen("[::]:8", Protocol::TCP, |socket| socket.set_only_v6(true).unwrap()),
            tcp("0.0.0.0:8"),
        ]
    });
    let links = host.enter(|| links().unwrap());
    let eth0 = links.iter().find(|link| link.name == "eth0").unwrap().index;

    let all = [
        expected("0.0.0.0:1", Family::V4),
        expected("[::]:2", Family::V6),
        Listener { v6_only: true, ..expected("[::]:3", Family::V6) },
        expected("10.0.0.10:4", Family::V4),
        // The kernel's view of a socket that could serve no IPv4.
        Listener { v6_only: true, ..expected("[fd00:5::10]:5", Family::V6) },
        expected("10.0.0.10:6", Family::V6),
        Listener { interface: eth0, ..expected("0.0.0.0:7", Family::V4) },
        expected("0.0.0.0:8", Family::V4),
        Listener { v6_only: true, ..expected("[::]:8", Family::V6) },
    ];
    assert_eq!(found(&host), all);
}

#[test]
fn each_socket_of_a_shared_port_is_one() {
    let host = Netns::new("host");
    let share = |socket: &Socket| socket.set_reuse_port(true).unwrap();
    let _sockets = host.enter(|| [(); 3].map(|()| listen("0.0.0.0:80", Protocol::TCP, share)));
    assert_eq!(found(&host), vec![expected("0.0.0.0:80", Family::V4); 3]);
}

#[test]
fn mptcp_listeners_are_told_apart() {
    let host = Netns::new("host");
    let sockets = host.enter(|| {
        if !std::fs::exists("/proc/sys/net/mptcp").unwrap() {
            return None;
        }
        host.run("sysctl", &["-qw", "net.mptcp.enabled=1"]);
        Some([
            listen("0.0.0.0:80", Protocol::MPTCP, |_| {}),
            tcp("0.0.0.0:81"),
            listen("[::]:82", Protocol::MPTCP, |_| {}),
        ])
    });
    if sockets.is_none() {
        eprintln!("skipped: this kernel has no MPTCP");
        return;
    }
    let all = [
        Listener { is_mptcp: true, ..expected("0.0.0.0:80", Family::V4) },
        expected("0.0.0.0:81", Family::V4),
        Listener { is_mptcp: true, ..expected("[::]:82", Family::V6) },
    ];
    assert_eq!(found(&host), all);
}

#[test]
fn other_sockets_do_not_listen() {
    let host = Netns::new("host");
    let _sockets = host.enter(|| {
        let listener = std::net::TcpListener::bind("127.0.0.1:80").unwrap();
        let client = std::net::TcpStream::connect("127.0.0.1:80").unwrap();
        let bound = Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
        bound.bind(&"127.0.0.1:81".parse::<SocketAddr>().unwrap().into()).unwrap();
        let served = listener.accept().unwrap();
        (listener, client, served, bound)
    });
    assert_eq!(found(&host), [expected("127.0.0.1:80", Family::V4)]);
}
