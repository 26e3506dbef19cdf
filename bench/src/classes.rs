// SPDX-License-Identifier: GPL-2.0-only
//! The cost of each kind of packet, from the kernel's test run of the shipped program.

use std::mem::MaybeUninit;
use std::net::{Ipv4Addr, Ipv6Addr, TcpListener};
use std::os::fd::{AsFd, BorrowedFd};

use anyhow::{Context, Result};
use bench::median;
use bench::skels::pass::PassSkelBuilder;
use etherparse::{EtherType, TcpHeader, TcpOptionElement};
use lab::frames::{
    CLIENT, SERVER, SERVER_MAC, SERVER_PORT, ethernet, ipv4_with, ipv6, ipv6_with, padded, syn_from,
};
use lab::netns::Netns;
use lab::program::{HOST, Port, Program, time, types};
use libbpf_rs::skel::{OpenSkel, SkelBuilder};
use serde::Serialize;

/// Runs of one frame. The kernel reports the mean.
const REPEAT: u32 = 1_000_000;
/// Runs with a different frame each, timed one by one.
const SINGLE: u32 = 20_000;

/// The cost of one kind of packet.
#[derive(Debug, Clone, Serialize)]
pub struct Class {
    pub name: String,
    /// The shipped program's median, in ns per packet.
    pub ns: f64,
    /// The median of an empty program, measured in the same way.
    pub bare_ns: f64,
}

impl Class {
    /// What the program costs on top of an empty one.
    pub fn cost(&self) -> f64 {
        self.ns - self.bare_ns
    }
}

pub fn measure(rounds: usize) -> Result<Vec<Class>> {
    let server = Netns::new("classes");
    server.run("sysctl", &["-qw", "net.ipv4.tcp_syncookies=2", "net.ipv4.tcp_timestamps=2"]);
    server.enter(|| {
        let _listener = TcpListener::bind((Ipv6Addr::UNSPECIFIED, SERVER_PORT))?;
        measure_here(rounds)
    })
}

fn measure_here(rounds: usize) -> Result<Vec<Class>> {
    let mut object = MaybeUninit::uninit();
    let bare = PassSkelBuilder::default().open(&mut object)?.load()?;
    let bare = bare.progs.pass.as_fd();
    let plain = Programs::load(&[]);
    let with_services = Programs::load(&SERVICES);

    let mut samples = Samples::default();
    for round in 0..rounds {
        for (name, frame, program) in same_frame_each_time(&plain, &with_services) {
            // The first frame comes from a new source.
            program.repeat(&frame, 1);
            samples.add(name, ours(program, &frame, REPEAT), nothing(bare, &frame, REPEAT));
        }
        for (name, program) in [
            ("SYN of a new source", &plain.fresh),
            ("SYN challenged", &plain.challenge),
            ("SYN challenged, of three services", &with_services.challenge),
        ] {
            let first = 0x0a00_0000 + round as u32 * SINGLE;
            let frames = (first..first + SINGLE).map(|host| syn4(Ipv4Addr::from_bits(host)));
            let (ns, bare_ns): (Vec<_>, Vec<_>) =
                frames.map(|frame| (ours(program, &frame, 1), nothing(bare, &frame, 1))).unzip();
            samples.add(name, median(ns), median(bare_ns));
        }
    }
    let challenge = plain.challenge;
    let redeem = challenge.programs.redeem.as_ref().context("this kernel takes no cookies of ours")?;
    for _ in 0..rounds {
        for (family, frame) in [("IPv4", established4()), ("IPv6", established6())] {
            for (name, is_on) in [("in peace", false), ("in a flood", true)] {
                challenge.look_for_answers(is_on);
                samples.add(
                    format!("ACK at tc {name}, {family}"),
                    time(redeem.as_fd(), &frame, REPEAT).as_nanos() as f64,
                    nothing(bare, &frame, REPEAT),
                );
            }
        }
    }
    Ok(samples.classes())
}

/// The port of the frames is in the last.
const SERVICES: [&str; 6] =
    ["--service", "ssh=22,challenge=off", "--service", "mail=25,465,587", "--service", "web=80,443"];

/// The program, so set that it does one thing.
struct Programs {
    refuse: Program,
    grant: Program,
    /// Has room for new sources.
    fresh: Program,
    challenge: Program,
}

impl Programs {
    /// With these options, too.
    fn load(options: &[&str]) -> Self {
        let load = |limits: &[&str]| Program::load(&[limits, options].concat());
        let challenge = load(&["--pass-rate", "1/h"]);
        answer_for_this_host(&challenge);
        Self {
            refuse: load(&["--burst", "1", "--rate", "1/h", "--challenge", "off"]),
            grant: load(&["--burst", "1000000000", "--rate", "1000000000", "--pass-rate", "0"]),
            fresh: load(&["--pass-rate", "0", "--max-sources", "4194304"]),
            challenge,
        }
    }
}

/// A segment of a connection, with timestamps where all stacks have them.
fn established(tcp: &mut TcpHeader) {
    (tcp.syn, tcp.ack) = (false, true);
    tcp.set_options(&[
        TcpOptionElement::Noop,
        TcpOptionElement::Noop,
        TcpOptionElement::Timestamp(1, 2),
    ])
    .expect("there is room for a timestamp");
}

fn established4() -> Vec<u8> {
    to_loopback(ipv4_with(&[7; 100], |_, tcp| established(tcp)))
}

fn established6() -> Vec<u8> {
    to_loopback(ipv6_with(&[7; 100], &[], |_, tcp| established(tcp)))
}

/// For the MAC of the interface on which the kernel's test run has frames arrive.
fn to_loopback(mut frame: Vec<u8>) -> Vec<u8> {
    frame[..6].fill(0);
    frame
}

/// Frames that the program does not change, so that the kernel can run it on one many times.
fn same_frame_each_time<'a>(
    Programs { refuse, grant, .. }: &'a Programs,
    with_services: &'a Programs,
) -> [(&'static str, Vec<u8>, &'a Program); 9] {
    let ack = |tcp: &mut TcpHeader| (tcp.syn, tcp.ack) = (false, true);
    let (syn, syn6) = (syn4(CLIENT), padded(ipv6(&[], |_, _| {})));
    [
        ("no TCP (ARP)", padded(ethernet(EtherType::ARP).to_vec()), refuse),
        ("ACK, IPv4", ipv4_with(&[7; 100], |_, tcp| ack(tcp)), refuse),
        ("ACK, IPv6", ipv6_with(&[7; 100], &[], |_, tcp| ack(tcp)), refuse),
        ("SYN refused, IPv4", syn.clone(), refuse),
        ("SYN refused, IPv6", syn6.clone(), refuse),
        ("SYN refused, of three services", syn.clone(), &with_services.refuse),
        ("SYN passed, IPv4", syn.clone(), grant),
        ("SYN passed, IPv6", syn6, grant),
        ("SYN passed, of three services", syn, &with_services.grant),
    ]
}

/// The rounds of each class in ns, of the shipped program and of the empty one.
#[derive(Default)]
struct Samples(Vec<(String, Vec<f64>, Vec<f64>)>);

impl Samples {
    fn add(&mut self, name: impl Into<String>, ns: f64, bare_ns: f64) {
        let name = name.into();
        match self.0.iter_mut().find(|sample| sample.0 == name) {
            Some(sample) => {
                sample.1.push(ns);
                sample.2.push(bare_ns);
            }
            None => self.0.push((name, vec![ns], vec![bare_ns])),
        }
    }

    fn classes(self) -> Vec<Class> {
        let class = |(name, ns, bare_ns)| Class { name, ns: median(ns), bare_ns: median(bare_ns) };
        self.0.into_iter().map(class).collect()
    }
}

/// Tells the program about this host, as user space does. Then spends its pass rate.
fn answer_for_this_host(program: &Program) {
    // So that few sources are looked up among the host's addresses.
    program.tell(types::host { address_bits: 0, ..HOST });
    program.own_mac(SERVER_MAC, 1500);
    program.own(SERVER.into());
    program.tell_port(false, SERVER_PORT, Port { listens: true, ..Port::default() });
    program.repeat(&syn4(Ipv4Addr::new(203, 0, 113, 1)), 1);
}

/// The mean of the runs in ns.
fn ours(program: &Program, frame: &[u8], times: u32) -> f64 {
    program.time(frame, times).as_nanos() as f64
}

fn nothing(program: BorrowedFd<'_>, frame: &[u8], times: u32) -> f64 {
    time(program, frame, times).as_nanos() as f64
}

fn syn4(from: Ipv4Addr) -> Vec<u8> {
    padded(syn_from(from))
}
