// SPDX-License-Identifier: GPL-2.0-only
//! What sources did between two readings of their table.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv6Addr};
use std::time::Duration;

use ipnet::IpNet;

use super::rank::{Row, Who};
use super::verdict::Verdict;
use crate::policy::Listed;
use crate::show::top::syns::Syns;

/// Who sent no more SYNs than this, and opened no more connections, is one of the unknown: a random address that was
/// drawn once, or a visitor who has just come.
const FEW: u64 = 3;

/// A source at the ports of a service, in little memory: there may be millions.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Key {
    /// IPv4 is mapped.
    address: Ipv6Addr,
    /// Its number; 0: none.
    pub service: u8,
}

impl Key {
    pub fn new(address: IpAddr, service: u8) -> Self {
        let address = match address {
            IpAddr::V4(address) => address.to_ipv6_mapped(),
            IpAddr::V6(address) => address,
        };
        Self { address, service }
    }

    pub fn address(&self) -> IpAddr {
        self.address.to_canonical()
    }
}

/// An entry of the table.
#[derive(Debug, Clone, Copy)]
pub struct Seen {
    pub key: Key,
    pub all: Syns,
    /// Of connections.
    pub has_no_token: bool,
}

/// All sources together, and what the lists decided.
#[derive(Debug, Clone, Copy, Default)]
pub struct Totals {
    pub syns: Syns,
    /// SYNs that are nobody's in the table: they passed by a list, or go to a port that is not protected.
    pub exempt: u64,
    /// SYNs that the lists denied.
    pub denied: u64,
}

/// A network that the commands listed.
#[derive(Debug, Clone)]
pub struct ListedNetwork {
    pub network: IpNet,
    pub listed: Listed,
    /// SYNs that it decided.
    pub syns: u64,
    /// Who, how long and why.
    pub rule: String,
}

/// A source that sent something between two readings.
#[derive(Debug, Clone, Copy)]
pub struct Changed {
    pub key: Key,
    pub now: Syns,
    pub all: Syns,
    pub has_no_token: bool,
}

/// Two readings made one table.
#[derive(Debug, Default)]
pub struct Table {
    /// Between the readings.
    pub seconds: f64,
    pub sources: Vec<Changed>,
    /// The unknown ones in one, and those that lists decide about.
    pub others: Vec<Row>,
}

/// The counts of the last reading, by source: their lowest bits tell differences.
#[derive(Debug, Default)]
pub struct Sources {
    known: HashMap<Key, Known>,
    reading: u32,
    last: Option<(Duration, Totals)>,
    networks: HashMap<IpNet, u64>,
    now: Vec<Changed>,
    /// Sources with few SYNs, which are shown as one.
    few: u64,
}

#[derive(Debug, Clone, Copy)]
struct Known {
    counts: [u32; 4],
    reading: u32,
}

impl Sources {
    /// Takes the memory of a table that is no longer needed: a full one has 25 MB.
    pub fn reuse(&mut self, mut table: Table) {
        table.sources.clear();
        self.now = table.sources;
    }

    /// For each entry of the table, between two calls of [`Self::finish`].
    pub fn see(&mut self, seen: Seen) {
        let Seen { key, all, has_no_token } = seen;
        let counts = [all.passed, all.challenged, all.dropped, all.connected].map(|count| count as u32);
        let known = Known { counts, reading: self.reading };
        let before = self.known.insert(key, known).map_or([0; 4], |before| before.counts);
        if counts == before || self.last.is_none() {
            return;
        }
        let now = since(all, counts, before);
        if all.sent() <= FEW && all.connected <= FEW {
            self.few += 1;
        } else {
            self.now.push(Changed { key, now, all, has_no_token });
        }
    }

    /// `totals` as they were before the first entry was read. None: it was the first reading.
    pub fn finish(
        &mut self,
        at: Duration,
        totals: Totals,
        networks: &[ListedNetwork],
    ) -> Option<Table> {
        let reading = self.reading;
        self.known.retain(|_, known| known.reading == reading);
        self.reading = reading.wrapping_add(1);
        let (few, sources) = (std::mem::take(&mut self.few), std::mem::take(&mut self.now));
        let listed = self.listed(networks);
        let (then, before) = self.last.replace((at, totals))?;
        let seconds = at.saturating_sub(then).as_secs_f64().max(f64::EPSILON);
        let unknown = unknown(before, totals, &sources, few, seconds);
        let denied = denied_by_files(before, totals, &listed);
        let others = listed.into_iter().chain(denied).chain([unknown]);
        let others = others.filter(|row| row.now != Syns::default()).collect();
        Some(Table { seconds, sources, others })
    }

    /// Networks of the commands, with what they decided since the last reading.
    fn listed(&mut self, networks: &[ListedNetwork]) -> Vec<Row> {
        let before = std::mem::take(&mut self.networks);
        self.networks = networks.iter().map(|each| (each.network, each.syns)).collect();
        let row = |each: &ListedNetwork| {
            let since =
                each.syns.saturating_sub(before.get(&each.network).copied().unwrap_or_default());
            let of = |syns| match each.listed {
                Listed::Allowed => Syns { passed: syns, ..Syns::default() },
                Listed::Denied => Syns { dropped: syns, ..Syns::default() },
            };
            Row {
                who: Who::Network(each.network, each.listed),
                now: of(since),
                all: of(each.syns),
                verdict: Verdict::Listed,
                rule: Some(each.rule.clone()),
            }
        };
        networks.iter().map(row).collect()
    }
}

/// Nobody can have sent more of late than ever: an entry that was evicted and made anew begins at zero.
fn since(all: Syns, counts: [u32; 4], before: [u32; 4]) -> Syns {
    let [passed, challenged, dropped, connected] =
        std::array::from_fn(|place| u64::from(counts[place].wrapping_sub(before[place])));
    let now = Syns { passed, challenged, dropped, connected };
    let is_possible = passed <= all.passed
        && challenged <= all.challenged
        && dropped <= all.dropped
        && connected <= all.connected;
    if is_possible { now } else { all }
}

/// All that is no known source's.
fn unknown(before: Totals, now: Totals, known: &[Changed], few: u64, seconds: f64) -> Row {
    let mut rest = now.syns.since(before.syns);
    for Changed { now, .. } in known {
        rest = rest.since(*now);
    }
    rest.dropped = rest.dropped.saturating_sub(now.denied.saturating_sub(before.denied));
    rest.passed = rest.passed.saturating_sub(now.exempt.saturating_sub(before.exempt));
    Row {
        who: Who::Unknown { seen: few },
        now: rest,
        all: rest,
        verdict: Verdict::of_unknown(rest, seconds),
        rule: None,
    }
}

/// What options and files deny, which may be a million networks.
fn denied_by_files(before: Totals, now: Totals, listed: &[Row]) -> Option<Row> {
    let live: u64 = listed.iter().map(|row| row.now.dropped).sum();
    let dropped = now.denied.saturating_sub(before.denied).saturating_sub(live);
    let syns = |dropped| Syns { dropped, ..Syns::default() };
    // Both are not read at the same moment.
    (dropped > live / 20).then(|| Row {
        who: Who::DenyLists,
        now: syns(dropped),
        all: syns(now.denied),
        verdict: Verdict::Listed,
        rule: Some("denied: options, files".into()),
    })
}
