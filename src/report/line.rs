// SPDX-License-Identifier: GPL-2.0-only
//! A line of the log. docs/output.md describes them. Every field may be missing: an older run wrote fewer, and a newer
//! one writes more.

use std::borrow::Cow;
use std::collections::BTreeMap;

use chrono::DateTime;
use serde::{Deserialize, Deserializer};
use serde_json::{Map, Value};

use super::rule::Rule;
use crate::note::Nature;
use crate::show::notes::sources;

/// What a line tells, and when it was written.
#[derive(Debug)]
pub struct Line {
    /// RFC 3339.
    time: Option<String>,
    pub event: Event,
}

#[derive(Deserialize)]
struct Head<'a> {
    #[serde(rename = "type", borrow)]
    kind: Cow<'a, str>,
    time: Option<String>,
}

impl Line {
    /// In two passes, as an internally tagged enum buffers the whole line, in many times its length.
    pub fn parse(line: &[u8]) -> serde_json::Result<Self> {
        let Head { kind, time } = serde_json::from_slice(line)?;
        Ok(Self { time, event: Event::parse(&kind, line)? })
    }

    /// Seconds since 1970.
    pub fn at(&self) -> Option<f64> {
        let time = DateTime::parse_from_rfc3339(self.time.as_deref()?).ok()?;
        Some(time.timestamp_millis() as f64 / 1000.0)
    }
}

#[derive(Debug)]
pub enum Event {
    Start(Map<String, Value>),
    Status(Status),
    FloodBegun(FloodBegun),
    FloodKind(FloodKind),
    /// So far.
    FloodGoesOn(FloodOver),
    FloodOver(FloodOver),
    SourceBlocked(SourceBlocked),
    SourceReleased(SourceReleased),
    MoreSourcesBlocked(MoreSourcesBlocked),
    EntryExpired(EntryExpired),
    Rule(Rule),
    NetworkLimited(NetworkName),
    NetworkRelaxed(NetworkName),
    RateRefusing(RateName),
    RateRecovered(RateName),
    Note(Text),
    Warning(Text),
    Detached(Detached),
    /// Of a dry run; the page is of attacks.
    Advice,
    Summary(Summary),
    Unknown,
}

impl Event {
    fn parse(kind: &str, line: &[u8]) -> serde_json::Result<Self> {
        use serde_json::from_slice as fields;
        Ok(match kind {
            "start" => Self::Start(fields(line)?),
            "status" => Self::Status(fields(line)?),
            "flood_begun" => Self::FloodBegun(fields(line)?),
            "flood_kind" => Self::FloodKind(fields(line)?),
            "flood_goes_on" => Self::FloodGoesOn(fields(line)?),
            "flood_over" => Self::FloodOver(fields(line)?),
            "source_blocked" => Self::SourceBlocked(fields(line)?),
            "source_released" => Self::SourceReleased(fields(line)?),
            "more_sources_blocked" => Self::MoreSourcesBlocked(fields(line)?),
            "entry_expired" => Self::EntryExpired(fields(line)?),
            "rule" => Self::Rule(fields(line)?),
            "network_limited" => Self::NetworkLimited(fields(line)?),
            "network_relaxed" => Self::NetworkRelaxed(fields(line)?),
            "rate_refusing" => Self::RateRefusing(fields(line)?),
            "rate_recovered" => Self::RateRecovered(fields(line)?),
            "note" => Self::Note(fields(line)?),
            "warning" => Self::Warning(fields(line)?),
            "detached" => Self::Detached(fields(line)?),
            "advice" => Self::Advice,
            "summary" => Self::Summary(fields(line)?),
            _ => Self::Unknown,
        })
    }
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
    pub heavy: Vec<String>,
    sources: Option<u64>,
}

impl FloodKind {
    pub fn words(&self) -> String {
        words(&self.kind, &self.heavy, self.sources)
    }
}

/// As a run says it. A kind that is not known stands for itself.
fn words(kind: &str, heavy: &[String], number: Option<u64>) -> String {
    match serde_json::from_value(Value::from(kind)) {
        Ok(kind) => sources(&Nature { kind, heavy: heavy.to_vec(), sources: number, port: None }),
        Err(_) => kind.to_owned(),
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
    pub heavy: Vec<String>,
    /// An estimate of how many there were.
    pub sources: Option<u64>,
    pub top_sources: Vec<SourceShare>,
    pub top_networks: Vec<NetworkShare>,
    pub ports: Vec<PortShare>,
}

impl FloodOver {
    /// None: the line has no kind.
    pub fn words(&self) -> Option<String> {
        self.kind.as_deref().map(|kind| words(kind, &self.heavy, self.sources))
    }
}

#[derive(Debug, Clone, Deserialize)]
pub struct SourceShare {
    pub source: String,
    pub share: f64,
    /// Connections that it has had. Who has some, answers.
    #[serde(default)]
    pub connected: u64,
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
pub struct NetworkName {
    pub network: String,
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
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct Summary {
    #[serde(deserialize_with = "bounded")]
    pub elapsed_s: f64,
    pub reasons: BTreeMap<String, u64>,
    /// Also of a flood whose end the run did not live to tell.
    pub last_flood: Option<FloodOver>,
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
