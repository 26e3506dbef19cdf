// SPDX-License-Identifier: GPL-2.0-only
//! `observe`: each segment with its verdict, on a running instance and on an interface without one.

use std::io::{Read, Write};
use std::net::{Ipv4Addr, TcpListener, TcpStream};

use lab::defence::Defence;
use lab::frames::ipv4;
use lab::pair::Pair;
use lab::{wait_for, wire};
use nix::sys::signal::Signal;

/// What keeps a port busy, and answers each client with as many bytes as it sent.
fn serve(pair: &Pair, port: u16) {
    let listener = pair.server.enter(|| TcpListener::bind((Pair::SERVER, port)).unwrap());
    std::thread::spawn(move || {
        for client in listener.incoming() {
            let mut client = client.unwrap();
            let mut data = [0; 16];
            while let Ok(len @ 1..) = client.read(&mut data) {
                client.write_all(&data[..len]).unwrap();
            }
        }
    });
}

/// Connects, says "hello", has it said back, and closes.
fn talk(pair: &Pair, port: u16) {
    let mut stream = pair.client.enter(|| TcpStream::connect((Pair::SERVER, port)).unwrap());
    stream.write_all(b"hello").unwrap();
    let mut data = [0; 5];
    stream.read_exact(&mut data).unwrap();
}

fn observe(pair: &Pair, args: &[&str]) -> Defence {
    let command = pair.synflood(&[&["observe", "--iface", "eth0"], args].concat());
    Defence::start_until("observing ", command).unwrap()
}

/// Its output, once it has this in a line.
#[track_caller]
fn lines_with(observer: &Defence, what: &str) -> Vec<String> {
    wait_for(what, || {
        let text = observer.stdout();
        text.contains(what).then(|| text.lines().map(String::from).collect())
    })
}

fn syn_from(source: Ipv4Addr) -> Vec<u8> {
    ipv4(|ip, tcp| {
        (ip.source, ip.destination) = (source.octets(), [10, 0, 0, 10]);
        tcp.destination_port = 80;
    })
}

/// Direction, flags and verdict of each line; what goes out has none.
fn shape(lines: &[String]) -> Vec<String> {
    let shape = |line: &String| {
        let direction = line.split_whitespace().nth(1).unwrap();
        let (_, rest) = line.split_once('[').unwrap();
        let (flags, rest) = rest.split_once(']').unwrap();
        let verdict = rest.split_once("  ").map_or("", |(_, verdict)| verdict);
        format!("{direction} {flags} {verdict}").trim_end().to_owned()
    };
    lines.iter().map(shape).collect()
}

#[test]
fn a_handshake_reads_as_a_handshake() {
    for mode in ["native", "skb"] {
        let pair = lab::pair!();
        serve(&pair, 80);
        let _defence = Defence::start(&pair, &["--iface", "eth0", "--mode", mode]);
        let observer = observe(&pair, &["--port", "80"]);
        talk(&pair, 80);
        let lines = lines_with(&observer, "[F.]");
        let shape = shape(&lines);
        assert_eq!(
            shape[..4],
            ["in S pass_within_limit", "out S.", "in . skip_not_syn", "in P. skip_not_syn"],
            "{lines:?}"
        );
        assert!(lines[0].contains(" > 10.0.0.10:80 [S] seq "), "{}", lines[0]);
        assert!(lines[0].contains(", mss 1460, sackOK, ts "), "{}", lines[0]);
        assert!(lines[3].contains(", length 5"), "{}", lines[3]);
        let ended = observer.signal(Signal::SIGINT);
        assert_eq!(ended.status.code(), Some(0));
        assert!(ended.stderr.contains(" segments shown, 0 not shown"), "{}", ended.stderr);
    }
}
