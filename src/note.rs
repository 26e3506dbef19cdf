// SPDX-License-Identifier: GPL-2.0-only
//! What a run has to tell beside its figures. A note is a plain value: any module makes one, and the
//! run alone says it.

use std::fmt;

use serde::Serialize;

/// One sentence.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "type", rename_all = "lowercase")]
pub enum Note {
    /// Good to know.
    #[serde(rename = "note")]
    Info { text: String },
    /// The same, and worth a look among many lines.
    #[serde(rename = "note")]
    Notice { text: String },
    /// Clients or the protection suffer.
    Warning { text: String },
    /// An interface is no longer protected.
    Detached { interface: String },
}

impl Note {
    pub fn info(text: impl Into<String>) -> Self {
        Self::Info { text: text.into() }
    }

    pub fn notice(text: impl Into<String>) -> Self {
        Self::Notice { text: text.into() }
    }

    pub fn warning(text: impl Into<String>) -> Self {
        Self::Warning { text: text.into() }
    }
}

/// The line for people.
impl fmt::Display for Note {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Info { text } | Self::Notice { text } => write!(f, "note: {text}"),
            Self::Warning { text } => write!(f, "warning: {text}"),
            Self::Detached { interface } => write!(
                f,
                "warning: {interface} is no longer protected: it was removed, or its link was detached"
            ),
        }
    }
}
