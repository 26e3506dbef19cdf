// SPDX-License-Identifier: GPL-2.0-only
//! What a run has to tell beside its figures. A note is a plain value: any module makes one, and the
//! run alone says it.

mod counts;
mod event;

use serde::Serialize;

pub use counts::Counts;
pub use event::{
    Blocked, Event, Flood, Kind, Nature, NetworkLimited, NetworkRelaxed, NetworkShare, PortShare,
    Released, Rule, RuleStage, SourceShare, Why, seconds, share,
};

/// One sentence, or what one is made of.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(tag = "type", rename_all = "lowercase")]
pub enum Note {
    /// Good to know.
    #[serde(rename = "note")]
    Info { text: String },
    /// The same, and worth a look among many lines.
    #[serde(rename = "note")]
    Notice { text: String },
    /// Good to know, and somebody has changed it, or the run has.
    #[serde(rename = "note")]
    Change { text: String },
    /// Clients or the protection suffer.
    Warning { text: String },
    /// An interface is no longer protected.
    Detached { interface: String },
    #[serde(untagged)]
    Event(Event),
}

impl Note {
    /// As `type` of the JSON has it.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Info { .. } | Self::Notice { .. } | Self::Change { .. } => "note",
            Self::Warning { .. } => "warning",
            Self::Detached { .. } => "detached",
            Self::Event(event) => event.kind(),
        }
    }

    pub fn info(text: impl Into<String>) -> Self {
        Self::Info { text: text.into() }
    }

    pub fn notice(text: impl Into<String>) -> Self {
        Self::Notice { text: text.into() }
    }

    pub fn change(text: impl Into<String>) -> Self {
        Self::Change { text: text.into() }
    }

    pub fn warning(text: impl Into<String>) -> Self {
        Self::Warning { text: text.into() }
    }
}
