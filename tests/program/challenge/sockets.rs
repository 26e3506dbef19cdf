// SPDX-License-Identifier: GPL-2.0-only
//! SYNs of sources that have sockets here already: the kernel's own, in every state.

use std::io::Read;
use std::net::{IpAddr, Ipv4Addr, Shutdown, SocketAddr, TcpListener, TcpStream};

use lab::cpu;
use lab::frames::{CLIENT, ETHERNET_LEN, IPV4_LEN, SERVER, SERVER_PORT, ipv4, patched};
use lab::netns::Netns;
use lab::program::{Port, Program};
use lab::wait_for;
use socket2::{Domain, Protocol, SockAddr, Socket, Type};

use super::server::{OWN_COOKIES, refusing, tell};

/// A byte of the TCP checksum, behind an IPv4 header.
const CHECKSUM_AT: usize = ETHERNET_LEN + IPV4_LEN + 16;

/// Answers to it go nowhere.
const STRANGER: [u8; 4] = [203, 0, 113, 9];

const ADDRESS: SocketAddr = SocketAddr::new(IpAddr::V4(SERVER), SERVER_PORT);

/// Runs a test where server and client are one host.
fn on_one_host(test: impl FnOnce() + Send) {
    let host = Netns::new("host");
    host.run("sysctl", &["-qw", "net.ipv4.tcp_syncookies=1"]);
    for address in [SERVER, CLIENT] {
        host.run("ip", &["address", "add", &format!("{address}/32"), "dev", "lo"]);
    }
    host.run("ip", &["route", "add", "203.0.113.0/24", "dev", "lo"]);
    host.enter(|| {
        cpu::stay();
        test();
    });
}

fn connect() -> TcpStream {
    let client = Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
    client.bind(&SocketAddr::from((CLIENT, 0)).into()).unwrap();
    client.connect(&ADDRESS.into()).unwrap();
    client.into()
}

fn syn(source: [u8; 4], port: u16, sequence: u32) -> Vec<u8> {
    ipv4(|ip, tcp| {
        (ip.source, tcp.source_port, tcp.sequence_number) = (source, port, sequence);
    })
}

/// Gives the kernel a SYN from anywhere.
fn send(frame: &[u8]) {
    let raw = Socket::new(Domain::IPV4, Type::RAW, Some(Protocol::from(libc::IPPROTO_RAW))).unwrap();
    let to: SockAddr = SocketAddr::from((SERVER, 0)).into();
    raw.send_to(&frame[ETHERNET_LEN..], &to).unwrap();
}

/// The reason of a SYN before its source is known, and after.
fn reasons(program: &Program, frame: &[u8]) -> [String; 2] {
    let unknown = program.judge(frame).0;
    program.filter().renew(program).unwrap();
    [unknown, program.judge(frame).0]
}

#[test]
fn the_kernel_answers_a_half_open_connection_again_by_itself() {
    on_one_host(|| {
        let _listener = TcpListener::bind(ADDRESS).unwrap();
        let program = refusing(&[]);
        let frame = syn(STRANGER, 4000, 1);
        send(&frame);
        assert_eq!(reasons(&program, &frame), ["challenge_sent", "drop_half_open"]);
        let other_port = syn(STRANGER, 4001, 1);
        assert_eq!(program.judge(&other_port).0, "challenge_sent");
    });
}

/// A client that crashed may come back from the port of a connection that stands.
#[test]
fn an_established_connection_is_left_to_the_kernel() {
    on_one_host(|| {
        let listener = TcpListener::bind(ADDRESS).unwrap();
        let program = refusing(&["--unchallenged-rate", "1/h"]);
        let client = connect();
        let _server = listener.accept().unwrap();
        let frame = syn(CLIENT.octets(), client.local_addr().unwrap().port(), 1);
        assert_eq!(reasons(&program, &frame), ["challenge_sent", "pass_existing_socket"]);
        let second = program.judge(&frame).0;
        assert!(second.starts_with("drop_"), "and bounded, for its source and for all: {second}");
    });
}

/// Whether a socket of this namespace is in TIME_WAIT.
fn is_in_time_wait() -> bool {
    let sockets = std::fs::read_to_string("/proc/thread-self/net/tcp").unwrap();
    sockets.lines().any(|line| line.split_whitespace().nth(3) == Some("06"))
}

/// Leaves the server's socket of a connection in TIME_WAIT. Returns the client's port.
fn leave_in_time_wait(listener: &TcpListener) -> u16 {
    let mut client = connect();
    let port = client.local_addr().unwrap().port();
    // The server ends it first.
    drop(listener.accept().unwrap());
    assert_eq!(client.read_to_end(&mut Vec::new()).unwrap(), 0);
    drop(client);
    wait_for("the server's socket in TIME_WAIT", || is_in_time_wait().then_some(()));
    port
}

/// RFC 9293, 3.6.1: a new connection's sequence numbers begin behind the old one's.
#[test]
fn a_connection_in_time_wait_is_opened_again() {
    on_one_host(|| {
        let program = refusing(&[]);
        let listener = TcpListener::bind(ADDRESS).unwrap();
        let port = leave_in_time_wait(&listener);
        program.filter().renew(&program).unwrap();
        // One of two numbers half the way around is behind the old one's.
        let mut reasons =
            [0, 1 << 31].map(|sequence| program.judge(&syn(CLIENT.octets(), port, sequence)).0);
        reasons.sort();
        assert_eq!(reasons, ["pass_existing_socket", "pass_time_wait"]);
    });
}

/// The kernel drops a SYN with a wrong checksum, and the old socket stays. So there is no end of such SYNs.
#[test]
fn connections_in_time_wait_are_opened_at_a_rate() {
    on_one_host(|| {
        let program = refusing(&["--unchallenged-rate", "1/h"]);
        let listener = TcpListener::bind(ADDRESS).unwrap();
        let port = leave_in_time_wait(&listener);
        program.filter().renew(&program).unwrap();
        let wrong =
            |sequence| patched(syn(CLIENT.octets(), port, sequence), CHECKSUM_AT, |byte| byte ^ 1);
        let reasons = [0, 1 << 31].map(|sequence| {
            send(&wrong(sequence));
            program.judge(&wrong(sequence)).0
        });
        assert!(is_in_time_wait());
        assert!(reasons.iter().any(|reason| reason.starts_with("pass_")), "{reasons:?}");
        for sequence in [0, 1 << 31] {
            let reason = program.judge(&wrong(sequence)).0;
            assert!(reason.starts_with("drop_"), "{reason}");
        }
    });
}

/// Where the host's rules redirect a port, somebody listens elsewhere.
#[test]
fn a_redirected_port_is_open_to_sources_with_sockets_too() {
    on_one_host(|| {
        let listener = TcpListener::bind(ADDRESS).unwrap();
        let program = refusing(&[]);
        let _client = connect();
        drop(listener.accept().unwrap());
        program.tell_port(false, SERVER_PORT + 1, Port { is_unchallenged: true, ..Default::default() });
        let redirected = ipv4(|_, tcp| tcp.destination_port = SERVER_PORT + 1);
        assert_eq!(reasons(&program, &redirected), ["pass_unchallenged"; 2]);
    });
}

#[test]
fn a_listener_whose_queue_is_half_full_gets_nothing_unasked() {
    const BACKLOG: i32 = 16;
    on_one_host(|| {
        let listener = Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
        listener.bind(&ADDRESS.into()).unwrap();
        listener.listen(BACKLOG).unwrap();
        let program = Program::load(&["--cookies", "own", "--pass-rate", "0"]);
        tell(&program, OWN_COOKIES);
        let asked = |host| program.judge(&syn(Ipv4Addr::new(198, 51, 100, host).octets(), 1, 1)).0;
        for half_open in 0..BACKLOG / 2 {
            assert_eq!(asked(half_open as u8), "pass_within_limit", "with {half_open}");
            send(&syn(STRANGER, 5000 + half_open as u16, 1));
        }
        assert_eq!(asked(100), "challenge_sent");
        // A process that is just being started by another test has the socket as well.
        listener.shutdown(Shutdown::Both).unwrap();
        assert_eq!(asked(101), "pass_within_limit", "nobody listens: the kernel says so");
    });
}
