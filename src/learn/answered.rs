// SPDX-License-Identifier: GPL-2.0-only
//! The SYNs of handshakes that completed: what honest clients look like.
//!
//! Whoever completes handshakes puts SYNs here, attackers too. So it matters how much of it one of them can have:
//!
//! - One source has at most [`MAX_OF_SOURCE`] entries, and one network at most [`MAX_OF_NETWORK`]. Bots all over the
//!   world are held by the next two.
//! - Beyond [`UNHURRIED`] entries it grows slowly, so that nobody has most of it at once.
//! - What came in peace is never displaced by what comes in a flood. That fills only free room, and at most
//!   [`MAX_OF_WAR`] entries; beyond it, it displaces its like.
//! - Once there is no room, peace displaces [`DISPLACED_A_MINUTE`] entries a minute at most: all of them take hours,
//!   whoever connects how often.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv6Addr};
use std::time::Duration;

use super::syn::Syn;

/// Entries.
pub const CAPACITY: usize = 8192;
/// Entries of one source: an IPv4 address, an IPv6 /64.
pub const MAX_OF_SOURCE: usize = 8;
/// Entries of one network: an IPv4 /16, an IPv6 /32.
pub const MAX_OF_NETWORK: usize = 512;
/// Entries that came while a flood was on.
pub const MAX_OF_WAR: usize = CAPACITY / 4;
/// Beyond so many entries the sample grows by [`GROWN_A_MINUTE`] at most: whoever has many addresses has not most of it
/// within a minute.
pub const UNHURRIED: usize = 1024;
pub const GROWN_A_MINUTE: u32 = 512;
/// Entries that newer ones displace in a minute of peace, once there is no room.
pub const DISPLACED_A_MINUTE: u32 = 32;

/// When an entry came.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Time {
    /// While no flood was on, or from a capture that the operator vouches for.
    Peace,
    /// While a flood was on.
    War,
}

/// One completed handshake.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Entry {
    pub syn: Syn,
    /// The source's address, an IPv4 address mapped into IPv6.
    pub source: [u8; 16],
    pub time: Time,
    /// From a capture that the operator gave, not seen here.
    pub is_seeded: bool,
}

impl Entry {
    /// A handshake seen here.
    pub fn seen(syn: Syn, source: IpAddr, time: Time) -> Self {
        Self { syn, source: mapped(source), time, is_seeded: false }
    }

    /// One from a capture of honest clients.
    pub fn seeded(syn: Syn, source: IpAddr) -> Self {
        Self { is_seeded: true, ..Self::seen(syn, source, Time::Peace) }
    }

    pub fn known(&self) -> Known {
        Known { syn: self.syn, network: self.network_key() }
    }

    fn source_key(&self) -> u128 {
        prefix(self.source, 128, 64)
    }

    fn network_key(&self) -> u128 {
        prefix(self.source, 96 + 16, 32)
    }
}

/// What a search knows of an entry.
#[derive(Debug, Clone, Copy)]
pub struct Known {
    pub syn: Syn,
    /// The source's network, as [`MAX_OF_NETWORK`] counts them.
    pub network: u128,
}

/// Who counts as one source: an IPv4 address, an IPv6 /64.
pub fn source_key(source: IpAddr) -> u128 {
    prefix(mapped(source), 128, 64)
}

fn prefix(source: [u8; 16], of_ipv4: u32, of_ipv6: u32) -> u128 {
    let is_ipv4 = Ipv6Addr::from(source).to_ipv4_mapped().is_some();
    let length = if is_ipv4 { of_ipv4 } else { of_ipv6 };
    u128::from_be_bytes(source) & (u128::MAX << (128 - length))
}

/// An address as [`Entry::source`] has it.
pub fn mapped(address: IpAddr) -> [u8; 16] {
    match address {
        IpAddr::V4(address) => address.to_ipv6_mapped().octets(),
        IpAddr::V6(address) => address.octets(),
    }
}

/// The sample. It never has more than [`CAPACITY`] entries.
#[derive(Debug)]
pub struct Answered {
    entries: Vec<Entry>,
    /// Entries of each source and each network: no key of one is one of the other's in practice, but they are apart.
    of_source: HashMap<u128, usize>,
    of_network: HashMap<u128, usize>,
    of_war: usize,
    /// When the sample may grow again.
    next_grown: Duration,
    /// When the next entry may be displaced.
    next_displaced: Duration,
    rng: fastrand::Rng,
}

impl Answered {
    /// An empty sample. `seed` must not be known to attackers.
    pub fn new(seed: u64) -> Self {
        Self {
            entries: Vec::new(),
            of_source: HashMap::new(),
            of_network: HashMap::new(),
            of_war: 0,
            next_grown: Duration::ZERO,
            next_displaced: Duration::ZERO,
            rng: fastrand::Rng::with_seed(seed),
        }
    }

    /// A sample with what was exported by [`Self::entries`]. What is beyond a limit is left out.
    pub fn from_entries(entries: impl IntoIterator<Item = Entry>, seed: u64) -> Self {
        let mut answered = Self::new(seed);
        for entry in entries {
            if answered.entries.len() < CAPACITY
                && answered.has_share(&entry)
                && !answered.is_war_full(&entry)
            {
                answered.push(entry);
            }
        }
        answered
    }

    /// All entries, in no order.
    pub fn entries(&self) -> &[Entry] {
        &self.entries
    }

    /// What a search needs of all entries.
    pub fn known(&self) -> Vec<Known> {
        self.entries.iter().map(Entry::known).collect()
    }

    /// Offers a handshake that completed, `now` since any origin that stays the same. Whether it was kept.
    pub fn add(&mut self, now: Duration, entry: Entry) -> bool {
        if !self.has_share(&entry) {
            return false;
        }
        let is_full = self.entries.len() >= CAPACITY;
        if entry.time == Time::War {
            // The share of war is drawn anew all the time, so that an old flood's does not stay.
            let displaces = is_full || self.is_war_full(&entry);
            return (!displaces || self.displace(|old| old.time == Time::War)) && self.push(entry);
        }
        if !is_full {
            if self.entries.len() >= UNHURRIED {
                if now < self.next_grown {
                    return false;
                }
                self.next_grown = now + Duration::from_mins(1) / GROWN_A_MINUTE;
            }
            return self.push(entry);
        }
        // War's goes first, and that needs no patience: it was never trusted.
        if self.displace(|old| old.time == Time::War) {
            return self.push(entry);
        }
        if now < self.next_displaced {
            return false;
        }
        self.next_displaced = now + Duration::from_mins(1) / DISPLACED_A_MINUTE;
        // What the operator vouches for is not to be displaced by strangers.
        self.displace(|old| !old.is_seeded) && self.push(entry)
    }

    fn has_share(&self, entry: &Entry) -> bool {
        let count = |counts: &HashMap<u128, usize>, key| counts.get(&key).copied().unwrap_or(0);
        count(&self.of_source, entry.source_key()) < MAX_OF_SOURCE
            && count(&self.of_network, entry.network_key()) < MAX_OF_NETWORK
    }

    fn is_war_full(&self, entry: &Entry) -> bool {
        entry.time == Time::War && self.of_war >= MAX_OF_WAR
    }

    fn push(&mut self, entry: Entry) -> bool {
        *self.of_source.entry(entry.source_key()).or_default() += 1;
        *self.of_network.entry(entry.network_key()).or_default() += 1;
        self.of_war += usize::from(entry.time == Time::War);
        self.entries.push(entry);
        true
    }

    /// Removes one entry of those that may go, drawn by lot. Whether there was one.
    fn displace(&mut self, may_go: impl Fn(&Entry) -> bool) -> bool {
        let from = self.rng.usize(..self.entries.len().max(1));
        let (before, after) = self.entries.split_at(from.min(self.entries.len()));
        let index = after
            .iter()
            .position(&may_go)
            .map(|at| at + from)
            .or_else(|| before.iter().position(&may_go));
        let Some(index) = index else { return false };
        let gone = self.entries.swap_remove(index);
        forget(&mut self.of_source, gone.source_key());
        forget(&mut self.of_network, gone.network_key());
        self.of_war -= usize::from(gone.time == Time::War);
        true
    }
}

fn forget(counts: &mut HashMap<u128, usize>, key: u128) {
    if let Some(count) = counts.get_mut(&key) {
        *count -= 1;
        if *count == 0 {
            counts.remove(&key);
        }
    }
}

#[cfg(test)]
mod tests;
