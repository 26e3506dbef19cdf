// SPDX-License-Identifier: GPL-2.0-only
//! A host with a listener, for which the shipped program answers frame by frame.

use std::mem::MaybeUninit;
use std::net::{IpAddr, Ipv6Addr, TcpListener};

use libbpf_rs::{MapCore, MapFlags, OpenObject};
use nix::sched::sched_getcpu;
use synflood_xdp::bpf::{as_bytes, types};
use synflood_xdp::config;

use crate::common::cpu;
use crate::common::frames::{CLIENT_PORT, SERVER, SERVER_MAC, SERVER_PORT, SERVER6, ipv4, ipv6};
use crate::common::netns::Netns;
use crate::common::program::Program;

pub const MTU: u32 = 1500;

/// The kernel makes cookies whether the listener has room or not, and reads options from timestamps.
pub const SETTINGS: types::host = types::host {
    syncookies: 2,
    timestamps: 1,
    sack: 1,
    wscale: 1,
    ecn: 1,
    padding: [0; 3],
    rcv_space: 33_554_432,
    generation: 0,
    address_bits: u64::MAX, // whatever address a test adds
};

/// Runs a test where a listener waits on [`SERVER_PORT`] of any address.
pub fn on_a_server(test: impl FnOnce() + Send) {
    let server = Netns::new("server");
    server.run("sysctl", &["-qw", "net.ipv4.tcp_syncookies=2", "net.ipv4.tcp_timestamps=2"]);
    server.enter(|| {
        // What the program remembers, it remembers on one CPU.
        cpu::stay_on(sched_getcpu().unwrap());
        let _listener = TcpListener::bind((Ipv6Addr::UNSPECIFIED, SERVER_PORT)).unwrap();
        test();
    });
}

/// With these options, and a budget for new sources that is spent.
pub fn refusing<'obj>(options: &[&str], object: &'obj mut MaybeUninit<OpenObject>) -> Program<'obj> {
    let program = Program::load(&[&["--new-sources", "1/h"], options].concat(), object);
    tell(&program, SETTINGS);
    let maps = &program.skel.maps;
    let mac = types::mac { octet: SERVER_MAC, ..Default::default() };
    maps.own_macs.update(as_bytes(&mac), as_bytes(&MTU), MapFlags::ANY).unwrap();
    own(&program, SERVER.into());
    own(&program, SERVER6.into());
    let first = ipv4(|ip, _| ip.source = [203, 0, 113, 1]);
    assert_eq!(program.judge(&first).0, "pass_new_source");
    program
}

/// Makes an address one of the host's.
pub fn own(program: &Program<'_>, address: IpAddr) {
    let own_addresses = &program.skel.maps.own_addresses;
    let key = config::address(address);
    own_addresses.update(as_bytes(&key), as_bytes(&1_u8), MapFlags::ANY).unwrap();
}

/// What user space keeps up to date.
pub fn tell(program: &Program<'_>, settings: types::host) {
    let host = &program.skel.maps.data_host;
    host.update(as_bytes(&0_u32), as_bytes(&settings), MapFlags::ANY).unwrap();
}

/// A SYN with these TCP options, padded to whole words.
pub fn syn4(options: &[u8]) -> Vec<u8> {
    ipv4(|_, tcp| tcp.set_options_raw(options).unwrap())
}

pub fn syn6(options: &[u8]) -> Vec<u8> {
    ipv6(&[], |_, tcp| tcp.set_options_raw(options).unwrap())
}

/// Ports of an answer.
pub const ANSWER_PORTS: (u16, u16) = (SERVER_PORT, CLIENT_PORT);
