// SPDX-License-Identifier: GPL-2.0-only
//! What happens in an attack. The fields have the same names in the JSON, which docs/output.md documents.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::Counts;

#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum Event {
    FloodBegun {
        syn_per_s: u64,
    },
    /// For the first time, or as it has changed.
    FloodKind(Nature),
    /// Once a minute.
    FloodGoesOn(Box<Flood>),
    FloodOver(Box<Flood>),
    SourceBlocked(Blocked),
    SourceReleased(Released),
    /// Sources that began to be blocked in this second, and of which nothing else is said.
    MoreSourcesBlocked {
        count: u64,
    },
    NetworkLimited(NetworkLimited),
    NetworkRelaxed(NetworkRelaxed),
    /// A live entry of the lists. `verdict`: allowed or denied.
    EntryExpired {
        network: String,
        verdict: String,
    },
    /// What becomes of a rule.
    Rule(Box<Rule>),
    /// A rate of all sources together, by its name in `rates_left` of the dump.
    RateRefusing {
        rate: &'static str,
    },
    RateRecovered {
        rate: &'static str,
        refused_s: f64,
    },
}

impl Event {
    /// As `type` of the JSON has it.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::FloodBegun { .. } => "flood_begun",
            Self::FloodKind(_) => "flood_kind",
            Self::FloodGoesOn(_) => "flood_goes_on",
            Self::FloodOver(_) => "flood_over",
            Self::SourceBlocked(_) => "source_blocked",
            Self::SourceReleased(_) => "source_released",
            Self::MoreSourcesBlocked { .. } => "more_sources_blocked",
            Self::NetworkLimited(_) => "network_limited",
            Self::NetworkRelaxed(_) => "network_relaxed",
            Self::EntryExpired { .. } => "entry_expired",
            Self::Rule(_) => "rule",
            Self::RateRefusing { .. } => "rate_refusing",
            Self::RateRecovered { .. } => "rate_recovered",
        }
    }
}

/// What SYNs are dropped by, and what has become of it.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Rule {
    /// Its place among the rules, from 1.
    pub number: usize,
    pub stage: RuleStage,
    /// As people read it.
    pub words: String,
    /// As `rule add` takes it.
    pub rule: String,
    /// As tcpdump takes it.
    pub tcpdump: String,
    /// As nft takes it. None: it cannot say it.
    pub nft: Option<String>,
    /// The share of the refused SYNs that it matched, 0 to 1, and the share of honest clients that it matches at most.
    pub covered: Option<f64>,
    pub honest_bound: Option<f64>,
    /// Why it ended. None: it has not.
    pub why: Option<String>,
    /// Nothing is dropped.
    #[serde(skip)]
    pub dry_run: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum RuleStage {
    /// It counts, and what it matches is challenged.
    Watched,
    /// It would drop, but is only told.
    Suggested,
    /// It drops.
    InForce,
    Ended,
}

/// What a flood is made of.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Nature {
    pub kind: Kind,
    /// Sources with at least a twentieth of the SYNs that did not pass, the heaviest first.
    pub heavy: Vec<String>,
    /// How many sources there were at least, estimated. None: too little was seen.
    pub sources: Option<u64>,
    /// The port of this host that most of it goes to. None: no port has more than half.
    pub port: Option<u16>,
}

/// The sources beside the heavy ones.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Kind {
    /// Too little was seen.
    Unknown,
    /// There are few SYNs of others.
    Few,
    /// Hardly one is seen twice, as forged ones are.
    Random,
    /// Many that come again and again.
    Many,
    /// Many, and most of them answer.
    Crowd,
}

/// A flood, so far or whole.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Flood {
    /// RFC 3339, UTC.
    pub began: String,
    pub lasted_s: f64,
    /// The most SYNs in a second.
    pub peak_syn_per_s: u64,
    #[serde(flatten)]
    pub counts: Counts,
    #[serde(flatten)]
    pub nature: Nature,
    /// Each with the most first: shares of the SYNs that did not pass, 0 to 1.
    pub top_sources: Vec<SourceShare>,
    pub top_networks: Vec<NetworkShare>,
    pub ports: Vec<PortShare>,
    /// Nothing was dropped.
    #[serde(skip)]
    pub dry_run: bool,
}

#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct SourceShare {
    pub source: String,
    pub share: f64,
    /// Connections that it has had, while it is remembered: who has some, answers.
    pub connected: u64,
}

/// Of a /24 or a /48.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct NetworkShare {
    pub network: String,
    pub share: f64,
}

#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct PortShare {
    pub port: u16,
    pub share: f64,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Blocked {
    pub source: String,
    /// None: ports of no service.
    pub service: Option<String>,
    pub why: Why,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Why {
    /// Its connection bucket is empty.
    Connections,
    /// It sends SYNs, and never answers.
    NeverAnswers,
    /// It has connections, but does not answer nine in ten challenges.
    RarelyAnswers,
}

#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Released {
    pub source: String,
    pub service: Option<String>,
    pub blocked_s: f64,
    /// SYNs of it that were dropped, since it has an entry.
    pub dropped: u64,
}

/// A network whose sources wait for its tokens, but for those that connected before.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct NetworkLimited {
    pub network: String,
    /// None: ports of no service.
    pub service: Option<String>,
    /// 1: the narrowest.
    pub step: u8,
    /// Connections that stand or stood, since it has an entry.
    pub connected: u64,
}

#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct NetworkRelaxed {
    pub network: String,
    pub service: Option<String>,
    pub limited_s: f64,
    /// SYNs and answers, since it has an entry.
    pub refused: u64,
}

/// To the millisecond.
pub fn seconds(time: Duration) -> f64 {
    (time.as_secs_f64() * 1000.0).round() / 1000.0
}

/// To a tenth of a percent, more exactly where it is less than one.
pub fn share(part: u64, all: u64) -> f64 {
    (part as f64 / all.max(1) as f64 * 10_000.0).round() / 10_000.0
}

#[cfg(test)]
mod tests {
    use super::{Event, NetworkLimited};
    use crate::note::Note;

    #[test]
    fn kinds_are_the_types_of_the_json() {
        let events = [
            Event::FloodBegun { syn_per_s: 1 },
            Event::MoreSourcesBlocked { count: 1 },
            Event::NetworkLimited(NetworkLimited {
                network: "2001:db8:48::/48".into(),
                service: None,
                step: 1,
                connected: 160,
            }),
            Event::EntryExpired { network: "192.0.2.0/24".into(), verdict: "denied".into() },
            Event::RateRefusing { rate: "pass_rate" },
            Event::RateRecovered { rate: "pass_rate", refused_s: 1.0 },
        ];
        let notes = [
            Note::info("a"),
            Note::notice("a"),
            Note::change("a"),
            Note::warning("a"),
            Note::Detached { interface: "eth0".into() },
        ];
        for note in events.into_iter().map(Note::Event).chain(notes) {
            assert_eq!(serde_json::to_value(&note).unwrap()["type"], note.kind(), "{note:?}");
        }
    }
}
