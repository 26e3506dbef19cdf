// SPDX-License-Identifier: GPL-2.0-only
//! What lists cost a SYN that is on none of them, from the kernel's test run of the shipped program on a million
//! addresses.

use std::collections::BTreeMap;
use std::mem::MaybeUninit;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::os::fd::{AsFd, AsRawFd};
use std::time::Instant;

use anyhow::{Context, Result};
use bench::median;
use bench::skels::wander::{WanderSkel, WanderSkelBuilder};
use ipnet::IpNet;
use lab::frames::{ipv4, ipv6, padded};
use lab::program::{Program, time};
use libbpf_rs::skel::{OpenSkel, SkelBuilder};
use libbpf_rs::{MapCore, MapFlags, OpenObject};
use serde::Serialize;
use synflood_xdp::kernel::maps::lists::{Writer, files};
use synflood_xdp::kernel::skel::as_bytes;
use synflood_xdp::kernel::{encode, sys};
use synflood_xdp::policy::Listed;

/// Addresses that the SYNs come from, each once in a run.
const ADDRESSES: u32 = 1 << 20;

/// The same networks in each run of the benchmark.
const SEED: u64 = 7;

/// SYNs that are on no list.
#[derive(Debug, Clone, Serialize)]
pub struct Row {
    /// What is listed.
    pub networks: String,
    pub family: &'static str,
    /// Seconds to enter the networks.
    pub load_s: f64,
    /// The median, in ns per SYN, and that without lists in the same rounds.
    pub ns: f64,
    pub without_ns: f64,
}

impl Row {
    pub fn cost(&self) -> f64 {
        self.ns - self.without_ns
    }
}

/// Networks, of one family.
struct Networks {
    name: String,
    is_ipv6: bool,
    networks: BTreeMap<IpNet, files::Entry>,
}

pub fn measure(rounds: usize) -> Result<Vec<Row>> {
    let mut rng = fastrand::Rng::with_seed(SEED);
    let mut rows = Vec::new();
    for is_ipv6 in [false, true] {
        for count in [0, 10_000, 1_000_000] {
            for (kind, draw) in KINDS {
                let networks = (0..count).map(|_| (draw(&mut rng, is_ipv6), DENIED)).collect();
                let listed = Networks { name: format!("{count} {kind}"), is_ipv6, networks };
                rows.push(measure_one(listed, &mut rng, rounds)?);
                if count == 0 {
                    break;
                }
            }
        }
    }
    Ok(rows)
}

const DENIED: files::Entry = files::Entry { listed: Listed::Denied, origin: files::OPTION, line: 0 };

type Draw = fn(&mut fastrand::Rng, bool) -> IpNet;

const KINDS: [(&str, Draw); 2] = [("single addresses", single), ("networks", mixed)];

/// Anywhere: the worst for a filter. Of IPv6, a /64.
fn single(rng: &mut fastrand::Rng, is_ipv6: bool) -> IpNet {
    network(address(rng, is_ipv6), if is_ipv6 { 64 } else { 32 })
}

/// As real lists have them: mostly single addresses, many of them neighbours, and networks of all sizes.
fn mixed(rng: &mut fastrand::Rng, is_ipv6: bool) -> IpNet {
    let mut of = |bits: &[u8]| bits[rng.usize(..bits.len())];
    let bits = if is_ipv6 {
        of(&[29, 32, 36, 40, 44, 48, 48, 48, 56, 64, 64, 64, 64, 128])
    } else {
        of(&[
            19, 20, 21, 22, 23, 24, 24, 24, 24, 25, 26, 27, 28, 29, 30, 32, 32, 32, 32, 32, 32, 32, 32,
        ])
    };
    // A fifth of the space has all of them; of IPv6, 10,000 /32.
    let address = match address(rng, is_ipv6) {
        IpAddr::V4(ip) => Ipv4Addr::from_bits(ip.to_bits() / 5).into(),
        IpAddr::V6(ip) => {
            let (first, rest) = (ip.to_bits() >> 96, ip.to_bits() << 32 >> 32);
            Ipv6Addr::from_bits((((1 << 29) + first % 10_000 * 53_687) << 96) + rest).into()
        }
    };
    network(address, bits)
}

fn network(address: IpAddr, bits: u8) -> IpNet {
    IpNet::new(address, bits).expect("a length of its family").trunc()
}

/// Of IPv6, in the space that is in use.
fn address(rng: &mut fastrand::Rng, is_ipv6: bool) -> IpAddr {
    if is_ipv6 {
        Ipv6Addr::from_bits(rng.u128(..) >> 3 | 1 << 125).into()
    } else {
        Ipv4Addr::from_bits(rng.u32(1 << 24..)).into()
    }
}

fn measure_one(listed: Networks, rng: &mut fastrand::Rng, rounds: usize) -> Result<Row> {
    // An unknown source over the pass rate: the SYN whose verdict takes the least.
    let load = || Program::load(&["--challenge", "off", "--pass-rate", "1/h"]);
    let (with, without) = (load(), load());
    let start = Instant::now();
    files::apply(&mut Writer::alone(with.maps.lists())?, &listed.networks)?;
    let load_s = start.elapsed().as_secs_f64();

    let mut objects = [MaybeUninit::uninit(), MaybeUninit::uninit()];
    let [object, other] = &mut objects;
    let unlisted = unlisted(&listed, rng);
    let wanderers = [wander(&with, object, &unlisted)?, wander(&without, other, &unlisted)?];
    let frame = padded(if listed.is_ipv6 { ipv6(&[], |_, _| {}) } else { ipv4(|_, _| {}) });
    let mut samples = [const { Vec::new() }; 2];
    for _ in 0..=rounds {
        for (wanderer, samples) in wanderers.iter().zip(&mut samples) {
            samples.push(time(wanderer.progs.wander.as_fd(), &frame, ADDRESSES).as_nanos() as f64);
        }
    }
    // The first round spends the pass rate, and fills the caches.
    let [ns, without_ns] = samples.map(|samples| median(samples[1..].to_vec()));
    let family = if listed.is_ipv6 { "IPv6" } else { "IPv4" };
    Ok(Row { networks: listed.name, family, load_s, ns, without_ns })
}

/// Addresses that no network contains.
fn unlisted(listed: &Networks, rng: &mut fastrand::Rng) -> Vec<IpAddr> {
    let mut lengths: Vec<u8> = listed.networks.keys().map(IpNet::prefix_len).collect();
    lengths.sort_unstable();
    lengths.dedup();
    let is_listed =
        |&ip: &IpAddr| lengths.iter().any(|&bits| listed.networks.contains_key(&network(ip, bits)));
    let addresses = std::iter::repeat_with(|| address(rng, listed.is_ipv6));
    addresses.filter(|ip| !is_listed(ip)).take(ADDRESSES as usize).collect()
}

/// A program that runs this one on these addresses, one after the other.
fn wander<'a>(
    program: &Program,
    object: &'a mut MaybeUninit<OpenObject>,
    addresses: &[IpAddr],
) -> Result<WanderSkel<'a>> {
    let mut open = WanderSkelBuilder::default().open(object)?;
    open.maps.rodata_wander_data.as_mut().context("no constants")?.addresses = addresses.len() as u32;
    open.maps.sources.set_max_entries(addresses.len() as u32)?;
    // As the program that it calls.
    open.progs.wander.set_flags(libbpf_sys::BPF_F_XDP_HAS_FRAGS);
    let skel = open.load()?;
    let indices: Vec<u8> = (0..addresses.len() as u32).flat_map(u32::to_ne_bytes).collect();
    let encoded: Vec<u8> =
        addresses.iter().flat_map(|&ip| as_bytes(&encode::address(ip)).to_vec()).collect();
    sys::map_update_batch(&skel.maps.sources, &indices, &encoded)?;
    let next = program.programs.synflood.as_raw_fd();
    skel.maps.next.update(&0_u32.to_ne_bytes(), &next.to_ne_bytes(), MapFlags::ANY)?;
    Ok(skel)
}
