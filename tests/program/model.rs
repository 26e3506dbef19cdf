// SPDX-License-Identifier: GPL-2.0-only
//! The way of a SYN as [`judge`] has it, over sequences: limits, rates, and what can be challenged. No time passes
//! here, except where a test says so.

use std::collections::BTreeMap;
use std::net::IpAddr;

use synflood_xdp::judge::{
    self, Bucket, Entry, Facts, Form, Host, Port, Rate, Rates, Reason, Rules, State, Syn, Way,
};
use synflood_xdp::policy::{Listed, Policy};

/// A moment at which buckets that are full in the past are full.
const NOW: u64 = 1 << 50;

/// Who sends a SYN.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Sender {
    /// An address without a meaning.
    Ordinary(u8),
    /// The same over IPv6. All of them are in one /64.
    Ordinary6(u8),
    Allowed(u8),
    Denied,
    /// Nobody may answer it.
    Loopback,
}

/// The service of the port that a SYN or a connection goes to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Service {
    None,
    /// With limits of its own.
    Web,
    /// With the limits of no service. Its ports are never challenged.
    Ssh,
}

/// Where else a SYN goes, and what is odd about it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Shape {
    Plain,
    /// To a port that nobody protects.
    Unprotected,
    /// To another host.
    Forwarded,
    /// To a port whose rules forbid challenges.
    Unchallenged,
    NobodyListens,
    /// IP options or extension headers.
    ExtraHeaders,
    BadSignature,
}

/// What happens.
#[derive(Debug, Clone, Copy)]
pub enum Event {
    Syn(Sender, Service, Shape),
    /// A connection of this source stands.
    Connected(Sender, Service),
    /// A rate that all share gets its token back.
    Refilled(Rate),
}

/// What is left in a source's buckets, and what is counted of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Left {
    pub syns: u64,
    pub connections: u64,
    pub passed: u64,
    pub challenged: u64,
    pub dropped: u64,
}

pub struct Model<'a> {
    policy: &'a Policy,
    /// By the name under which a source is counted, and the service.
    entries: BTreeMap<(Sender, Service), Entry>,
    pub rates: Rates,
}

impl Sender {
    /// The one under whose name its source is counted.
    pub fn source(self) -> Self {
        match self {
            Self::Ordinary6(_) => Self::Ordinary6(0),
            other => other,
        }
    }

    pub fn listed(self) -> Option<Listed> {
        match self {
            Self::Allowed(_) => Some(Listed::Allowed),
            Self::Denied => Some(Listed::Denied),
            _ => None,
        }
    }
}

impl Shape {
    fn form(self) -> Form {
        match self {
            Self::ExtraHeaders => Form::ExtraHeaders,
            Self::BadSignature => Form::Malformed,
            _ => Form::Plain,
        }
    }

    fn port(self) -> Port {
        Port {
            listens: self != Self::NobodyListens,
            is_unchallenged: self == Self::Unchallenged,
            ..Port::default()
        }
    }
}

impl<'a> Model<'a> {
    pub fn new(policy: &'a Policy) -> Self {
        Self { policy, entries: BTreeMap::new(), rates: Rates::default() }
    }

    /// A connection to this port stands.
    pub fn connect(&mut self, sender: Sender, service: Service, port: u16) {
        let full = Entry { syns_full_at: NOW, connections_full_at: NOW, ..Entry::default() };
        let entry = self.entries.entry((sender.source(), service)).or_insert(full);
        let limit = self.policy.limits_of(self.policy.services.at(port)).connections.unwrap();
        if sender.listed() != Some(Listed::Allowed) {
            entry.connections_full_at += limit.rate.interval_ns;
        }
    }

    /// The reason with which a SYN ends.
    pub fn judge(
        &mut self,
        (sender, address): (Sender, IpAddr),
        (service, port): (Service, u16),
        shape: Shape,
    ) -> Reason {
        let facts = Facts {
            policy: self.policy,
            now: NOW,
            listed: sender.listed(),
            remembered: None,
            rules: Rules::default(),
            networks: Default::default(),
            host: Host { syncookies: 1, is_stale: false },
            port: shape.port(),
            is_own_source: false,
            way: Way::Open,
            has_queue_room: true,
            has_ration: true,
            has_kernel_cookie: true,
        };
        let is_for_this_host = shape != Shape::Forwarded;
        let syn = Syn { source: address, port, is_for_this_host, form: shape.form() };
        let key = (sender.source(), service);
        let mut state = State { rates: self.rates, entry: self.entries.get(&key).copied() };
        let reason = judge::judge(&facts, &syn, &mut state).reason;
        self.rates = state.rates;
        self.entries.extend(state.entry.map(|entry| (key, entry)));
        reason
    }

    /// What each source has left. `port`: one of the service.
    pub fn left(&self, port: impl Fn(Service) -> u16) -> impl Iterator<Item = (Sender, Service, Left)> {
        self.entries.iter().map(move |(&(sender, service), entry)| {
            let limits = self.policy.limits_of(self.policy.services.at(port(service)));
            let connections = limits.connections.unwrap();
            let left = Left {
                syns: Bucket::new(entry.syns_full_at, limits.syns, NOW).tokens,
                connections: Bucket::new(entry.connections_full_at, connections, NOW).tokens,
                passed: entry.passed,
                challenged: entry.challenged,
                dropped: entry.dropped,
            };
            (sender, service, left)
        })
    }
}
