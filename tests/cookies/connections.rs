// SPDX-License-Identifier: GPL-2.0-only
//! Properties of a challenged connection.

use std::io::{Read, Write};
use std::net::TcpStream;

use lab::tcp_info::tcp_info;

use crate::setup::{
    Challenging, Cookies, PORT, SERVER, connect, listen, server6, shows_rmem_max, with_both_cookies,
};

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

with_both_cookies!(
    curl_is_served_by_nginx,
    both_ends_agree_on_what_they_would_without_a_challenge,
    a_hundred_megabytes_arrive_whole_both_ways,
);

fn curl_is_served_by_nginx(cookies: Cookies) {
    for mode in ["native", "skb"] {
        let challenging = Challenging::new(cookies, &["--mode", mode]);
        let directory = tempfile::tempdir().unwrap();
        let _nginx = challenging.pair.serve(directory.path());
        for client in ["10.0.0.1", "10.0.0.2", "fd00:5::1"] {
            assert!(challenging.pair.is_served(client), "{mode}: {client}");
        }
        let reasons = challenging.reasons();
        assert_eq!(reasons["challenge_sent"], 3, "{reasons}");
        let redeemed = if cookies == Cookies::Own { 3 } else { 0 };
        assert_eq!(reasons["answer_redeemed"], redeemed, "{reasons}");
    }
}

/// Whether the kernel tells how much of a receive buffer is window: struct tcp_sock has scaling_ratio
/// since 6.6.
fn windows_are_known() -> bool {
    let release = nix::sys::utsname::uname().unwrap().release().to_string_lossy().into_owned();
    let mut numbers = release.split(['.', '-']).map(|part| part.parse().unwrap_or(0));
    (numbers.next().unwrap(), numbers.next().unwrap()) >= (6, 6)
}

/// Our own cookies are sent without a look at the listener, whose buffer may be of another size.
fn both_ends_agree_on_what_they_would_without_a_challenge(cookies: Cookies) {
    let sizes = [None, Some(4_096), Some(65_536), Some(1_000_000)];
    let sizes =
        if windows_are_known() && cookies == Cookies::Kernel { &sizes[..] } else { &sizes[..1] };
    for rcvbuf in sizes {
        let pair = cookies.pair();
        if !shows_rmem_max(&pair) {
            return;
        }
        let listener = listen(&pair, "::", |socket| {
            if let Some(size) = *rcvbuf {
                socket.set_recv_buffer_size(size).unwrap();
            }
        });
        let agreed = |client: TcpStream| {
            let (server, _) = listener.accept().unwrap();
            let client = Agreed::on(&client);
            assert_eq!(client.options, 7, "timestamps, SACK and window scale");
            assert_eq!(Agreed::on(&server).turned_round(), client, "both ends, rcvbuf {rcvbuf:?}");
            client
        };
        let (from, to) = ("10.0.0.2".parse().unwrap(), std::net::SocketAddr::new(SERVER, PORT));
        // With tcp_syncookies=2 the kernel would use cookies too.
        pair.set("net.ipv4.tcp_syncookies=1");
        let unchallenged = agreed(pair.client.enter(|| connect(from, to)).unwrap());
        cookies.set(&pair);
        let challenging = Challenging::on(pair, cookies, &[]);
        let challenged = agreed(challenging.connect_from("10.0.0.1", SERVER, PORT).unwrap());
        assert_eq!(challenged, unchallenged, "as without a challenge, rcvbuf {rcvbuf:?}");
        assert_eq!(challenging.reasons()["challenge_sent"], 1);
    }
}

#[test]
fn without_plain_timestamps_the_kernels_cookies_keep_no_options() {
    let pair = lab::pair!();
    pair.set("net.ipv4.tcp_syncookies=2");
    pair.set("net.ipv4.tcp_timestamps=1");
    let challenging = Challenging::on(pair, Cookies::Kernel, &[]);
    let listener = listen(&challenging.pair, "::", |_| {});
    for (from, to) in [("10.0.0.1", SERVER), ("fd00:5::1", server6())] {
        let client = challenging.connect_from(from, to, PORT).unwrap();
        let (server, _) = listener.accept().unwrap();
        for end in [client, server] {
            assert_eq!(Agreed::on(&end), Agreed { options: 0, sends: 0, receives: 0 });
        }
    }
}

fn a_hundred_megabytes_arrive_whole_both_ways(cookies: Cookies) {
    const LEN: usize = 100_000_000;
    let pattern = |at: usize| (at / 7 % 251) as u8;
    let challenging = Challenging::new(cookies, &[]);
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
