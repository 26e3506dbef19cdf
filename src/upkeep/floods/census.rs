// SPDX-License-Identifier: GPL-2.0-only
//! Who sends a flood, by a sample of its SYNs.

use std::collections::HashMap;
use std::net::IpAddr;

use ipnet::IpNet;

use crate::kernel::maps::events::Sample;
use crate::note::{Kind, share};

/// Sources that are counted one by one. The first ones: whoever is heavy is among them.
const MAX_SOURCES: usize = 1 << 16;

/// Nothing is said of fewer SYNs of the sample.
const ENOUGH: u64 = 20;

/// A source is heavy by this share of the SYNs, and by so many of the sample.
const HEAVY: f64 = 0.05;
const HEAVY_SAMPLES: u32 = 10;

/// What all but the heavy ones send matters by this share.
const REST: f64 = 0.1;

/// They are random if so many of the sample are seen once.
const SEEN_ONCE: f64 = 0.9;

/// Lengths of the networks that are told.
const IPV4_NETWORK: u8 = 24;
const IPV6_NETWORK: u8 = 48;

#[derive(Debug, Clone, Default)]
pub struct Census {
    samples: u64,
    /// SYNs that the sample stands for.
    weight: u64,
    sources: HashMap<IpAddr, Seen>,
    ports: HashMap<u16, u64>,
    /// When there was no room for a further source.
    estimate_when_full: Option<u64>,
}

#[derive(Debug, Clone, Copy, Default)]
struct Seen {
    samples: u32,
    weight: u64,
}

impl Census {
    pub fn add(&mut self, sample: &Sample) {
        let weight = u64::from(sample.weight);
        self.samples += 1;
        self.weight += weight;
        *self.ports.entry(sample.port).or_default() += weight;
        let Some(source) = sample.source else { return };
        if self.sources.len() >= MAX_SOURCES && !self.sources.contains_key(&source) {
            self.estimate_when_full = self.estimate_when_full.or_else(|| Some(self.chao1()));
            return;
        }
        let seen = self.sources.entry(source).or_default();
        seen.samples += 1;
        seen.weight += weight;
    }

    /// What the sources are, and the heavy ones that do not answer. `connected`: connections in the same time.
    /// `of_source`: those that a source has ever had.
    pub fn kind(&self, connected: u64, of_source: impl Fn(IpAddr) -> u64) -> (Kind, Vec<IpAddr>) {
        if self.samples < ENOUGH {
            return (Kind::Unknown, Vec::new());
        }
        let is_heavy =
            |seen: &Seen| seen.samples >= HEAVY_SAMPLES && share(seen.weight, self.weight) >= HEAVY;
        let heavy: Vec<_> = self.sources.iter().filter(|(_, seen)| is_heavy(seen)).collect();
        let of_heavy: u64 = heavy.iter().map(|(_, seen)| seen.weight).sum();
        let heavy = top(heavy.into_iter().map(|(&source, seen)| (source, seen.weight)), usize::MAX);
        // A proxy, say, whose SYNs are challenged while the pass rate is used up by others.
        let (answering, silent): (Vec<_>, Vec<_>) =
            heavy.into_iter().partition(|&(source, weight)| of_source(source) * 2 >= weight);
        let of_answering: u64 = answering.iter().map(|(_, weight)| weight).sum();
        let rest: Vec<_> = self.sources.values().filter(|seen| !is_heavy(seen)).collect();
        let (all, once) = (
            rest.iter().map(|seen| u64::from(seen.samples)).sum::<u64>(),
            rest.iter().filter(|seen| seen.samples == 1).count() as u64,
        );
        // How many connections were of the rest cannot be known; the most that the heavy ones can have are not.
        let of_rest = self.weight - of_heavy;
        let is_answered = connected.saturating_sub(of_answering) * 2 >= of_rest;
        let kind = match () {
            () if share(of_rest, self.weight) < REST && !silent.is_empty() => Kind::Few,
            () if is_answered => Kind::Crowd,
            () if share(of_rest, self.weight) < REST => Kind::Few,
            () if share(once, all) >= SEEN_ONCE => Kind::Random,
            () => Kind::Many,
        };
        (kind, silent.into_iter().map(|(source, _)| source).collect())
    }

    /// How many sources there are at least.
    pub fn estimated_sources(&self) -> Option<u64> {
        (self.samples >= ENOUGH).then(|| self.estimate_when_full.unwrap_or_else(|| self.chao1()))
    }

    /// Those that were seen, and as many more as those seen once and twice make likely (A. Chao, Nonparametric
    /// estimation of the number of classes in a population, 1984; the bias-corrected form).
    fn chao1(&self) -> u64 {
        let seen = |times| self.sources.values().filter(|seen| seen.samples == times).count() as u64;
        let (once, twice) = (seen(1), seen(2));
        let more = once * once.saturating_sub(1) / (2 * (twice + 1));
        // No more than there were SYNs.
        (self.sources.len() as u64 + more).min(self.weight)
    }

    /// The heaviest, with their shares of the SYNs.
    pub fn sources(&self, count: usize) -> Vec<(IpAddr, f64)> {
        let seen = self.sources.iter().filter(|(_, seen)| seen.samples > 1);
        self.shares(seen.map(|(&source, seen)| (source, seen.weight)), count)
    }

    pub fn networks(&self, count: usize) -> Vec<(IpNet, f64)> {
        let mut networks: HashMap<IpNet, (u32, u64)> = HashMap::new();
        for (&source, seen) in &self.sources {
            let len = if source.is_ipv4() { IPV4_NETWORK } else { IPV6_NETWORK };
            if let Ok(network) = IpNet::new(source, len) {
                let (samples, weight) = networks.entry(network.trunc()).or_default();
                *samples += seen.samples;
                *weight += seen.weight;
            }
        }
        let seen = networks.into_iter().filter(|(_, (samples, _))| *samples > 1);
        self.shares(seen.map(|(network, (_, weight))| (network, weight)), count)
    }

    pub fn ports(&self, count: usize) -> Vec<(u16, f64)> {
        self.shares(self.ports.iter().map(|(&port, &weight)| (port, weight)), count)
    }

    fn shares<T: Ord>(&self, all: impl Iterator<Item = (T, u64)>, count: usize) -> Vec<(T, f64)> {
        let shares = top(all, count).into_iter().map(|(one, weight)| (one, share(weight, self.weight)));
        shares.filter(|&(_, share)| share > 0.0).collect()
    }
}

/// Those with the most, the most first.
fn top<T: Ord>(all: impl Iterator<Item = (T, u64)>, count: usize) -> Vec<(T, u64)> {
    let mut all: Vec<_> = all.collect();
    all.sort_unstable_by(|(a, of_a), (b, of_b)| of_b.cmp(of_a).then_with(|| a.cmp(b)));
    all.truncate(count);
    all
}

#[cfg(test)]
mod tests {
    use std::net::{IpAddr, Ipv4Addr};

    use super::{Census, MAX_SOURCES};
    use crate::kernel::maps::events::Sample;
    use crate::note::Kind;

    fn source(number: u32) -> IpAddr {
        Ipv4Addr::from_bits(0x0a00_0000 + number).into()
    }

    /// A number that follows from another as if by chance (splitmix64).
    fn spread(number: u32) -> u32 {
        let mut bits = u64::from(number).wrapping_add(1).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        bits = (bits ^ bits >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        bits = (bits ^ bits >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
        (bits >> 32) as u32
    }

    fn census(sources: impl Iterator<Item = u32>) -> Census {
        let mut census = Census::default();
        for number in sources {
            census.add(&Sample { source: Some(source(number)), port: 80, weight: 100 });
        }
        census
    }

    #[test]
    fn a_flood_is_told_by_who_sends_it() {
        let random = |count: u32| (0..count).map(|number| spread(number) >> 8);
        let bots = |count: u32| (0..count).map(|number| spread(number) % 300);
        let one = |count: usize| std::iter::repeat_n(1 << 23, count);
        for (what, census, kind, heavy) in [
            ("nothing yet", census(random(19)), Kind::Unknown, 0),
            ("one", census(one(1000)), Kind::Few, 1),
            ("one and noise", census(one(950).chain(random(50))), Kind::Few, 1),
            ("random", census(random(1000)), Kind::Random, 0),
            ("random and one", census(random(700).chain(one(300))), Kind::Random, 1),
            ("bots", census(bots(3000)), Kind::Many, 0),
            ("bots and one", census(bots(3000).chain(one(300))), Kind::Many, 1),
        ] {
            let (is_kind, is_heavy) = census.kind(0, |_| 0);
            assert_eq!((is_kind, is_heavy.len()), (kind, heavy), "{what}");
        }
        assert_eq!(census(random(1000)).kind(100 * 600, |_| 0).0, Kind::Crowd);
    }

    /// A proxy that is challenged while forged SYNs use up the pass rate.
    #[test]
    fn who_answers_is_not_named_and_makes_no_crowd_of_others() {
        let random = |count: u32| (0..count).map(|number| spread(number) >> 8);
        let proxy = |count: usize| std::iter::repeat_n(1 << 23, count);
        let answers = |connections: u64| move |_: IpAddr| connections;
        let mixed = census(random(500).chain(proxy(500)));
        assert_eq!(mixed.kind(100 * 500, answers(100 * 500)), (Kind::Random, vec![]));
        assert_eq!(mixed.kind(30, answers(30)).1.len(), 1, "it hardly answers");
        let alone = census(proxy(1000));
        assert_eq!(alone.kind(100 * 1000, answers(100 * 1000)), (Kind::Crowd, vec![]));
    }

    #[test]
    fn the_number_of_sources_is_estimated() {
        for (sources, samples) in [(300, 3000), (10_000, 10_000), (1_000_000, 60_000)] {
            let census = census((0..samples).map(|number| spread(number) % sources));
            let estimate = census.estimated_sources().unwrap();
            let factor = estimate as f64 / f64::from(sources);
            assert!((0.8..1.25).contains(&factor), "{sources} are taken for {estimate}");
        }
        assert_eq!(census(0..19).estimated_sources(), None);
    }

    #[test]
    fn there_is_an_end_to_what_is_counted() {
        let more = MAX_SOURCES as u32 + 1000;
        let mut full = census(0..more);
        assert_eq!(full.sources.len(), MAX_SOURCES);
        let estimate = full.estimated_sources();
        for _ in 0..more {
            full.add(&Sample { source: Some(source(1)), port: 80, weight: 100 });
        }
        assert_eq!(full.sources(1), [(source(1), 0.5)], "whoever is known counts on");
        assert_eq!(full.estimated_sources(), estimate);
    }

    #[test]
    fn shares_are_of_syns_and_not_of_samples() {
        let mut census = Census::default();
        for (number, port, weight) in [(1, 80, 100), (1, 80, 200), (2, 443, 50), (2, 443, 50)] {
            census.add(&Sample { source: Some(source(number)), port, weight });
        }
        census.add(&Sample { source: None, port: 0, weight: 100 });
        assert_eq!(census.sources(5), [(source(1), 0.6), (source(2), 0.2)]);
        assert_eq!(census.ports(2), [(80, 0.6), (0, 0.2)]);
        assert_eq!(census.networks(5), [("10.0.0.0/24".parse().unwrap(), 0.8)]);
    }
}
