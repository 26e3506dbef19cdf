// SPDX-License-Identifier: GPL-2.0-only
//! Connections by our own cookies are as ordinary ones: for every client, both ends agree on the same and
//! see the same, by TCP_INFO.

use std::io::{Read, Write};
use std::net::{IpAddr, SocketAddr, TcpListener, TcpStream};
use std::thread;

use lab::pair::Pair;
use lab::tcp_info::tcp_info;
use socket2::{Domain, Socket, Type};

use crate::setup::{Challenging, Cookies, PORT, SERVER, listen, server6};

/// More than a window of the smallest client.
const LEN: usize = 20_000;

/// A client, and who speaks first.
#[derive(Debug, Clone, Copy)]
struct Client {
    to: IpAddr,
    timestamps: bool,
    sack: bool,
    wscale: u8,
    ecn: bool,
    server_first: bool,
}

impl Client {
    fn all() -> Vec<Self> {
        let mut all = Vec::new();
        for bits in 0..1 << 5 {
            let bit = |n: u32| bits >> n & 1 == 1;
            let to = if bit(0) { SERVER } else { server6() };
            all.extend([0, 7, 14].map(|wscale| Self {
                to,
                timestamps: bit(1),
                sack: bit(2),
                wscale,
                ecn: bit(3),
                server_first: bit(4),
            }));
        }
        all
    }

    /// The client's kernel offers what these settings say.
    fn settings(self) -> [(&'static str, String); 4] {
        let rmem = if self.wscale == 14 { 1 << 29 } else { 1 << 22 };
        [
            ("tcp_timestamps", u8::from(self.timestamps).to_string()),
            ("tcp_sack", u8::from(self.sack).to_string()),
            ("tcp_ecn", u8::from(self.ecn).to_string()),
            ("tcp_rmem", format!("4096 131072 {rmem}")),
        ]
    }

    fn connect(self, pair: &Pair, port: u16) -> TcpStream {
        pair.client.enter(|| {
            for (name, value) in self.settings() {
                std::fs::write(format!("/proc/sys/net/ipv4/{name}"), value).unwrap();
            }
            let to = SocketAddr::new(self.to, PORT);
            let socket = Socket::new(Domain::for_address(to), Type::STREAM, None).unwrap();
            if self.wscale == 0 {
                socket.set_recv_buffer_size(30_000).unwrap();
            }
            let any = if self.to.is_ipv4() { IpAddr::from([0; 4]) } else { IpAddr::from([0; 16]) };
            socket.bind(&SocketAddr::new(any, port).into()).unwrap();
            socket.connect(&to.into()).unwrap_or_else(|error| panic!("{self:?}: {error}"));
            socket.into()
        })
    }
}

/// What one end of a connection sees.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct End {
    /// linux/tcp.h: TCPI_OPT_*
    options: u8,
    /// The window scales of what it sends and of what it receives.
    sends: u8,
    receives: u8,
    snd_mss: u32,
    advmss: u32,
}

const TIMESTAMPS: u8 = 1;
const ECN: u8 = 8;

impl End {
    fn of(stream: &TcpStream) -> Self {
        let info = tcp_info(stream);
        Self {
            options: info.tcpi_options & (TIMESTAMPS | 2 | 4 | ECN),
            sends: info.tcpi_snd_rcv_wscale & 0xf,
            receives: info.tcpi_snd_rcv_wscale >> 4,
            snd_mss: info.tcpi_snd_mss,
            advmss: info.tcpi_advmss,
        }
    }
}

/// Connects from this port, and sends data both ways. Returns what client and server see.
fn visit((client, port): (Client, u16), pair: &Pair, listener: &TcpListener) -> [End; 2] {
    let stream = client.connect(pair, port);
    let mut first = stream.try_clone().unwrap();
    // A server learns of a connection by cookie from the client's ACK, which may come later.
    let mut second = listener.accept().unwrap().0;
    let ends = [End::of(&first), End::of(&second)];
    if client.server_first {
        std::mem::swap(&mut first, &mut second);
    }
    let speaks = thread::spawn(move || {
        first.write_all(&[1; LEN]).unwrap();
        let mut answer = vec![0; LEN];
        first.read_exact(&mut answer).unwrap();
        assert!(answer.iter().all(|&byte| byte == 2));
        first
    });
    let mut heard = vec![0; LEN];
    second.read_exact(&mut heard).unwrap();
    assert!(heard.iter().all(|&byte| byte == 1));
    second.write_all(&[2; LEN]).unwrap();
    let first = speaks.join().unwrap();
    for end in [&first, &second] {
        let rtt = tcp_info(end).tcpi_rtt;
        assert!(rtt < 1_000_000, "{client:?}: a round trip of {rtt} µs");
    }
    ends
}

/// Without timestamps the cookie has room for some values only, and rounds down.
#[track_caller]
fn assert_ordinary(client: Client, challenged: [End; 2], ordinary: [End; 2]) {
    if ordinary[0].options & TIMESTAMPS != 0 {
        assert_eq!(challenged, ordinary, "{client:?}");
        return;
    }
    for (challenged, ordinary) in challenged.iter().zip(&ordinary) {
        assert_eq!(challenged.options, ordinary.options & !ECN, "{client:?}");
        assert_eq!(challenged.receives, ordinary.receives, "{client:?}");
        assert_eq!(challenged.advmss, ordinary.advmss, "{client:?}");
    }
    let ([client_sees, server_sees], [client_saw, server_saw]) = (challenged, ordinary);
    assert_eq!((client_sees.sends, client_sees.snd_mss), (client_saw.sends, client_saw.snd_mss));
    // With SACK there is room for these scales.
    let least = if client.sack { server_saw.sends } else { server_saw.sends / 2 };
    assert!((least..=server_saw.sends).contains(&server_sees.sends), "{client:?}: {server_sees:?}");
    // The kernel sends no more than half the window that it sees.
    let has_same_window = server_sees.sends == server_saw.sends;
    let least = if !has_same_window {
        1
    } else if client.to.is_ipv4() {
        536
    } else {
        1220
    };
    assert!((least..=server_saw.snd_mss).contains(&server_sees.snd_mss), "{client:?}: {server_sees:?}");
}

/// First all without a challenge, and then all with one.
fn as_ordinary_ones(clients: &[Client], options: &[&str], prepare: impl FnOnce(&Pair)) {
    let pair = Cookies::Own.pair();
    prepare(&pair);
    let listener = listen(&pair, "::", |_| {});
    // Each its own: the port of one whose connection is in TIME_WAIT would be let through unchallenged.
    let mut ports = 20_000..;
    let mut next = |client| (client, ports.next().unwrap());
    let ordinary: Vec<_> =
        clients.iter().map(|&client| visit(next(client), &pair, &listener)).collect();
    let challenging = Challenging::on(pair, Cookies::Own, options);
    for (&client, ordinary) in clients.iter().zip(ordinary) {
        let challenged = visit(next(client), &challenging.pair, &listener);
        assert_ordinary(client, challenged, ordinary);
    }
    let reasons = challenging.reasons();
    let counts = ["challenge_sent", "answer_redeemed"].map(|name| reasons[name].as_u64().unwrap());
    assert_eq!(counts, [clients.len() as u64; 2], "{reasons}");
}

fn with_mtu(mtu: &'static str, mode: &str) {
    as_ordinary_ones(&Client::all(), &["--mode", mode], |pair| {
        for host in [&pair.client, &pair.server] {
            host.run("ip", &["link", "set", "eth0", "mtu", mtu]);
        }
    });
}

#[test]
fn mtu_1280() {
    with_mtu("1280", "native");
}

#[test]
fn mtu_1500() {
    with_mtu("1500", "native");
}

#[test]
fn mtu_1500_skb() {
    with_mtu("1500", "skb");
}

/// The other end's program would have to take frames of several buffers.
#[test]
fn mtu_9000() {
    with_mtu("9000", "skb");
}

#[test]
fn whatever_the_servers_timestamps_are() {
    let clients: Vec<_> = Client::all().into_iter().filter(|client| client.wscale == 7).collect();
    for setting in ["0", "1", "2"] {
        as_ordinary_ones(&clients, &[], |pair| pair.set(&format!("net.ipv4.tcp_timestamps={setting}")));
    }
}
