// SPDX-License-Identifier: GPL-2.0-only
//! A host with a listener. The shipped program answers single frames for it.

use std::net::{Ipv6Addr, TcpListener};

use lab::cpu;
use lab::frames::{CLIENT_PORT, SERVER, SERVER_MAC, SERVER_PORT, SERVER6, ipv4, ipv6, syn_from};
use lab::netns::Netns;
use lab::program::{HOST, Port, Program, types};

pub const MTU: u32 = 1500;

/// The source of the one SYN that [`refusing`] lets pass.
pub const FIRST: [u8; 4] = [203, 0, 113, 1];

/// With these settings our own cookies are sent only where something refuses.
pub const OWN_COOKIES: types::host = types::host { syncookies: 1, timestamps: 1, ..HOST };

/// Runs a test with a listener on [`SERVER_PORT`] of any address.
pub fn on_a_server(test: impl FnOnce() + Send) {
    let server = Netns::new("server");
    server.run("sysctl", &["-qw", "net.ipv4.tcp_syncookies=2", "net.ipv4.tcp_timestamps=2"]);
    server.enter(|| {
        cpu::stay();
        let _listener = TcpListener::bind((Ipv6Addr::UNSPECIFIED, SERVER_PORT)).unwrap();
        test();
    });
}

/// Tells a program about the server.
pub fn tell(program: &Program, settings: types::host) {
    program.tell(settings);
    program.own_mac(SERVER_MAC, MTU);
    program.own(SERVER.into());
    program.own(SERVER6.into());
    for is_ipv6 in [false, true] {
        program.tell_port(is_ipv6, SERVER_PORT, Port { listens: true, ..Default::default() });
    }
}

/// Loads the program with these options and spends its pass rate. It sends our own cookies.
pub fn refusing(options: &[&str]) -> Program {
    spent(&[&["--cookies", "own"], options].concat(), OWN_COOKIES)
}

/// The same, but it sends the kernel's cookies.
pub fn refusing_by_kernel(options: &[&str]) -> Program {
    spent(&[&["--cookies", "kernel"], options].concat(), HOST)
}

fn spent(options: &[&str], settings: types::host) -> Program {
    let program = Program::load(&[&["--pass-rate", "1/h"], options].concat());
    tell(&program, settings);
    assert_eq!(program.judge(&syn_from(FIRST.into())).0, "pass_within_limit");
    program
}

/// A SYN with these TCP options, padded to whole words.
pub fn syn4(options: &[u8]) -> Vec<u8> {
    ipv4(|_, tcp| tcp.set_options_raw(options).unwrap())
}

pub fn syn6(options: &[u8]) -> Vec<u8> {
    ipv6(&[], |_, tcp| tcp.set_options_raw(options).unwrap())
}

/// The source and destination port of an answer.
pub const ANSWER_PORTS: (u16, u16) = (SERVER_PORT, CLIENT_PORT);
