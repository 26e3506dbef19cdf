// SPDX-License-Identifier: GPL-2.0-only
//! What is done about what the SYNs of a flood have in common.

use std::fmt;

use clap::ValueEnum;
use serde::Serialize;

/// What becomes of the rules that a flood teaches.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Learn {
    /// None are looked for
    Off,
    /// They are told, with the command that applies them
    Suggest,
    /// They drop what they match
    On,
}

impl fmt::Display for Learn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Off => "off",
            Self::Suggest => "suggest",
            Self::On => "on",
        })
    }
}
