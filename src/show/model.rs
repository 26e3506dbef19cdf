// SPDX-License-Identifier: GPL-2.0-only
//! The values that are shown. The fields have the same names in the JSON; they are stable, and
//! documented in docs/output.md.

use std::collections::BTreeMap;
use std::time::Duration;

use chrono::{DateTime, SecondsFormat, Utc};
use serde::Serialize;

use super::advice::Advice;
use super::units::{maybe_seconds, seconds};
use crate::note::{Counts, Flood, Nature, Note};
use crate::policy::{AttachMode, Listed, Policy};

/// A line of `--json` while running.
#[derive(Debug, Serialize)]
#[serde(tag = "type", rename_all = "lowercase")]
pub enum Event<'a> {
    Start(Start<'a>),
    Status(&'a Status),
    Summary(&'a Summary),
    Advice(&'a Advice),
    #[serde(untagged)]
    Note(&'a Note),
}

/// With its time: UTC, to the millisecond, as RFC 3339 has it.
#[derive(Debug, Serialize)]
pub struct Line<'a> {
    time: String,
    #[serde(flatten)]
    event: &'a Event<'a>,
}

impl<'a> Line<'a> {
    pub fn at(time: DateTime<Utc>, event: &'a Event<'a>) -> Self {
        Self { time: time.to_rfc3339_opts(SecondsFormat::Millis, true), event }
    }
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

/// SYNs per second, by verdict.
#[derive(Debug, Clone, Copy, Default, Serialize)]
pub struct Rates {
    pub syn_per_s: u64,
    pub passed_per_s: u64,
    pub challenged_per_s: u64,
    pub dropped_per_s: u64,
    /// Connections.
    pub connected_per_s: u64,
    /// Those of them that were made of a cookie of ours.
    pub by_cookie_per_s: u64,
    /// SYNs and answers of sources over their limit of connections.
    pub refused_per_s: u64,
}

impl Rates {
    /// From the counts at two moments that are `time` apart.
    pub fn between(before: Counts, now: Counts, time: Duration) -> Self {
        let per_second = |count: u64| (count as f64 / time.as_secs_f64()).round() as u64;
        let counts = now.since(before);
        Self {
            syn_per_s: per_second(counts.syns()),
            passed_per_s: per_second(counts.passed),
            challenged_per_s: per_second(counts.challenged),
            dropped_per_s: per_second(counts.dropped),
            connected_per_s: per_second(counts.connected),
            by_cookie_per_s: per_second(counts.by_cookie),
            refused_per_s: per_second(counts.refused),
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
    /// The share of SYNs that neither passed nor became a connection by cookie, 0 to 1.
    pub stopped: f64,
    /// Frames per second by reason, where there were any.
    pub reasons: BTreeMap<String, u64>,
    pub blocked_sources: u64,
    /// For how long a flood has been on. null: none is.
    #[serde(rename = "flood_s", serialize_with = "maybe_seconds")]
    pub flood: Option<Duration>,
    /// What it is made of. null: nothing is known of it yet.
    pub flood_nature: Option<Nature>,
    /// Of the protected ports, the fullest first.
    pub queues: Vec<PortQueue>,
    #[serde(skip)]
    pub interfaces: Vec<String>,
    /// Nothing is dropped.
    #[serde(skip)]
    pub dry_run: bool,
}

/// The queue of a port's listener: connections that wait to be accepted. Of several, the one with the least room.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct PortQueue {
    pub port: u16,
    pub length: u32,
    /// The kernel refuses connections when it is longer.
    pub limit: u32,
}

/// The figures since the start.
#[derive(Debug, Serialize)]
pub struct Summary {
    #[serde(rename = "elapsed_s", serialize_with = "seconds")]
    pub elapsed: Duration,
    #[serde(flatten)]
    pub counts: Counts,
    /// Frames by reason.
    pub reasons: BTreeMap<String, u64>,
    /// Of a run that ends. None: it is a dump.
    #[serde(flatten)]
    pub attack: Option<Attack>,
    #[serde(skip)]
    pub dry_run: bool,
}

/// The floods of a run, and what else a person asks afterwards.
#[derive(Debug, Serialize)]
pub struct Attack {
    /// How many floods there were.
    pub floods: u64,
    /// All of them together.
    #[serde(rename = "floods_lasted_s", serialize_with = "seconds")]
    pub lasted: Duration,
    /// The last one is still on.
    pub flood_is_on: bool,
    /// null: there was none.
    pub last_flood: Option<Flood>,
    /// Sources that had connections, and SYNs dropped. Those with most drops first.
    pub honest_refused: Vec<HonestRefused>,
    /// What somebody has changed, or the run has; the last ones.
    pub changes: Vec<String>,
    /// Changes before these.
    pub earlier_changes: u64,
}

#[derive(Debug, Serialize)]
pub struct HonestRefused {
    pub source: String,
    /// null: ports of no service.
    pub service: Option<String>,
    pub dropped: u64,
    pub connected: u64,
    /// With this --burst none would have been dropped: a refused SYN takes no token, and would have taken one at most.
    pub burst_enough: u64,
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
    /// Those that are limited; with --all, all that connected. null: without --networks.
    #[serde(rename = "networks", skip_serializing_if = "Option::is_none")]
    pub networks: Option<Vec<Network>>,
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

/// A network whose sources share a bucket of connections.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Network {
    pub network: String,
    /// null: ports of no service.
    pub service: Option<String>,
    /// 1: the narrowest.
    pub step: u8,
    pub tokens: u64,
    #[serde(rename = "next_token_s", serialize_with = "seconds")]
    pub next_token: Duration,
    /// For how long it has been limited. null: it is not.
    #[serde(rename = "limited_s", serialize_with = "maybe_seconds")]
    pub limited: Option<Duration>,
    /// Connections that stand or stood.
    pub connected: u64,
    /// SYNs and answers.
    pub refused: u64,
}

/// A source's bucket.
#[derive(Debug, Clone, Copy, Serialize)]
pub struct Bucket {
    pub tokens: u64,
    #[serde(rename = "next_token_s", serialize_with = "seconds")]
    pub next_token: Duration,
}
