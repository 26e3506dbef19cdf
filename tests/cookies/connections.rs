// SPDX-License-Identifier: GPL-2.0-only
//! Properties of a challenged connection.

use std::io::{Read, Write};
use std::net::TcpStream;

use lab::tcp_info::tcp_info;

use crate::setup::{Challenging, PORT, SERVER, listen, server6, shows_rmem_max};

/// What a connection agreed on, as one end sees it: options, and the window scales of both sides.
#[derive(Debug, PartialEq, Eq)]
struct Agreed {
    options: u8,
    sends: u8,
    receives: u8,
}

impl Agreed {
    fn on(stream: &TcpStream) -> Self {
        /// linux/tcp.h: timestamps, SACK, window scale
        const OPTIONS: u8 = 1 | 2 | 4;
        let info = tcp_info(stream);
        Self {
            options: info.tcpi_options & OPTIONS,
            sends: info.tcpi_snd_rcv_wscale & 0xf,
            receives: info.tcpi_snd_rcv_wscale >> 4,
        }
    }

    fn turned_round(self) -> Self {
        Self { sends: self.receives, receives: self.sends, ..self }
    }
}

fn served_by_nginx(mode: &str) {
    let challenging = Challenging::new(&["--mode", mode]);
    let directory = tempfile::tempdir().unwrap();
    let _nginx = challenging.pair.serve(directory.path());
    for client in ["10.0.0.1", "10.0.0.2", "fd00:5::1"] {
        assert!(challenging.pair.is_served(client), "{client}");
    }
    let reasons = challenging.reasons();
    assert_eq!(reasons["challenge_sent"], 3, "{reasons}");
}

#[test]
fn curl_is_served_by_nginx_native() {
    served_by_nginx("native");
}

#[test]
fn curl_is_served_by_nginx_skb() {
    served_by_nginx("skb");
}

/// Whether the kernel tells how much of a receive buffer is window: struct tcp_sock has scaling_ratio
/// since 6.6.
fn windows_are_known() -> bool {
    let release = nix::sys::utsname::uname().unwrap().release().to_string_lossy().into_owned();
    let mut numbers = release.split(['.', '-']).map(|part| part.parse().unwrap_or(0));
    (numbers.next().unwrap(), numbers.next().unwrap()) >= (6, 6)
}

#[test]
fn both_ends_agree_on_what_they_would_without_a_challenge() {
    let sizes = [None, Some(4_096), Some(65_536), Some(1_000_000)];
    for rcvbuf in if windows_are_known() { &sizes[..] } else { &sizes[..1] } {
        let challenging = Challenging::new(&["--allow", "10.0.0.2"]);
        if !shows_rmem_max(&challenging.pair) {
            return;
        }
        let listener = listen(&challenging.pair, "::", |socket| {
            if let Some(size) = *rcvbuf {
                socket.set_recv_buffer_size(size).unwrap();
            }
        });
        let mut agreed = ["10.0.0.1", "10.0.0.2"].map(|from| {
            let client = challenging.connect_from(from, SERVER, PORT).unwrap();
            let (server, _) = listener.accept().unwrap();
            let client = Agreed::on(&client);
            assert_eq!(client.options, 7, "timestamps, SACK and window scale");
            assert_eq!(Agreed::on(&server).turned_round(), client, "both ends, rcvbuf {rcvbuf:?}");
            Some(client)
        });
        assert_eq!(agreed[0].take(), agreed[1].take(), "as without a challenge, rcvbuf {rcvbuf:?}");
        let reasons = challenging.reasons();
        assert_eq!((&reasons["challenge_sent"], &reasons["pass_allowed"]), (&1.into(), &1.into()));
    }
}

#[test]
fn without_plain_timestamps_a_challenged_connection_has_none() {
    let pair = lab::pair!();
    pair.set("net.ipv4.tcp_syncookies=2");
    pair.set("net.ipv4.tcp_timestamps=1");
    let challenging = Challenging::on(pair, &[]);
    let listener = listen(&challenging.pair, "::", |_| {});
    for (from, to) in [("10.0.0.1", SERVER), ("fd00:5::1", server6())] {
        let client = challenging.connect_from(from, to, PORT).unwrap();
        let (server, _) = listener.accept().unwrap();
        for end in [client, server] {
            assert_eq!(Agreed::on(&end), Agreed { options: 0, sends: 0, receives: 0 });
        }
    }
}

#[test]
fn a_hundred_megabytes_arrive_whole_both_ways() {
    const LEN: usize = 100_000_000;
    let pattern = |at: usize| (at / 7 % 251) as u8;
    let challenging = Challenging::new(&[]);
    let listener = listen(&challenging.pair, "::", |_| {});
    for upload in [false, true] {
        let client = challenging.connect_from("10.0.0.1", SERVER, PORT).unwrap();
        let (server, _) = listener.accept().unwrap();
        let (mut from, mut to) = if upload { (client, server) } else { (server, client) };
        let sender = std::thread::spawn(move || {
            let data: Vec<u8> = (0..LEN).map(pattern).collect();
            from.write_all(&data).unwrap();
        });
        let mut data = Vec::new();
        to.read_to_end(&mut data).unwrap();
        sender.join().unwrap();
        assert_eq!(data.len(), LEN);
        assert!(data.iter().enumerate().all(|(at, &byte)| byte == pattern(at)));
    }
    assert_eq!(challenging.reasons()["challenge_sent"], 2);
}
