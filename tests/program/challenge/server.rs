// SPDX-License-Identifier: GPL-2.0-only
//! A host with a listener. The shipped program answers single frames for it.

use std::mem::MaybeUninit;
use std::net::{Ipv6Addr, TcpListener};

use lab::cpu;
use lab::frames::{CLIENT_PORT, SERVER, SERVER_MAC, SERVER_PORT, SERVER6, ipv4, ipv6};
use lab::netns::Netns;
use lab::program::{HOST, Program};
use libbpf_rs::OpenObject;

const MTU: u32 = 1500;

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

/// Loads the program with these options and spends its budget for new sources.
pub fn refusing<'obj>(options: &[&str], object: &'obj mut MaybeUninit<OpenObject>) -> Program<'obj> {
    let program = Program::load(&[&["--new-sources", "1/h"], options].concat(), object);
    program.tell(HOST);
    program.own_mac(SERVER_MAC, MTU);
    program.own(SERVER.into());
    program.own(SERVER6.into());
    let first = ipv4(|ip, _| ip.source = [203, 0, 113, 1]);
    assert_eq!(program.judge(&first).0, "pass_new_source");
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
