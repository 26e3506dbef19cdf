// SPDX-License-Identifier: GPL-2.0-only
//! Which segments make a connection of our own cookies, whatever is lost, repeated or forged on the way.

use std::io::{ErrorKind, Read, Write};
use std::net::{IpAddr, Shutdown, SocketAddr, TcpListener, TcpStream};
use std::time::Duration;

use etherparse::EtherType;
use lab::stranger::{Answer, Stranger};
use lab::tcp_info::tcp_info;
use lab::wait_for;
use socket2::SockRef;

use crate::setup::{Challenging, Cookies, PORT, SERVER, listen, server6};

const SOON: Duration = Duration::from_secs(5);

/// Long enough for an answer that must not come.
const NEVER: Duration = Duration::from_millis(300);

/// A server that challenges, and its listener.
struct Server {
    challenging: Challenging,
    listener: TcpListener,
}

impl Server {
    fn new(options: &[&str]) -> Self {
        let challenging = Challenging::new(Cookies::Own, options);
        let listener = listen(&challenging.pair, "::", |_| {});
        listener.set_nonblocking(true).unwrap();
        Self { challenging, listener }
    }

    /// A client over this family.
    fn stranger(&self, to: IpAddr) -> Stranger {
        let from = if to.is_ipv4() { "10.0.9.9:40000" } else { "[fd00:5::99]:40000" };
        Stranger::new(&self.challenging.pair, from.parse().unwrap(), SocketAddr::new(to, PORT))
    }

    fn accept(&self) -> TcpStream {
        let (stream, _) = wait_for("a connection", || self.listener.accept().ok());
        stream.set_nonblocking(false).unwrap();
        stream
    }

    #[track_caller]
    fn assert_no_connection(&self) {
        assert_eq!(self.listener.accept().unwrap_err().kind(), ErrorKind::WouldBlock);
    }
}

fn read(mut stream: &TcpStream, len: usize) -> Vec<u8> {
    let mut data = vec![0; len];
    stream.read_exact(&mut data).unwrap();
    data
}

/// The answer that acknowledges `len` bytes of data.
fn acknowledges(stranger: &Stranger, len: u32) -> Answer {
    wait_for("an acknowledgement", || {
        stranger.answer(SOON).filter(|answer| answer.acknowledges == stranger.isn.wrapping_add(1 + len))
    })
}

#[test]
fn the_first_ack_is_lost_and_data_comes() {
    let server = Server::new(&[]);
    for to in [SERVER, server6()] {
        let stranger = server.stranger(to).with_timestamps();
        let synack = stranger.connect();
        stranger.send_ack(&synack, 0, b"hello");
        let stream = server.accept();
        assert_eq!(read(&stream, 5), b"hello");
        acknowledges(&stranger, 5);
        (&stream).write_all(b"there").unwrap();
        let answer =
            wait_for("data", || stranger.answer(SOON).filter(|answer| !answer.data.is_empty()));
        assert_eq!(answer.data, b"there");
    }
}

/// The network gives the kernel both at once, as it does when it is busy: then the program sees the data
/// before the connection stands.
#[test]
fn data_comes_in_one_batch_with_the_ack() {
    // Only a veth with a program in its driver has batches.
    let server = Server::new(&["--mode", "native"]);
    server.challenging.pair.server.run("sh", &["-c", "echo 1 > /sys/class/net/eth0/threaded"]);
    for to in [SERVER, server6()] {
        let mut stranger = server.stranger(to).with_timestamps();
        for port in 40_000..40_100 {
            stranger.set_port(port);
            let synack = stranger.connect();
            stranger.send_ack(&synack, 0, &[]);
            stranger.send_ack(&synack, 0, b"hello");
            let stream = server.accept();
            stream.set_read_timeout(Some(SOON)).unwrap();
            assert_eq!(read(&stream, 5), b"hello", "{to}, {port}");
        }
    }
}

/// The sequence number of the SYN is part of the cookie: the stream must not begin later.
#[test]
fn the_first_data_is_lost_too() {
    let server = Server::new(&[]);
    let stranger = server.stranger(SERVER);
    let synack = stranger.connect();
    stranger.send_ack(&synack, 5, b"second");
    assert!(stranger.answer(SOON).expect("a reset").is_reset);
    server.assert_no_connection();
}

#[test]
fn everything_comes_twice() {
    let server = Server::new(&[]);
    let stranger = server.stranger(SERVER).with_timestamps();
    let synack = stranger.connect();
    for _ in 0..2 {
        stranger.send_ack(&synack, 0, &[]);
    }
    for _ in 0..2 {
        stranger.send_ack(&synack, 0, b"once");
    }
    let stream = server.accept();
    stranger.send_ack(&synack, 4, b"end");
    assert_eq!(read(&stream, 7), b"onceend");
    server.assert_no_connection();
    let reasons = server.challenging.reasons();
    assert_eq!(reasons["answer_redeemed"], 1, "{reasons}");
}

/// Cookies change with an epoch of 17 s, so two of three SYNs are in one.
#[test]
fn a_syn_that_comes_again_gets_the_same_cookie() {
    let server = Server::new(&[]);
    for to in [SERVER, server6()] {
        let stranger = server.stranger(to).with_timestamps();
        let cookies = [(); 3].map(|()| stranger.connect().sequence);
        assert!(cookies[0] == cookies[1] || cookies[1] == cookies[2], "{cookies:x?}");
    }
}

/// Each is a connection of its own, and so is charged.
#[test]
fn an_ack_replayed_after_the_close_opens_no_more_than_the_limit() {
    const BURST: usize = 4;
    let server = Server::new(&["--burst", "4", "--rate", "1/h"]);
    let stranger = server.stranger(SERVER);
    let synack = stranger.connect();
    let reset = stranger.ack(&synack, 0, &[], |tcp| tcp.rst = true);
    let mut opened = 0;
    for _ in 0..50 {
        stranger.send_ack(&synack, 0, &[]);
        let is_open = lab::wait_at_most(Duration::from_millis(50), || server.listener.accept().ok());
        opened += usize::from(is_open.is_some());
        stranger.send(&reset);
    }
    assert_eq!(opened, BURST);
    let reasons = server.challenging.reasons();
    assert_eq!(reasons["answer_redeemed"], BURST, "{reasons}");
    // One that is right behind another may be of its batch.
    let refused = ["answer_over_limit", "answer_repeated"].map(|name| reasons[name].as_u64().unwrap());
    assert_eq!(refused.iter().sum::<u64>(), 50 - BURST as u64, "{reasons}");
}

#[test]
fn the_listener_is_gone_when_the_ack_comes() {
    let server = Server::new(&[]);
    let stranger = server.stranger(SERVER);
    let synack = stranger.connect();
    // A process that another test starts just now may hold a closed listener open until it runs.
    SockRef::from(&server.listener).shutdown(Shutdown::Both).unwrap();
    stranger.send_ack(&synack, 0, &[]);
    assert!(stranger.answer(SOON).expect("a reset").is_reset);
    assert_eq!(server.challenging.reasons()["answer_no_listener"], 1);
}

/// A firewall would not take a connection that begins with these for a new one.
#[test]
fn only_a_plain_ack_is_redeemed() {
    let server = Server::new(&[]);
    let stranger = server.stranger(SERVER);
    let synack = stranger.connect();
    let segments = [
        stranger.ack(&synack, 0, &[], |tcp| tcp.fin = true),
        stranger.ack(&synack, 0, &[], |tcp| tcp.rst = true),
        stranger.ack(&synack, 0, &[], |tcp| (tcp.syn, tcp.psh) = (true, false)),
        stranger.ack(&synack, 0, &[], |tcp| tcp.ack = false),
        stranger.ack(&synack, 0, &[], |tcp| tcp.acknowledgment_number ^= 1 << 7),
    ];
    segments.iter().for_each(|segment| stranger.send(segment));
    assert!(stranger.answer(NEVER).is_none_or(|answer| answer.is_reset));
    server.assert_no_connection();
    stranger.send_ack(&synack, 0, &[]);
    server.accept();
}

/// VLAN 0 only carries a priority, and the kernel takes it off before the answer is looked at.
#[test]
fn with_a_vlan_tag() {
    for mode in ["native", "skb"] {
        let server = Server::new(&["--mode", mode]);
        for (tag, to) in [
            (EtherType::VLAN_TAGGED_FRAME, SERVER),
            (EtherType::VLAN_TAGGED_FRAME, server6()),
            (EtherType::PROVIDER_BRIDGING, SERVER),
        ] {
            let stranger = server.stranger(to).tagged(&[tag]).with_timestamps();
            let synack = stranger.connect();
            assert_eq!(synack.mss(), Some(if to.is_ipv4() { 1460 } else { 1440 }));
            stranger.send_ack(&synack, 0, &[]);
            let stream = server.accept();
            stranger.send_ack(&synack, 0, b"tagged");
            assert_eq!(read(&stream, 6), b"tagged", "{mode}, {tag:?}, {to}");
            let info = tcp_info(&stream);
            assert_eq!((info.tcpi_options & 7, info.tcpi_snd_rcv_wscale & 0xf), (7, 7));
            // The timestamps take 12 bytes.
            assert_eq!(info.tcpi_snd_mss, u32::from(synack.mss().unwrap()) - 12);
            stranger.send(&stranger.ack(&synack, 6, &[], |tcp| tcp.rst = true));
        }
        let reasons = server.challenging.reasons();
        assert_eq!(reasons["answer_redeemed"], 3, "{reasons}");
    }
}
