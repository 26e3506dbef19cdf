// SPDX-License-Identifier: GPL-2.0-only
//! Listeners of every kind, and how the kernel judges a returned cookie.

use std::io::{Read, Write};
use std::net::{IpAddr, Ipv4Addr, Shutdown, TcpListener, TcpStream};
use std::time::Duration;

use etherparse::{SlicedPacket, TransportSlice};
use lab::frames::ipv4;
use lab::wire::Wire;
use lab::{keys, wait_for};
use socket2::{Domain, Socket, Type};

use crate::setup::{Challenging, Cookies, PORT, SERVER, listen, server6, with_both_cookies};

with_both_cookies!(
    bound_to_any_address_of_both_families,
    bound_to_one_address,
    eight_that_share_a_port,
    started_late_and_restarted,
    a_wrong_cookie_is_refused,
    a_socket_of_the_same_tuple_gets_its_syn,
);

/// Connects from a client to each of these addresses.
fn connects(challenging: &Challenging, to: &[IpAddr]) {
    for &to in to {
        let from = if to.is_ipv4() { "10.0.0.1" } else { "fd00:5::1" };
        let connected = challenging.connect_from(from, to, PORT);
        assert!(connected.is_ok(), "{to}: {connected:?}");
    }
}

fn bound_to_any_address_of_both_families(cookies: Cookies) {
    let challenging = Challenging::new(cookies, &[]);
    let _listener = listen(&challenging.pair, "::", |_| {});
    connects(&challenging, &[SERVER, server6()]);
    assert_eq!(challenging.reasons()["challenge_sent"], 2);
}

fn bound_to_one_address(cookies: Cookies) {
    let challenging = Challenging::new(cookies, &[]);
    for address in [SERVER, server6()] {
        let _listener = listen(&challenging.pair, &address.to_string(), |_| {});
        connects(&challenging, &[address]);
    }
    assert_eq!(challenging.reasons()["challenge_sent"], 2);
}

fn eight_that_share_a_port(cookies: Cookies) {
    let challenging = Challenging::new(cookies, &[]);
    let group: Vec<TcpListener> = (0..8)
        .map(|_| listen(&challenging.pair, "::", |socket| socket.set_reuse_port(true).unwrap()))
        .collect();
    for _ in 0..20 {
        connects(&challenging, &[SERVER, server6()]);
    }
    drop(group);
    assert_eq!(challenging.reasons()["challenge_sent"], 40);
}

fn started_late_and_restarted(cookies: Cookies) {
    let challenging = Challenging::new(cookies, &[]);
    let nobody = challenging.pair.client.enter(|| {
        let to = std::net::SocketAddr::new(SERVER, PORT);
        std::net::TcpStream::connect_timeout(&to, Duration::from_millis(300))
    });
    assert!(nobody.is_err(), "SYNs over the pass rate are dropped where nobody listens");
    for _ in 0..3 {
        let _listener = listen(&challenging.pair, "::", |_| {});
        connects(&challenging, &[SERVER]);
    }
    let reasons = challenging.reasons();
    assert_eq!(reasons["challenge_sent"], 3);
    assert!(reasons["drop_no_listener"].as_u64() > Some(0));
}

/// With a full accept queue the kernel refuses a connection that the client takes for open. The kernel
/// makes no cookie then, and so the SYN passes to it.
#[test]
fn no_cookie_for_a_listener_with_a_full_queue() {
    let challenging = Challenging::new(Cookies::Kernel, &[]);
    let (waiting, listener) = full_listener(&challenging);
    let more = challenging.pair.client.enter(|| {
        let to = std::net::SocketAddr::new(SERVER, PORT);
        std::net::TcpStream::connect_timeout(&to, Duration::from_millis(300))
    });
    assert!(more.is_err());
    drop((waiting, listener));
    assert!(challenging.reasons()["pass_unchallenged"].as_u64() > Some(0));
}

/// Own cookies are sent without a look at the listener. The client believes that it is connected, and is
/// served when there is room, as its data comes again.
#[test]
fn a_client_of_a_listener_with_a_full_queue_is_served_later() {
    let challenging = Challenging::new(Cookies::Own, &[]);
    let (waiting, listener) = full_listener(&challenging);
    let mut more = challenging.connect_from("10.0.0.2", SERVER, PORT).unwrap();
    more.write_all(b"late").unwrap();
    for _ in &waiting {
        listener.accept().unwrap();
    }
    listener.set_nonblocking(true).unwrap();
    let (mut late, from) = wait_for("the last client", || listener.accept().ok());
    late.set_nonblocking(false).unwrap();
    let mut word = [0; 4];
    late.read_exact(&mut word).unwrap();
    assert_eq!((&word, from.ip().to_canonical().to_string().as_str()), (b"late", "10.0.0.2"));
}

/// A listener and the connections that wait in its queue, which has no more room.
fn full_listener(challenging: &Challenging) -> (Vec<TcpStream>, TcpListener) {
    let listener = listen(&challenging.pair, "::", |_| {});
    // Its queue of 64 holds one more than that.
    let connect = |_| challenging.connect_from("10.0.0.1", SERVER, PORT).unwrap();
    ((0..65).map(connect).collect(), listener)
}

fn a_wrong_cookie_is_refused(cookies: Cookies) {
    const STRANGER: Ipv4Addr = Ipv4Addr::new(10, 0, 9, 9);
    let challenging = Challenging::new(cookies, &[]);
    let pair = &challenging.pair;
    let listener = listen(pair, "::", |_| {});
    listener.set_nonblocking(true).unwrap();
    // Answers to the stranger need a neighbour entry.
    let neighbour = ["neighbour", "add", "10.0.9.9", "lladdr", "02:00:00:00:00:01", "dev", "eth0"];
    pair.server.run("ip", &neighbour);
    let wire = Wire::open(&pair.client, "eth0").unwrap();
    let segment = |syn: bool, sequence: u32, acknowledges: u32| {
        let mut frame = ipv4(|ip, tcp| {
            (ip.source, ip.destination) = (STRANGER.octets(), [10, 0, 0, 10]);
            (tcp.destination_port, tcp.syn, tcp.ack) = (PORT, syn, !syn);
            (tcp.sequence_number, tcp.acknowledgment_number) = (sequence, acknowledges);
        });
        frame[..6].copy_from_slice(&pair.server.mac("eth0"));
        frame
    };
    let answer = || {
        let is_answer = |frame: &[u8]| tcp_to_stranger(frame).is_some();
        let frame = wire.receive(Duration::from_secs(5), is_answer).expect("an answer");
        tcp_to_stranger(&frame).unwrap()
    };
    let (cookie, is_reset) = wait_for("an answer by cookie", || {
        wire.send(&segment(true, 7, 0)).unwrap();
        let frame = wire.receive(Duration::from_millis(100), |frame| tcp_to_stranger(frame).is_some());
        tcp_to_stranger(&frame?)
    });
    assert!(!is_reset);

    // The lowest bits encode the MSS, so numbers next to the cookie are valid cookies too.
    wire.send(&segment(false, 8, cookie.wrapping_add(1000))).unwrap();
    assert!(answer().1, "a wrong cookie is answered by a reset");
    assert!(listener.accept().is_err());

    wire.send(&segment(false, 8, cookie.wrapping_add(1))).unwrap();
    wait_for("the right one to be accepted", || listener.accept().ok());
}

/// The sequence number of a segment to the stranger, and whether it is a reset.
fn tcp_to_stranger(frame: &[u8]) -> Option<(u32, bool)> {
    let packet = SlicedPacket::from_ethernet(frame).ok()?;
    let ip = packet.net.as_ref()?.ipv4_ref()?;
    match &packet.transport {
        Some(TransportSlice::Tcp(tcp)) if ip.header().destination() == [10, 0, 9, 9] => {
            Some((tcp.sequence_number(), tcp.rst()))
        }
        _ => None,
    }
}

/// With a cookie instead, the client would believe in a connection that the old socket does not know.
fn a_socket_of_the_same_tuple_gets_its_syn(cookies: Cookies) {
    let challenging = Challenging::new(cookies, &[]);
    let listener = listen(&challenging.pair, "::", |_| {});
    let client = challenging.connect_from("10.0.0.1", SERVER, PORT).unwrap();
    let from = client.local_addr().unwrap();
    // The server closes first, so it has TIME_WAIT; by itself, as a child of another test may hold the socket still.
    listener.accept().unwrap().0.shutdown(Shutdown::Both).unwrap();
    let has_time_wait = || {
        let sockets = challenging.pair.server.run("ss", &["-Htn", "state", "time-wait"]);
        sockets.contains("10.0.0.1").then_some(())
    };
    drop(client);
    wait_for("TIME_WAIT", has_time_wait);
    let again = challenging.pair.client.enter(|| {
        let socket = socket2::Socket::new(socket2::Domain::IPV4, socket2::Type::STREAM, None).unwrap();
        socket.set_reuse_address(true).unwrap();
        socket.bind(&from.into()).unwrap();
        let to = std::net::SocketAddr::new(SERVER, PORT);
        socket.connect_timeout(&to.into(), Duration::from_secs(10))
    });
    assert!(again.is_ok(), "{again:?}");
    listener.accept().unwrap();
    let reasons = challenging.reasons();
    assert_eq!((&reasons["challenge_sent"], &reasons["pass_time_wait"]), (&1.into(), &1.into()));
}

/// The kernel accepts a listener's cookies for two minutes after it last noted that cookies are needed.
#[test]
#[ignore = "takes two minutes: make soak"]
fn idle_for_longer_than_the_kernel_accepts_cookies() {
    let challenging = Challenging::new(Cookies::Kernel, &[]);
    let _listener = listen(&challenging.pair, "::", |_| {});
    connects(&challenging, &[SERVER]);
    std::thread::sleep(Duration::from_secs(125)); // TCP_SYNCOOKIE_VALID in include/net/tcp.h
    connects(&challenging, &[SERVER]);
    assert_eq!(challenging.reasons()["challenge_sent"], 2);
}

/// `bpf_sk_assign_tcp_reqsk` refuses them, so they get the kernel's cookies.
#[test]
fn for_mptcp_the_cookies_are_the_kernels() {
    let pair = lab::pair!();
    pair.set("net.ipv4.tcp_syncookies=2");
    let listener = pair.server.enter(|| {
        let socket = Socket::new(Domain::IPV4, Type::STREAM, Some(libc::IPPROTO_MPTCP.into())).unwrap();
        socket.bind(&std::net::SocketAddr::new(SERVER, PORT).into()).unwrap();
        socket.listen(64).unwrap();
        socket
    });
    let challenging = Challenging::on(pair, Cookies::Own, &[]);
    let client = challenging.connect_from("10.0.0.1", SERVER, PORT).unwrap();
    let (server, _) = listener.accept().unwrap();
    server.send(b"hello").unwrap();
    let mut word = [0; 5];
    (&client).read_exact(&mut word).unwrap();
    assert_eq!(&word, b"hello");
    let reasons = challenging.reasons();
    assert_eq!((&reasons["challenge_sent"], &reasons["answer_redeemed"]), (&1.into(), &0.into()));
}

/// The kernel would take an unsigned ACK for a connection that the client believes in, and then hear
/// nothing from it.
#[test]
fn with_keys_nobody_is_challenged() {
    let pair = lab::pair!();
    let listener = listen(&pair, "::", |socket| keys::set_md5_key(socket, Ipv4Addr::new(10, 0, 7, 7)));
    let challenging = Challenging::on(pair, Cookies::Own, &[]);
    let said = &challenging.defence.said;
    assert!(said.contains("not challenged: port 8080;"), "{said}");
    let status = challenging.pair.synflood(&["status"]).output().unwrap().stdout;
    let status = String::from_utf8(status).unwrap();
    assert!(status.contains("not challenged: port 8080\n"), "{status}");
    connects(&challenging, &[SERVER, server6()]);
    drop(listener);
    let reasons = challenging.reasons();
    let counts = ["challenge_sent", "pass_unchallenged"].map(|name| reasons[name].as_u64().unwrap());
    assert_eq!(counts, [0, 2], "{reasons}");
}
