// SPDX-License-Identifier: GPL-2.0-only
//! The flood: frames made and sent by the kernel itself, several million a second on one core.

use std::io;
use std::mem::MaybeUninit;
use std::net::{Ipv4Addr, Ipv6Addr};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd};
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use clap::ValueEnum;
use libbpf_rs::OpenObject;
use libbpf_rs::skel::{OpenSkel, SkelBuilder};

use crate::skels::generator::{GeneratorSkel, GeneratorSkelBuilder, types};

/// Who the SYNs come from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Shape {
    /// One source
    One,
    /// 65,536 sources, in random order
    Many,
    /// Any IPv4 address
    Random,
    /// Any IPv6 /64
    Ipv6,
}

/// Where the flood goes.
#[derive(Debug, Clone)]
pub struct Target {
    /// The veth to send from.
    pub ifindex: u32,
    pub mac: [u8; 6],
    pub ipv4: Ipv4Addr,
    pub ipv6: Ipv6Addr,
    pub port: u16,
    /// The source of [`Shape::One`], and the first two bytes of [`Shape::Many`].
    pub source: Ipv4Addr,
}

/// Each call into the kernel makes its frames anew, which costs as much as 100,000 of them: so calls
/// grow, frames by frames, until one takes long enough for that not to matter.
const FIRST_CHUNK: u32 = 65_536;
const LONG_ENOUGH: Duration = Duration::from_millis(200);

/// The kernel sends that many frames before it lets the receiver work.
const BATCH: u32 = 64;

pub struct Generator<'obj> {
    skel: GeneratorSkel<'obj>,
    frame: Vec<u8>,
    chunk: u32,
}

impl<'obj> Generator<'obj> {
    pub fn load(
        shape: Shape,
        target: &Target,
        object: &'obj mut MaybeUninit<OpenObject>,
    ) -> Result<Self> {
        let mut open = GeneratorSkelBuilder::default().open(object)?;
        let flood = &mut open.maps.rodata_flood_data.as_mut().context("no constants")?.flood;
        flood.shape = match shape {
            Shape::One => types::shape::SHAPE_ONE,
            Shape::Many => types::shape::SHAPE_MANY,
            Shape::Random => types::shape::SHAPE_RANDOM,
            Shape::Ipv6 => types::shape::SHAPE_IPV6,
        };
        flood.ifindex = target.ifindex;
        flood.server_mac = target.mac;
        flood.port = target.port.to_be();
        flood.source4 = u32::from_ne_bytes(target.source.octets());
        flood.server4 = u32::from_ne_bytes(target.ipv4.octets());
        let octets = target.ipv6.octets();
        let (words, _) = octets.as_chunks();
        flood.server6 = std::array::from_fn(|i| u32::from_ne_bytes(words[i]));
        let skel = open.load().context("the kernel refused the generator")?;
        // The least that Ethernet sends, and for IPv6 what its headers take.
        let frame = vec![0; if shape == Shape::Ipv6 { 74 } else { 60 }];
        Ok(Self { skel, frame, chunk: FIRST_CHUNK })
    }

    /// Sends for `time`, as fast as it goes; how many were sent.
    pub fn run(&mut self, time: Duration) -> Result<u64> {
        let start = Instant::now();
        let mut sent: u64 = 0;
        while start.elapsed() < time {
            let call = Instant::now();
            send(self.skel.progs.generate.as_fd(), &self.frame, self.chunk)
                .context("the kernel does not run the generator: live frames need Linux 5.18")?;
            sent += u64::from(self.chunk);
            if call.elapsed() < LONG_ENOUGH {
                self.chunk *= 2;
            }
        }
        Ok(sent)
    }
}

/// BPF_PROG_TEST_RUN with live frames; libbpf-rs does not set a batch size.
fn send(program: BorrowedFd<'_>, frame: &[u8], count: u32) -> io::Result<()> {
    let mut options = libbpf_sys::bpf_test_run_opts {
        sz: size_of::<libbpf_sys::bpf_test_run_opts>() as _,
        data_in: frame.as_ptr().cast(),
        data_size_in: frame.len() as u32,
        repeat: count as i32,
        flags: libbpf_sys::BPF_F_TEST_XDP_LIVE_FRAMES,
        batch_size: BATCH,
        ..Default::default()
    };
    // SAFETY: the frame outlives the call and goes with its size, the options say theirs.
    let error = unsafe { libbpf_sys::bpf_prog_test_run_opts(program.as_raw_fd(), &mut options) };
    if error < 0 { Err(io::Error::from_raw_os_error(-error)) } else { Ok(()) }
}
