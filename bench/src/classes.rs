// SPDX-License-Identifier: GPL-2.0-only
//! What each kind of packet costs, from the kernel's own test run of the shipped program.

use std::mem::MaybeUninit;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, TcpListener};

use anyhow::{Context, Result};
use bench::skels::pass::PassSkelBuilder;
use clap::Parser;
use etherparse::{Ethernet2Header, PacketBuilder, TcpHeader};
use lab::netns::Netns;
use libbpf_rs::skel::{OpenSkel, SkelBuilder};
use libbpf_rs::{MapCore, MapFlags, OpenObject, ProgramInput, ProgramMut};
use serde::Serialize;
use synflood_xdp::bpf::{self, SynfloodSkel, as_bytes, types};
use synflood_xdp::cli::Cli;
use synflood_xdp::config::{self, Settings};

const CLIENT: Ipv4Addr = Ipv4Addr::new(192, 0, 2, 1);
const SERVER: Ipv4Addr = Ipv4Addr::new(192, 0, 2, 80);
const CLIENT6: Ipv6Addr = Ipv6Addr::new(0x2001, 0xdb8, 0, 1, 0, 0, 0, 1);
const SERVER6: Ipv6Addr = Ipv6Addr::new(0x2001, 0xdb8, 0, 2, 0, 0, 0, 80);
const MAC: [u8; 6] = [2, 0, 0, 0, 0, 2];
const PORT: u16 = 80;

/// Runs of one frame, of which the kernel tells the mean.
const REPEAT: u32 = 1_000_000;
/// Runs of frames that must differ, each timed for itself.
const SINGLE: u32 = 20_000;

/// What one kind of packet costs.
#[derive(Debug, Clone, Serialize)]
pub struct Class {
    pub name: &'static str,
    /// Of the shipped program, ns a packet; medians.
    pub ns: f64,
    /// Of a program that does nothing, measured in the same way.
    pub bare_ns: f64,
}

impl Class {
    /// What the packet pays for the program.
    pub fn cost(&self) -> f64 {
        self.ns - self.bare_ns
    }
}

pub fn measure(rounds: usize) -> Result<Vec<Class>> {
    let server = Netns::new("classes");
    server.run("sysctl", &["-qw", "net.ipv4.tcp_syncookies=2", "net.ipv4.tcp_timestamps=2"]);
    server.enter(|| {
        let _listener = TcpListener::bind((Ipv6Addr::UNSPECIFIED, PORT))?;
        measure_here(rounds)
    })
}

fn measure_here(rounds: usize) -> Result<Vec<Class>> {
    let mut objects: [MaybeUninit<OpenObject>; 5] = [const { MaybeUninit::uninit() }; 5];
    let [pass, refuse, grant, fresh, challenge] = &mut objects;
    let bare = PassSkelBuilder::default().open(pass)?.load()?;
    let refuse = load(&["--burst", "1", "--rate", "1/h"], refuse)?;
    let grant = load(&["--burst", "1000000000", "--rate", "1000000000"], grant)?;
    let fresh = load(&["--new-sources", "0", "--max-sources", "4194304"], fresh)?;
    let challenge = load(&["--new-sources", "1/h"], challenge)?;
    answer_for_this_host(&challenge)?;
    single(&challenge.progs.synflood, &syn(Ipv4Addr::new(203, 0, 113, 1).into()))?;

    let (arp, ack, ack6) = (arp(), tcp(CLIENT.into(), false), tcp(CLIENT6.into(), false));
    let (syn4, syn6) = (syn(CLIENT.into()), syn(CLIENT6.into()));
    let mut samples: Vec<(&'static str, Vec<f64>, Vec<f64>)> = Vec::new();
    let mut add = |name, ns, bare_ns| match samples.iter_mut().find(|sample| sample.0 == name) {
        Some(sample) => {
            sample.1.push(ns);
            sample.2.push(bare_ns);
        }
        None => samples.push((name, vec![ns], vec![bare_ns])),
    };
    for round in 0..rounds {
        let bare = &bare.progs.pass;
        for (name, frame, program) in [
            ("no TCP (ARP)", &arp, &refuse.progs.synflood),
            ("ACK, IPv4", &ack, &refuse.progs.synflood),
            ("ACK, IPv6", &ack6, &refuse.progs.synflood),
            ("SYN refused, IPv4", &syn4, &refuse.progs.synflood),
            ("SYN refused, IPv6", &syn6, &refuse.progs.synflood),
            ("SYN passed, IPv4", &syn4, &grant.progs.synflood),
            ("SYN passed, IPv6", &syn6, &grant.progs.synflood),
        ] {
            // The first comes from a new source.
            single(program, frame)?;
            add(name, repeated(program, frame)?, repeated(bare, frame)?);
        }
        for (name, program) in [
            ("SYN of a new source", &fresh.progs.synflood),
            ("SYN challenged", &challenge.progs.synflood),
        ] {
            let (mut ours, mut nothing) = (Vec::new(), Vec::new());
            for host in 0..SINGLE {
                let frame = syn(Ipv4Addr::from_bits(0x0a00_0000 + round as u32 * SINGLE + host).into());
                ours.push(single(program, &frame)?);
                nothing.push(single(bare, &frame)?);
            }
            add(name, median(ours), median(nothing));
        }
    }
    let class = |(name, ns, bare_ns)| Class { name, ns: median(ns), bare_ns: median(bare_ns) };
    Ok(samples.into_iter().map(class).collect())
}

fn load<'obj>(
    options: &[&str],
    object: &'obj mut MaybeUninit<OpenObject>,
) -> Result<SynfloodSkel<'obj>> {
    let command = ["synflood-xdp", "--iface", "none"].iter().chain(options);
    bpf::load(&Settings::try_from(&Cli::try_parse_from(command)?)?, object)
}

/// As user space tells the program when it protects an interface.
fn answer_for_this_host(skel: &SynfloodSkel<'_>) -> Result<()> {
    let settings = types::host {
        syncookies: 2,
        timestamps: 1,
        sack: 1,
        wscale: 1,
        rcv_space: 1 << 25,
        ..Default::default()
    };
    skel.maps.data_host.update(as_bytes(&0_u32), as_bytes(&settings), MapFlags::ANY)?;
    let mac = types::mac { octet: MAC, ..Default::default() };
    skel.maps.own_macs.update(as_bytes(&mac), as_bytes(&1500_u32), MapFlags::ANY)?;
    let address = config::address(SERVER.into());
    skel.maps.own_addresses.update(as_bytes(&address), as_bytes(&1_u8), MapFlags::ANY)?;
    Ok(())
}

/// The mean of many runs, in ns.
fn repeated(program: &ProgramMut<'_>, frame: &[u8]) -> Result<f64> {
    run(program, frame, REPEAT)
}

/// One run, in ns; the frame may be another afterwards.
fn single(program: &ProgramMut<'_>, frame: &[u8]) -> Result<f64> {
    run(program, frame, 1)
}

fn run(program: &ProgramMut<'_>, frame: &[u8], repeat: u32) -> Result<f64> {
    let input = ProgramInput { data_in: Some(frame), repeat, ..Default::default() };
    let output = program.test_run(input).context("the kernel does not run the program")?;
    Ok(output.duration.as_nanos() as f64)
}

fn ethernet() -> etherparse::PacketBuilderStep<Ethernet2Header> {
    PacketBuilder::ethernet2([2, 0, 0, 0, 0, 1], MAC)
}

fn syn(from: IpAddr) -> Vec<u8> {
    tcp(from, true)
}

/// A SYN, or an ACK with a little data, to the server.
fn tcp(from: IpAddr, syn: bool) -> Vec<u8> {
    let mut header = TcpHeader::new(40_000, PORT, 1, 64_240);
    (header.syn, header.ack) = (syn, !syn);
    let builder = match from {
        IpAddr::V4(from) => ethernet().ipv4(from.octets(), SERVER.octets(), 64),
        IpAddr::V6(from) => ethernet().ipv6(from.octets(), SERVER6.octets(), 64),
    };
    let data: &[u8] = if syn { &[] } else { &[7; 100] };
    let mut frame = Vec::new();
    // Into memory, with lengths that fit: it cannot fail.
    let _ = builder.tcp_header(header).write(&mut frame, data);
    frame.resize(frame.len().max(60), 0);
    frame
}

fn arp() -> Vec<u8> {
    let header = Ethernet2Header {
        source: [2, 0, 0, 0, 0, 1],
        destination: [0xff; 6],
        ether_type: etherparse::EtherType::ARP,
    };
    let mut frame = header.to_bytes().to_vec();
    frame.resize(60, 0);
    frame
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}
