// SPDX-License-Identifier: GPL-2.0-only
//! The flood. The kernel itself makes and sends the frames, several million per second on one core.

use std::io;
use std::mem::MaybeUninit;
use std::net::{Ipv4Addr, Ipv6Addr};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd};
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use clap::ValueEnum;
use libbpf_rs::skel::{OpenSkel, SkelBuilder};
use libbpf_rs::{MapCore, MapFlags, MapHandle, OpenObject};

use crate::skels::generator::{GeneratorSkel, GeneratorSkelBuilder};

/// The sources of the SYNs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum, serde::Serialize)]
#[serde(rename_all = "lowercase")]
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

impl Shape {
    /// A flood of this shape, as fast as possible.
    pub fn flood(self) -> Flood {
        let sources = match self {
            Self::One => 1,
            Self::Many => 1 << 16,
            Self::Random | Self::Ipv6 => 1 << 32,
        };
        Flood { ipv6: self == Self::Ipv6, sources, rate: None, count: None }
    }
}

/// The SYNs to send.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Flood {
    pub ipv6: bool,
    /// How many addresses follow each other from the first source, at most 2^32. They come in random
    /// order.
    pub sources: u64,
    /// SYNs per second. None: as fast as possible.
    pub rate: Option<f64>,
    /// SYNs in total. None: no end.
    pub count: Option<u64>,
}

/// The target of the flood.
#[derive(Debug, Clone)]
pub struct Target {
    /// The veth to send from.
    pub ifindex: u32,
    pub mac: [u8; 6],
    pub ipv4: Ipv4Addr,
    pub ipv6: Ipv6Addr,
    pub port: u16,
    /// The first IPv4 source. Beyond the last address come the first ones.
    pub source: Ipv4Addr,
}

/// Each call into the kernel sets up its frames again, which costs as much as sending 100,000. So the
/// calls double in size until one takes long enough for that not to matter.
const FIRST_CHUNK: u32 = 65_536;
const LONG_ENOUGH: Duration = Duration::from_millis(200);

/// The kernel sends this many frames before it lets the receiver work.
const BATCH: u32 = 64;

pub struct Generator<'obj> {
    skel: GeneratorSkel<'obj>,
    frame: Vec<u8>,
    chunk: u32,
    count: Option<u64>,
}

impl<'obj> Generator<'obj> {
    pub fn load(
        flood: Flood,
        target: &Target,
        object: &'obj mut MaybeUninit<OpenObject>,
    ) -> Result<Self> {
        let mut open = GeneratorSkelBuilder::default().open(object)?;
        let constants = open.maps.rodata_flood_data.as_mut().context("no constants")?;
        let constants = &mut constants.flood;
        constants.ipv6 = flood.ipv6.into();
        constants.sources = flood.sources;
        constants.interval_ns = flood.rate.map_or(0, |rate| (1e9 / rate) as u64);
        constants.count = flood.count.unwrap_or(0);
        constants.ifindex = target.ifindex;
        constants.server_mac = target.mac;
        constants.port = target.port.to_be();
        constants.source4 = target.source.to_bits();
        constants.server4 = target.ipv4.to_bits().to_be();
        let octets = target.ipv6.octets();
        let (words, _) = octets.as_chunks();
        constants.server6 = std::array::from_fn(|i| u32::from_ne_bytes(words[i]));
        let skel = open.load().context("the kernel refused the generator")?;
        // The minimum on Ethernet, or the length of the headers over IPv6.
        let frame = vec![0; if flood.ipv6 { 74 } else { 60 }];
        Ok(Self { skel, frame, chunk: FIRST_CHUNK, count: flood.count })
    }

    /// Sends for `time`, or until all is sent.
    pub fn run(&mut self, time: Duration) -> Result<()> {
        let start = Instant::now();
        while start.elapsed() < time && self.count.is_none_or(|count| self.sent() < count) {
            let call = Instant::now();
            send(self.skel.progs.generate.as_fd(), &self.frame, self.chunk)
                .context("the kernel does not run the generator: live frames need Linux 5.18")?;
            if call.elapsed() < LONG_ENOUGH {
                self.chunk *= 2;
            }
        }
        Ok(())
    }

    /// SYNs sent since it was loaded.
    pub fn sent(&self) -> u64 {
        sent(&self.skel.maps.data_progress)
    }

    /// What tells another thread how many SYNs are sent, while it runs.
    pub fn meter(&self) -> Result<Meter> {
        Ok(Meter(MapHandle::try_from(&self.skel.maps.data_progress)?))
    }
}

/// The number of SYNs that a [`Generator`] has sent.
#[derive(Debug)]
pub struct Meter(MapHandle);

impl Meter {
    /// SYNs sent until now.
    pub fn sent(&self) -> u64 {
        sent(&self.0)
    }
}

fn sent(progress: &impl MapCore) -> u64 {
    let bytes = progress.lookup(&0_u32.to_ne_bytes(), MapFlags::ANY).ok().flatten();
    let sent = bytes.and_then(|bytes| bytes.get(8..16)?.first_chunk().copied());
    sent.map_or(0, u64::from_ne_bytes)
}

/// BPF_PROG_TEST_RUN with live frames. libbpf-rs cannot set a batch size.
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
    // SAFETY: the frame outlives the call, its size is right, and the options contain their own size.
    let error = unsafe { libbpf_sys::bpf_prog_test_run_opts(program.as_raw_fd(), &mut options) };
    if error < 0 { Err(io::Error::from_raw_os_error(-error)) } else { Ok(()) }
}
