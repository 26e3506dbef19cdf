// SPDX-License-Identifier: GPL-2.0-only
//! A line of the log. docs/output.md describes them. Every field may be missing: an older run wrote fewer, and a newer
//! one writes more.

use std::collections::BTreeMap;

use chrono::DateTime;
use serde::{Deserialize, Deserializer};
use serde_json::{Map, Value};

use crate::note::Nature;
use crate::show::notes::sources;

/// What a line tells, and when it was written.
#[derive(Debug, Default, Deserialize)]
pub struct Line {
    /// RFC 3339.
    time: Option<String>,
    #[serde(flatten)]
    pub event: Event,
}

impl Line {
    /// Seconds since 1970.
    pub fn at(&self) -> Option<f64> {
        let time = DateTime::parse_from_rfc3339(self.time.as_deref()?).ok()?;
        Some(time.timestamp_millis() as f64 / 1000.0)
    }
}

#[derive(Debug, Default, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum Event {
    Start(Map<String, Value>),
    Status(Status),
    FloodBegun(FloodBegun),
    FloodKind(FloodKind),
    FloodOver(FloodOver),
    SourceBlocked(SourceBlocked),
    SourceReleased(SourceReleased),
    MoreSourcesBlocked(MoreSourcesBlocked),
    EntryExpired(EntryExpired),
    RateRefusing(RateName),
    RateRecovered(RateName),
    Note(Text),
    Warning(Text),
    Detached(Detached),
    Summary(Summary),
    #[default]
    #[serde(other)]
    Unknown,
}

/// Rates of the last interval.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct Status {
    #[serde(deserialize_with = "bounded")]
    pub elapsed_s: f64,
    #[serde(deserialize_with = "bounded")]
    pub syn_per_s: f64,
    #[serde(deserialize_with = "bounded")]
    pub passed_per_s: f64,
    #[serde(deserialize_with = "bounded")]
    pub challenged_per_s: f64,
    #[serde(deserialize_with = "bounded")]
    pub dropped_per_s: f64,
    #[serde(deserialize_with = "bounded")]
    pub connected_per_s: f64,
    #[serde(deserialize_with = "maybe_bounded")]
    pub by_cookie_per_s: Option<f64>,
    #[serde(deserialize_with = "maybe_bounded")]
    pub refused_per_s: Option<f64>,
    pub blocked_sources: u64,
    #[serde(deserialize_with = "maybe_bounded")]
    pub flood_s: Option<f64>,
    pub reasons: BTreeMap<String, f64>,
    pub queues: Vec<Queue>,
}

/// Of a listener.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub struct Queue {
    pub port: u16,
    pub length: u64,
    pub limit: u64,
}

impl Queue {
    /// 1: full.
    pub fn fill(&self) -> f64 {
        self.length as f64 / self.limit.max(1) as f64
    }
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct FloodBegun {
    #[serde(deserialize_with = "bounded")]
    pub syn_per_s: f64,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct FloodKind {
    kind: String,
    heavy: Vec<String>,
    sources: Option<u64>,
}

impl FloodKind {
    /// As a run says it. A kind that is not known stands for itself.
    pub fn words(&self) -> String {
        match serde_json::from_value(Value::from(self.kind.as_str())) {
            Ok(kind) => sources(&Nature { kind, heavy: self.heavy.clone(), sources: self.sources }),
            Err(_) => self.kind.clone(),
        }
    }
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub struct FloodOver {
    #[serde(deserialize_with = "bounded")]
    pub lasted_s: f64,
    #[serde(deserialize_with = "bounded")]
    pub peak_syn_per_s: f64,
    pub passed: u64,
    pub challenged: u64,
    pub dropped: u64,
    pub connected: u64,
    pub by_cookie: Option<u64>,
    pub refused: Option<u64>,
    pub kind: Option<String>,
    /// An estimate of how many there were.
    pub sources: Option<u64>,
    pub top_sources: Vec<SourceShare>,
    pub top_networks: Vec<NetworkShare>,
    pub ports: Vec<PortShare>,
}

#[derive(Debug, Clone, Deserialize)]
pub struct SourceShare {
    pub source: String,
    pub share: f64,
}

#[derive(Debug, Clone, Deserialize)]
pub struct NetworkShare {
    pub network: String,
    pub share: f64,
}

#[derive(Debug, Clone, Deserialize)]
pub struct PortShare {
    pub port: u16,
    pub share: f64,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct SourceBlocked {
    pub source: String,
    pub service: Option<String>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct SourceReleased {
    pub source: String,
    pub service: Option<String>,
    #[serde(deserialize_with = "bounded")]
    pub blocked_s: f64,
    pub dropped: u64,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct MoreSourcesBlocked {
    pub count: u64,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct EntryExpired {
    pub network: String,
    pub verdict: String,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct RateName {
    pub rate: String,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct Text {
    pub text: String,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct Detached {
    pub interface: String,
}

/// Counts since the program was loaded.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub struct Summary {
    #[serde(deserialize_with = "bounded")]
    pub elapsed_s: f64,
    pub passed: u64,
    pub challenged: u64,
    pub dropped: u64,
    pub connected: u64,
    pub reasons: BTreeMap<String, u64>,
}

/// A figure that no sum of a long log makes infinite.
fn bounded<'de, D: Deserializer<'de>>(deserializer: D) -> Result<f64, D::Error> {
    f64::deserialize(deserializer).map(in_bounds)
}

fn maybe_bounded<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<f64>, D::Error> {
    Ok(Option::deserialize(deserializer)?.map(in_bounds))
}

fn in_bounds(figure: f64) -> f64 {
    const MOST: f64 = 1e12;
    figure.clamp(0.0, MOST)
}
