// SPDX-License-Identifier: GPL-2.0-only
//! The values that are shown. The fields have the same names in the JSON; they are stable, and
//! documented in docs/output.md.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::Serialize;

use super::units::{maybe_seconds, seconds};
use crate::note::Note;
use crate::policy::{AttachMode, Listed, Policy};

/// A line of `--json` while running.
#[derive(Debug, Serialize)]
#[serde(tag = "type", rename_all = "lowercase")]
pub enum Event<'a> {
    Start(Start<'a>),
    Status(&'a Status),
    Summary(&'a Summary),
    #[serde(untagged)]
    Note(&'a Note),
}

/// The start of a run: what is protected from now on.
#[derive(Debug, Serialize)]
pub struct Start<'a> {
    pub interfaces: &'a [InterfaceMode],
    #[serde(flatten)]
    pub policy: &'a Policy,
    /// Ports that are not challenged, and why.
    pub unchallenged: &'a BTreeMap<u16, String>,
    /// Networks of options and files.
    pub allowed_networks: usize,
    pub denied_networks: usize,
    /// The time after which it ends by itself.
    #[serde(skip)]
    pub stop_after: Option<Duration>,
}

/// An interface and where on it the program is attached.
#[derive(Debug, Clone, Serialize)]
pub struct InterfaceMode {
    pub name: String,
    pub mode: AttachMode,
}

/// Counts of SYNs by verdict.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Syns {
    pub passed: u64,
    /// Answered with a cookie.
    pub challenged: u64,
    /// In a dry run: would have been dropped.
    pub dropped: u64,
    /// Connections that stand or stood, by cookie or not.
    pub connected: u64,
}

impl Syns {
    /// Whatever became of them.
    pub fn sent(self) -> u64 {
        self.passed + self.challenged + self.dropped
    }

    /// What was counted since then. Zero where it was more before.
    pub fn since(self, before: Self) -> Self {
        Self {
            passed: self.passed.saturating_sub(before.passed),
            challenged: self.challenged.saturating_sub(before.challenged),
            dropped: self.dropped.saturating_sub(before.dropped),
            connected: self.connected.saturating_sub(before.connected),
        }
    }
}

/// SYNs per second, by verdict.
#[derive(Debug, Clone, Copy, Default, Serialize)]
pub struct Rates {
    pub syn_per_s: u64,
    pub passed_per_s: u64,
    pub challenged_per_s: u64,
    pub dropped_per_s: u64,
    /// Connections.
    pub connected_per_s: u64,
}

impl Rates {
    /// From the counts at two moments that are `time` apart.
    pub fn between(before: Syns, now: Syns, time: Duration) -> Self {
        let per_second = |count: u64| (count as f64 / time.as_secs_f64()).round() as u64;
        let passed = now.passed.saturating_sub(before.passed);
        let challenged = now.challenged.saturating_sub(before.challenged);
        let dropped = now.dropped.saturating_sub(before.dropped);
        Self {
            syn_per_s: per_second(passed + challenged + dropped),
            passed_per_s: per_second(passed),
            challenged_per_s: per_second(challenged),
            dropped_per_s: per_second(dropped),
            connected_per_s: per_second(now.connected.saturating_sub(before.connected)),
        }
    }
}

/// The figures of the last interval.
#[derive(Debug, Serialize)]
pub struct Status {
    /// Since the start.
    #[serde(rename = "elapsed_s", serialize_with = "seconds")]
    pub elapsed: Duration,
    #[serde(flatten)]
    pub rates: Rates,
    pub blocked_sources: u64,
    /// The time since the pass rate began to refuse SYNs. null: it does not.
    #[serde(rename = "flood_s", serialize_with = "maybe_seconds")]
    pub flood: Option<Duration>,
    /// Nothing is dropped.
    #[serde(skip)]
    pub dry_run: bool,
}

/// The figures since the start.
#[derive(Debug, Serialize)]
pub struct Summary {
    #[serde(rename = "elapsed_s", serialize_with = "seconds")]
    pub elapsed: Duration,
    pub passed: u64,
    pub challenged: u64,
    pub dropped: u64,
    /// Connections that stand or stood, by cookie or not.
    pub connected: u64,
    /// Frames by reason.
    pub reasons: BTreeMap<String, u64>,
    #[serde(skip)]
    pub dry_run: bool,
}

/// The whole of `--dump --json`.
#[derive(Debug, Serialize)]
pub struct Dump {
    pub instances: Vec<Instance>,
}

/// A running instance at one moment.
#[derive(Debug, Serialize)]
pub struct Instance {
    pub program_id: u32,
    pub interfaces: Vec<InterfaceMode>,
    #[serde(flatten)]
    pub policy: Policy,
    pub max_sources: u32,
    pub known_sources: u64,
    pub blocked_sources: u64,
    /// As in a run's summary; since the program was loaded.
    #[serde(flatten)]
    pub totals: Summary,
    /// The present rates.
    #[serde(flatten)]
    pub rates: Rates,
    /// Ports that somebody listens on, and that are not challenged.
    pub unchallenged: Vec<u16>,
    /// The rates of all sources together that have a limit.
    pub rates_left: BTreeMap<&'static str, SharedBucket>,
    /// The networks of --allow and --deny.
    pub lists: Vec<ListEntry>,
    /// Worst first.
    pub sources: Vec<Source>,
}

/// The bucket of a rate of all sources together.
#[derive(Debug, Clone, Copy, Serialize)]
pub struct SharedBucket {
    /// Tokens left.
    pub left: u64,
    /// Tokens that it holds at most.
    pub burst: u64,
    /// Tokens that it gets.
    #[serde(skip)]
    pub per_second: f64,
    /// The time since it last refused a SYN. null: never.
    #[serde(rename = "last_refusal_s", serialize_with = "maybe_seconds")]
    pub last_refusal: Option<Duration>,
    /// For how long it has been refusing SYNs. null: it does not now.
    #[serde(rename = "refusing_s", serialize_with = "maybe_seconds")]
    pub refusing: Option<Duration>,
}

/// A network of the lists.
#[derive(Debug, Clone, Serialize)]
pub struct ListEntry {
    pub network: String,
    pub verdict: Listed,
    /// SYNs that it decided.
    pub syns: u64,
}

#[derive(Debug, Clone, Serialize)]
pub struct Source {
    pub source: String,
    /// null: ports of no service.
    pub service: Option<String>,
    /// Of connections; null: they are not limited.
    pub connections: Option<Bucket>,
    /// Of SYNs that the kernel gets unasked.
    pub syns: Bucket,
    pub passed: u64,
    /// Answered with a cookie.
    pub challenged: u64,
    pub dropped: u64,
    /// Connections that stand or stood.
    pub connected: u64,
    /// null: never.
    #[serde(rename = "last_drop_s", serialize_with = "maybe_seconds")]
    pub last_drop: Option<Duration>,
}

/// A source's bucket.
#[derive(Debug, Clone, Copy, Serialize)]
pub struct Bucket {
    pub tokens: u64,
    #[serde(rename = "next_token_s", serialize_with = "seconds")]
    pub next_token: Duration,
}
