// SPDX-License-Identifier: GPL-2.0-only
//! The way of a SYN as docs/ARCHITECTURE.md has it, without the program: limits, rates, and what can be challenged.
//! No time passes here, except where a test says so.

use std::collections::BTreeMap;

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

/// What all sources share.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Shared {
    Pass,
    Unchallenged,
    Forwarded,
    Challenges,
}

/// What happens.
#[derive(Debug, Clone, Copy)]
pub enum Event {
    Syn(Sender, Service, Shape),
    /// A connection of this source stands.
    Connected(Sender, Service),
    /// A rate that all share gets its token back.
    Refilled(Shared),
}

/// A source with an entry.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Entry {
    pub syns: u64,
    /// Negative: it owes some.
    pub connections: i64,
    pub passed: u64,
    pub challenged: u64,
    pub dropped: u64,
}

pub struct Model {
    pub burst: u64,
    pub web_burst: u64,
    pub is_challenging: bool,
    /// By the name under which a source is counted, and the service.
    pub entries: BTreeMap<(Sender, Service), Entry>,
    /// Whether the rate's one token is there: in the order of [`Shared`].
    pub rates: [bool; 4],
}

impl Sender {
    /// The one under whose name its source is counted.
    pub fn source(self) -> Self {
        match self {
            Self::Ordinary6(_) => Self::Ordinary6(0),
            other => other,
        }
    }

    fn is_allowed(self) -> bool {
        matches!(self, Self::Allowed(_))
    }
}

impl Model {
    pub fn new(burst: u64, web_burst: u64, is_challenging: bool) -> Self {
        Self { burst, web_burst, is_challenging, entries: BTreeMap::new(), rates: [true; 4] }
    }

    pub fn connect(&mut self, sender: Sender, service: Service) {
        let entry = self.entry(sender, service);
        entry.connections -= i64::from(!sender.is_allowed());
    }

    /// The reasons that a SYN may have: several if several things refuse it.
    pub fn judge(&mut self, sender: Sender, service: Service, shape: Shape) -> Vec<&'static str> {
        if sender == Sender::Denied {
            return vec!["drop_denied"];
        }
        if shape == Shape::Unprotected {
            return vec!["pass_unprotected_port"];
        }
        let key = (sender.source(), service);
        let is_counted = self.entries.contains_key(&key);
        let reasons = self.limited(sender, service, shape);
        if let Some(entry) = self.entries.get_mut(&key) {
            match reasons[0].split_once('_').unwrap().0 {
                "pass" => entry.passed += 1,
                "challenge" => entry.challenged += u64::from(is_counted),
                _ => entry.dropped += u64::from(is_counted),
            }
        }
        reasons
    }

    fn limited(&mut self, sender: Sender, service: Service, shape: Shape) -> Vec<&'static str> {
        let entry = self.entries.get(&(sender.source(), service)).filter(|_| !sender.is_allowed());
        if entry.is_some_and(|entry| entry.connections <= 0) {
            return vec!["drop_over_limit"];
        }
        let mut refused = Vec::new();
        if !self.rates[Shared::Pass as usize] {
            refused.push("drop_pass_rate");
        }
        if entry.is_some_and(|entry| entry.syns == 0) {
            refused.push("drop_syn_limit");
        }
        if refused.is_empty() {
            self.rates[Shared::Pass as usize] = false;
            assert!(self.take_syn(sender, service));
            return vec![if sender.is_allowed() { "pass_allowed" } else { "pass_within_limit" }];
        }
        if self.is_challenging { vec![self.challenged(sender, service, shape)] } else { refused }
    }

    fn challenged(&mut self, sender: Sender, service: Service, shape: Shape) -> &'static str {
        match (sender, shape) {
            (_, Shape::Forwarded) => self.unchallenged(sender, service, Shared::Forwarded),
            (Sender::Loopback, _) => "drop_unanswerable",
            (_, Shape::ExtraHeaders) => "drop_extra_headers",
            (_, Shape::BadSignature) => "drop_signed",
            _ if service == Service::Ssh || shape == Shape::Unchallenged => {
                self.unchallenged(sender, service, Shared::Unchallenged)
            }
            (_, Shape::NobodyListens) => "drop_no_listener",
            _ if self.take(Shared::Challenges) => "challenge_sent",
            _ => "drop_challenge_rate",
        }
    }

    fn unchallenged(&mut self, sender: Sender, service: Service, rate: Shared) -> &'static str {
        if !self.rates[rate as usize] {
            "drop_unchallenged_rate"
        } else if !self.take_syn(sender, service) {
            "drop_syn_limit"
        } else {
            self.rates[rate as usize] = false;
            "pass_unchallenged"
        }
    }

    fn entry(&mut self, sender: Sender, service: Service) -> &mut Entry {
        let burst = if service == Service::Web { self.web_burst } else { self.burst };
        let (syns, connections) = (burst, burst as i64);
        let full = Entry { syns, connections, passed: 0, challenged: 0, dropped: 0 };
        self.entries.entry((sender.source(), service)).or_insert(full)
    }

    /// Enters a source that is new.
    fn take_syn(&mut self, sender: Sender, service: Service) -> bool {
        let entry = self.entry(sender, service);
        let holds_token = entry.syns > 0 || sender.is_allowed();
        if holds_token && !sender.is_allowed() {
            entry.syns -= 1;
        }
        holds_token
    }

    fn take(&mut self, rate: Shared) -> bool {
        std::mem::take(&mut self.rates[rate as usize])
    }
}
