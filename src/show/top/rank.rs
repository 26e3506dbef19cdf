// SPDX-License-Identifier: GPL-2.0-only
//! Which sources are shown, and in which order.

use std::cmp::Reverse;
use std::net::IpAddr;

use ipnet::IpNet;

use super::sources::{Changed, Key, Table};
use super::verdict::Verdict;
use crate::policy::{Listed, Policy, network_name};
use crate::show::top::syns::Syns;
use crate::show::units::count;

/// Nobody scrolls further, and the lists are asked about each.
pub const MOST: usize = 200;

/// Who a row is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Who {
    Source(Key),
    /// A network that the commands listed.
    Network(IpNet, Listed),
    /// What options and files deny.
    DenyLists,
    /// `seen`: so many are in the table.
    Unknown {
        seen: u64,
    },
}

impl Who {
    /// Whether it is the same one, at another moment.
    pub fn is(&self, other: &Self) -> bool {
        matches!((self, other), (Self::Unknown { .. }, Self::Unknown { .. })) || self == other
    }

    /// As a column has it.
    pub fn name(&self, policy: &Policy) -> String {
        match self {
            Self::Source(key) => {
                let name = self.network(policy).map_or(String::new(), |network| network_name(&network));
                match policy.services.get(key.service.into()) {
                    Some(service) => format!("{name} {}", service.name),
                    None => name,
                }
            }
            Self::Network(network, _) => network_name(network),
            Self::DenyLists => "(deny lists)".into(),
            Self::Unknown { seen: 0 } => "(unknown)".into(),
            Self::Unknown { seen } => format!("(unknown {})", count(*seen)),
        }
    }

    /// What can be allowed or denied of it.
    pub fn network(&self, policy: &Policy) -> Option<IpNet> {
        match self {
            Self::Source(key) => {
                let address = key.address();
                let bits = match address {
                    IpAddr::V4(_) => policy.ipv4_prefix,
                    IpAddr::V6(_) => policy.ipv6_prefix,
                };
                IpNet::new(address, bits).ok()
            }
            Self::Network(network, _) => Some(*network),
            Self::DenyLists | Self::Unknown { .. } => None,
        }
    }
}

#[derive(Debug, Clone)]
pub struct Row {
    pub who: Who,
    /// Between two readings.
    pub now: Syns,
    /// Since it is known.
    pub all: Syns,
    pub verdict: Verdict,
    /// The list that decides about it.
    pub rule: Option<String>,
}

impl Row {
    fn of(source: &Changed, seconds: f64) -> Self {
        let Changed { key, now, all, has_no_token } = *source;
        let verdict = Verdict::of_source(now, all, seconds, has_no_token);
        Self { who: Who::Source(key), now, all, verdict, rule: None }
    }

    /// Whether its name, verdict or rule has these words.
    fn has(&self, words: &str, policy: &Policy) -> bool {
        let of_rule = self.rule.as_deref().unwrap_or_default();
        [&self.who.name(policy), self.verdict.text(), of_rule].iter().any(|text| text.contains(words))
    }
}

/// Most come first.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Order {
    #[default]
    Syns,
    Passed,
    Cookies,
    Dropped,
    Connected,
}

impl Order {
    pub fn next(self) -> Self {
        match self {
            Self::Syns => Self::Passed,
            Self::Passed => Self::Cookies,
            Self::Cookies => Self::Dropped,
            Self::Dropped => Self::Connected,
            Self::Connected => Self::Syns,
        }
    }

    fn key(self, syns: Syns) -> Reverse<(u64, u64)> {
        let first = match self {
            Self::Syns => syns.sent(),
            Self::Passed => syns.passed,
            Self::Cookies => syns.challenged,
            Self::Dropped => syns.dropped,
            Self::Connected => syns.connected,
        };
        Reverse((first, syns.sent()))
    }
}

/// The first of a table, and how many there are in all.
#[derive(Debug, Default)]
pub struct Ranked {
    pub rows: Vec<Row>,
    pub count: usize,
}

/// `words`: what all that are shown have; empty: nothing in particular.
pub fn rank(table: &Table, policy: &Policy, order: Order, words: &str) -> Ranked {
    let is_wanted = |row: &Row| words.is_empty() || row.has(words, policy);
    let mut sources: Vec<&Changed> = table.sources.iter().collect();
    if !words.is_empty() {
        sources.retain(|source| is_wanted(&Row::of(source, table.seconds)));
    }
    let mut rows: Vec<Row> = table.others.iter().filter(|row| is_wanted(row)).cloned().collect();
    let count = rows.len() + sources.len();
    let key = |source: &&Changed| (order.key(source.now), source.key.address(), source.key.service);
    if sources.len() > MOST {
        sources.select_nth_unstable_by_key(MOST, key);
        sources.truncate(MOST);
    }
    sources.sort_unstable_by_key(key);
    rows.extend(sources.into_iter().map(|source| Row::of(source, table.seconds)));
    rows.sort_by_key(|row| order.key(row.now));
    rows.truncate(MOST);
    Ranked { rows, count }
}
