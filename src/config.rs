// SPDX-License-Identifier: GPL-2.0-only
//! Validated settings, and the only conversions from a user's units to those of the BPF program.

use std::net::{IpAddr, Ipv6Addr};
use std::str::FromStr;
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use ipnet::IpNet;

use crate::bpf::types;
use crate::cli::{Challenge, Cli, Mode};

const SECOND_NS: u64 = 1_000_000_000;

/// A bucket's capacity as time stays well below the 2^63 ns that `bucket.h` can tell from the past.
const MAX_CAPACITY_NS: u64 = 1 << 62;

/// On kernels before 6.16 an LRU map with fewer entries for each CPU evicts live ones (the kernel's
/// LOCAL_FREE_TARGET in kernel/bpf/bpf_lru_list.c).
const MIN_SOURCES_PER_CPU: u32 = 128;

/// The filter of known sources, at least: with as many sources as the table holds it then lets one unknown
/// source in eight pass for known, and by default fits a CPU's own cache.
const FILTER_BITS_PER_SOURCE: u64 = 8;

/// What a hash is good for.
const MAX_FILTER_BITS: u32 = 32;

/// Refusals that each CPU remembers: 2 MiB, as much as a CPU's own cache may hold.
const MAX_REFUSAL_BITS: u32 = 16;

/// Refusals that all CPUs together remember: 32 MiB. A kernel may count far more CPUs than there are.
const MAX_REFUSALS: u32 = 1 << 20;

/// Bits of an IPv4-mapped IPv6 address before the IPv4 address (RFC 4291, 2.5.5.2).
pub const MAPPED_PREFIX: u8 = 96;

/// How fast a bucket refills, as the time that one token takes.
///
/// Whole nanoseconds, rounded up: never faster than asked for, and off by less than 1 % up to 10
/// million a second.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rate {
    pub interval_ns: u64,
}

impl FromStr for Rate {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (count, unit) = text.split_once('/').unwrap_or((text, "s"));
        let unit_ns = match unit {
            "s" => 1e9,
            "m" => 60e9,
            "h" => 3600e9,
            _ => return Err("the time after the slash is s, m or h: like 5/s, 30/m or 10/h".into()),
        };
        let count: f64 =
            count.parse().map_err(|_| "give SYNs per second, or like 30/m, 1000/s, 10/h")?;
        if !(count.is_finite() && count > 0.0) {
            return Err("a rate is a number above 0; for less than one a second: 30/m or 10/h".into());
        }
        let interval_ns = unit_ns / count;
        if interval_ns < 1.0 {
            return Err("at most 1000000000/s".into());
        }
        if interval_ns > MAX_CAPACITY_NS as f64 {
            return Err("one SYN in more than a hundred years; give a higher rate".into());
        }
        Ok(Self { interval_ns: interval_ns.ceil() as u64 })
    }
}

/// A rate that all sources share; None: no limit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Budget(pub Option<Rate>);

impl FromStr for Budget {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if text.parse() == Ok(0.0) { Ok(Self(None)) } else { text.parse().map(Some).map(Self) }
    }
}

impl Budget {
    /// A burst of what one second brings, at least one SYN.
    fn limit(self) -> types::limit {
        let interval_ns = self.0.map_or(0, |rate| rate.interval_ns);
        let burst = SECOND_NS.checked_div(interval_ns).map_or(0, |burst| burst.max(1));
        types::limit { interval_ns, capacity_ns: burst * interval_ns }
    }
}

/// What to protect, and how. Everything in it has been checked against everything else.
#[derive(Debug, Clone)]
pub struct Settings {
    pub interfaces: Vec<String>,
    pub mode: Mode,
    pub limit: types::limit,
    pub new_sources: Budget,
    pub total_rate: Budget,
    pub challenge: Challenge,
    /// Empty: all.
    pub challenge_ports: Vec<u16>,
    pub challenge_rate: Budget,
    pub set_sysctls: bool,
    /// Empty: all.
    pub ports: Vec<u16>,
    pub allow: Vec<IpNet>,
    pub deny: Vec<IpNet>,
    pub dry_run: bool,
    pub stop_after: Option<Duration>,
    pub ipv4_prefix: u8,
    pub ipv6_prefix: u8,
    pub max_sources: u32,
    /// CPUs that this kernel could ever have.
    pub possible_cpus: u32,
    pub interval: Duration,
    pub json: bool,
    pub quiet: bool,
}

impl TryFrom<&Cli> for Settings {
    type Error = anyhow::Error;

    fn try_from(cli: &Cli) -> Result<Self> {
        let args = &cli.protect;
        ensure!(!cli.all, "--all shows more of a dump: it goes with --dump");
        if let Some(twice) = first_repeated(&cli.iface) {
            bail!("--iface {twice} is given twice: name each interface once");
        }
        if let Some(both) = args.allow.iter().find(|network| args.deny.contains(network)) {
            bail!("{both} is both allowed and denied: keep one of --allow and --deny for it");
        }
        let possible_cpus =
            libbpf_rs::num_possible_cpus().context("cannot count this machine's CPUs")? as u32;
        let min_sources = MIN_SOURCES_PER_CPU * possible_cpus;
        ensure!(
            args.max_sources >= min_sources,
            "--max-sources {} is too small: the kernel's table needs {MIN_SOURCES_PER_CPU} for each of \
             {possible_cpus} CPUs, or it forgets sources that are still active; give {min_sources} or more",
            args.max_sources
        );
        Ok(Self {
            interfaces: cli.iface.clone(),
            mode: args.mode,
            limit: limit(args.burst, args.rate)?,
            new_sources: args.new_sources,
            total_rate: args.total_rate,
            challenge: args.challenge,
            challenge_ports: args.challenge_port.clone(),
            challenge_rate: args.challenge_rate,
            set_sysctls: args.set_sysctls,
            ports: args.port.clone(),
            allow: args.allow.clone(),
            deny: args.deny.clone(),
            dry_run: args.dry_run,
            stop_after: args.stop_after,
            ipv4_prefix: args.ipv4_prefix,
            ipv6_prefix: args.ipv6_prefix,
            max_sources: args.max_sources,
            possible_cpus,
            interval: args.interval,
            json: cli.json,
            quiet: args.quiet,
        })
    }
}

impl Settings {
    /// Sets the program's constants.
    pub fn write_to(&self, config: &mut types::config) {
        config.source_limit = self.limit;
        config.new_source_limit = self.new_sources.limit();
        config.total_limit = self.total_rate.limit();
        config.challenge_limit = self.challenge_rate.limit();
        config.challenge = self.challenge.into();
        config.challenge_ports = port_bits(&self.challenge_ports);
        config.ipv4_mask = mask(MAPPED_PREFIX + self.ipv4_prefix);
        config.ipv6_mask = mask(self.ipv6_prefix);
        config.dry_run = self.dry_run.into();
        config.has_lists = !(self.allow.is_empty() && self.deny.is_empty()) as u8;
        config.refusal_bits = self.refusal_bits() as u8;
        config.known_bits = self.known_bits() as u8;
        config.protected_ports = port_bits(&self.ports);
    }

    /// Slots of the map of refusals: a power of two for each CPU.
    pub fn refusal_slots(&self) -> u32 {
        self.possible_cpus << self.refusal_bits()
    }

    /// Words of the map of known sources, of 64 bits: two filters.
    pub fn known_words(&self) -> u32 {
        2 << (self.known_bits() - u64::BITS.ilog2())
    }

    fn known_bits(&self) -> u32 {
        let bits = (u64::from(self.max_sources) * FILTER_BITS_PER_SOURCE).next_power_of_two();
        bits.ilog2().min(MAX_FILTER_BITS)
    }

    fn refusal_bits(&self) -> u32 {
        (MAX_REFUSALS / self.possible_cpus).max(2).ilog2().min(MAX_REFUSAL_BITS)
    }

    /// Whether SYNs to this TCP port are limited.
    pub fn protects(&self, port: u16) -> bool {
        self.ports.is_empty() || self.ports.contains(&port)
    }

    /// Whether SYNs to this TCP port may be answered with a cookie.
    pub fn challenges(&self, port: u16) -> bool {
        self.challenge_ports.is_empty() || self.challenge_ports.contains(&port)
    }

    /// What the lists say of an address: the longest prefix wins, as in the kernel's trie.
    pub fn listed(&self, address: IpAddr) -> Option<Listed> {
        let longest = |list: &[IpNet]| {
            let lengths = list.iter().filter(|network| network.contains(&address));
            lengths.map(IpNet::prefix_len).max()
        };
        match (longest(&self.allow), longest(&self.deny)) {
            (None, None) => None,
            (allow, deny) if allow > deny => Some(Listed::Allowed),
            _ => Some(Listed::Denied),
        }
    }
}

impl From<Challenge> for types::challenge_mode {
    fn from(challenge: Challenge) -> Self {
        match challenge {
            Challenge::Off => Self::CHALLENGE_MODE_OFF,
            Challenge::Budget => Self::CHALLENGE_MODE_BUDGET,
            Challenge::All => Self::CHALLENGE_MODE_ALL,
        }
    }
}

impl From<types::challenge_mode> for Challenge {
    fn from(challenge: types::challenge_mode) -> Self {
        match challenge {
            types::challenge_mode::CHALLENGE_MODE_ALL => Self::All,
            types::challenge_mode::CHALLENGE_MODE_BUDGET => Self::Budget,
            _ => Self::Off,
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Listed {
    Allowed,
    Denied,
}

fn limit(burst: u64, rate: Rate) -> Result<types::limit> {
    let capacity_ns =
        burst.checked_mul(rate.interval_ns).filter(|&capacity| capacity <= MAX_CAPACITY_NS);
    let Some(capacity_ns) = capacity_ns else {
        bail!(
            "--burst {burst} at this --rate would take {} years to refill: lower the burst or raise the \
             rate",
            u128::from(burst) * u128::from(rate.interval_ns) / (365 * 86_400 * 1_000_000_000)
        );
    };
    Ok(types::limit { interval_ns: rate.interval_ns, capacity_ns })
}

fn first_repeated(names: &[String]) -> Option<&String> {
    names.iter().enumerate().find(|(i, name)| names[..*i].contains(name)).map(|(_, name)| name)
}

/// An address whose first `bits` are set.
fn mask(bits: u8) -> types::addr {
    let ones = u128::MAX.checked_shl(128 - u32::from(bits)).unwrap_or(0);
    address(Ipv6Addr::from(ones).into())
}

/// One bit for each port; none named means all.
fn port_bits(ports: &[u16]) -> [u64; 1024] {
    let mut bits = [if ports.is_empty() { u64::MAX } else { 0 }; 1024];
    for &port in ports {
        bits[usize::from(port / 64)] |= 1 << (port % 64);
    }
    bits
}

/// The inverse of [`port_bits`]; None: all.
pub fn ports(bits: &[u64; 1024]) -> Option<Vec<u16>> {
    let is_set = |port: &u16| bits[usize::from(port / 64)] & 1 << (port % 64) != 0;
    let some = bits.iter().any(|&word| word != u64::MAX);
    some.then(|| (0..=u16::MAX).filter(is_set).collect())
}

/// An address as the BPF program holds it: network byte order, IPv4 mapped.
pub fn address(ip: IpAddr) -> types::addr {
    let ipv6 = match ip {
        IpAddr::V4(ip) => ip.to_ipv6_mapped(),
        IpAddr::V6(ip) => ip,
    };
    let octets = ipv6.octets();
    let (words, _) = octets.as_chunks();
    types::addr { word: std::array::from_fn(|i| u32::from_ne_bytes(words[i])) }
}

/// `addr_hash()` of the BPF program.
pub fn hash(address: &types::addr) -> u64 {
    let pair = |low, high| u64::from(high) << 32 | u64::from(low);
    let [a, b, c, d] = address.word;
    (pair(a, b) ^ pair(c, d)).wrapping_mul(0x9e37_79b9_7f4a_7c15)
}

/// The inverse of [`address`].
pub fn ip(address: &types::addr) -> IpAddr {
    let mut octets = [0; 16];
    for (octets, word) in octets.chunks_exact_mut(4).zip(address.word) {
        octets.copy_from_slice(&word.to_ne_bytes());
    }
    Ipv6Addr::from(octets).to_canonical()
}

/// The inverse of [`mask`].
pub fn prefix_len(mask: &types::addr) -> u8 {
    mask.word.iter().map(|word| word.count_ones() as u8).sum()
}
