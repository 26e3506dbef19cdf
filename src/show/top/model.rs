// SPDX-License-Identifier: GPL-2.0-only
//! An instance as it was seen from second to second.

use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use super::measures::Measured;
use super::sources::Table;
use crate::note::Counts;
use crate::policy::Policy;
use crate::show::model::{InterfaceMode, Network, PortQueue};
use crate::show::rules::Rule;

/// As many seconds of the past are drawn.
pub const MINUTE: usize = 60;

/// What is read each second.
#[derive(Debug, Clone, Default)]
pub struct Second {
    /// Of a clock that only goes on.
    pub at: Duration,
    /// The time of day.
    pub clock: String,
    pub counts: Counts,
    /// Frames.
    pub reasons: BTreeMap<String, u64>,
    /// For how long the counters have counted.
    pub since: Duration,
    /// For how long a flood has been on.
    pub flood: Option<Duration>,
    /// What it is of, as the instance has found; empty: that is not known.
    pub flood_of: String,
    /// What is wrong with the configuration.
    pub fault: Option<String>,
    /// A process looks after the interfaces.
    pub has_process: bool,
    /// Of listeners, by port.
    pub queues: Vec<PortQueue>,
    /// Connections, by port.
    pub ports: BTreeMap<u16, u64>,
    pub unchallenged: Vec<u16>,
    pub rules: Vec<Rule>,
    /// That are limited.
    pub networks: Vec<Network>,
}

/// What happens in a second.
#[derive(Debug, Clone, Default)]
pub struct Rates {
    pub passed: f64,
    pub challenged: f64,
    pub dropped: f64,
    pub connected: f64,
    pub by_cookie: f64,
    /// Of sources that answer.
    pub refused: f64,
    /// Most first; none that is zero.
    pub reasons: Vec<(String, f64)>,
    pub ports: BTreeMap<u16, f64>,
    pub measured: Measured,
}

impl Rates {
    fn between(before: &Second, now: &Second) -> Self {
        let seconds = now.at.saturating_sub(before.at).as_secs_f64().max(f64::EPSILON);
        let per_second = |count: u64| count as f64 / seconds;
        let rate = |before: u64, now: u64| per_second(now.saturating_sub(before));
        let counts = now.counts.since(before.counts);
        let of_reason = |(reason, &count): (&String, &u64)| {
            let then = before.reasons.get(reason).copied().unwrap_or_default();
            (reason.clone(), rate(then, count))
        };
        let mut reasons: Vec<_> = now.reasons.iter().map(of_reason).collect();
        reasons.retain(|&(_, rate)| rate > 0.0);
        reasons.sort_by(|one, other| other.1.total_cmp(&one.1));
        let of_port = |(&port, &count): (&u16, &u64)| {
            (port, rate(before.ports.get(&port).copied().unwrap_or_default(), count))
        };
        Self {
            passed: per_second(counts.passed),
            challenged: per_second(counts.challenged),
            dropped: per_second(counts.dropped),
            connected: per_second(counts.connected),
            by_cookie: per_second(counts.by_cookie),
            refused: per_second(counts.refused),
            reasons,
            ports: now.ports.iter().map(of_port).collect(),
            measured: Measured::between(before, now, rate),
        }
    }

    pub fn sent(&self) -> f64 {
        self.passed + self.challenged + self.dropped
    }

    /// SYNs that made nobody a connection: dropped, or asked in vain.
    pub fn stopped(&self) -> f64 {
        self.dropped + (self.challenged - self.by_cookie).max(0.0)
    }
}

/// The last minute of a rate, oldest first.
pub type History = VecDeque<u64>;

/// What became of SYNs, second by second.
#[derive(Debug, Default)]
pub struct Histories {
    pub passed: History,
    pub challenged: History,
    pub dropped: History,
    pub connected: History,
}

impl Histories {
    fn add(&mut self, rates: &Rates) {
        for (history, rate) in [
            (&mut self.passed, rates.passed),
            (&mut self.challenged, rates.challenged),
            (&mut self.dropped, rates.dropped),
            (&mut self.connected, rates.connected),
        ] {
            history.push_back(rate.round() as u64);
            while history.len() > MINUTE {
                history.pop_front();
            }
        }
    }
}

#[derive(Debug)]
pub struct Model {
    pub interfaces: Vec<InterfaceMode>,
    pub policy: Policy,
    pub second: Second,
    /// None: it takes two readings.
    pub rates: Option<Rates>,
    pub histories: Histories,
    /// None: it takes two readings.
    pub table: Option<Table>,
    /// Why there is nothing new to see.
    pub gone: Option<String>,
}

impl Model {
    pub fn new(interfaces: Vec<InterfaceMode>, policy: Policy) -> Self {
        Self {
            interfaces,
            policy,
            second: Second::default(),
            rates: None,
            histories: Histories::default(),
            table: None,
            gone: None,
        }
    }

    pub fn see(&mut self, second: Second) {
        let before = std::mem::replace(&mut self.second, second);
        if before.at.is_zero() {
            return;
        }
        let rates = Rates::between(&before, &self.second);
        self.histories.add(&rates);
        self.rates = Some(rates);
    }
}
