// SPDX-License-Identifier: GPL-2.0-only
//! What the program tells at once: sources that begin to be refused, and a sample of the SYNs that do not pass.

use std::net::IpAddr;
use std::time::Duration;

use anyhow::{Context, Result};
use libbpf_rs::{MapCore, MapFlags};

use super::Maps;
use super::ring::Ring;
use crate::kernel::encode;
use crate::kernel::skel::{from_bytes, types};

/// enum event_kind.
const REFUSED: u8 = 1;
const SAMPLE: u8 = 2;

/// All CPUs together take about so many samples a second. One of many CPUs takes more than its share, so that the sample
/// is not too small where only some of them get frames.
const SAMPLES_PER_S: u32 = 1000;
const MAX_SPACING: Duration = Duration::from_millis(10);

/// A source in its table: its first address, and the number of its service.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Key {
    pub address: IpAddr,
    pub service: u32,
}

/// A SYN that did not pass.
#[derive(Debug, Clone, Copy)]
pub struct Sample {
    /// Of its source, the first address. None: its headers are broken.
    pub source: Option<IpAddr>,
    pub port: u16,
    /// It stands for so many.
    pub weight: u32,
}

/// What has arrived.
#[derive(Debug, Default)]
pub struct Arrived {
    /// Sources of which a SYN was dropped, and none for ten seconds before; with the number of the reason.
    pub refused: Vec<(Key, u8)>,
    pub samples: Vec<Sample>,
}

/// The events of a program.
pub struct Events(Ring<types::event>);

impl Events {
    /// Also of the time before.
    pub fn open(maps: &Maps) -> Result<Self> {
        Ring::open(&maps.events, "the program's events", from_bytes).map(Self)
    }

    pub fn take(&self) -> Result<Arrived> {
        let mut arrived = Arrived::default();
        for event in self.0.take()? {
            let address = encode::ip(&event.source.addr);
            match event.kind {
                REFUSED => {
                    arrived
                        .refused
                        .push((Key { address, service: event.source.service }, event.reason));
                }
                SAMPLE => arrived.samples.push(Sample {
                    source: (!address.is_unspecified()).then_some(address),
                    port: event.port,
                    weight: event.weight,
                }),
                _ => {}
            }
        }
        Ok(arrived)
    }
}

/// Sources that began to be refused and were not told, as too many did.
pub fn untold(maps: &Maps) -> Result<u64> {
    let bytes = super::section("the count of events", &maps.data_untold)?;
    Ok(bytes.first_chunk().copied().map_or(0, u64::from_ne_bytes))
}

/// Has each CPU sample the next SYN, whatever it drew.
pub fn sample_now(maps: &Maps) -> Result<()> {
    let what = "cannot begin a new sample";
    let cpus = libbpf_rs::num_possible_cpus().context(what)?;
    let zeros = vec![vec![0; size_of::<types::sampler>()]; cpus];
    maps.samplers.update_percpu(&0_u32.to_ne_bytes(), &zeros, MapFlags::ANY).context(what)
}

/// How often each CPU samples a SYN, in ns.
pub fn sample_spacing_ns(possible_cpus: u32) -> u32 {
    let spacing = Duration::from_secs(1) * possible_cpus / SAMPLES_PER_S;
    spacing.min(MAX_SPACING).as_nanos() as u32
}
