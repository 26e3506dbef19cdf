// SPDX-License-Identifier: GPL-2.0-only
//! The words of `rule`.

use std::str::FromStr;
use std::time::Duration;

use clap::{Args, Subcommand, ValueHint};

use super::values;
use super::verbs::{Show, time};

/// Places for rules, learned ones and others.
const PLACES: usize = 16;

#[derive(Debug, Subcommand)]
pub enum RuleVerb {
    /// Show the rules that SYNs are judged by: what they match, and what has become of it
    List(Show),
    /// Drop SYNs that look like this, from now on
    Add(AddRule),
    /// Take rules back, learned ones too
    Remove(RemoveRule),
}

#[derive(Debug, Args)]
pub struct AddRule {
    /// What the SYNs have in common, as `learn` and events say it: ipv4,ttl=33-64,window=512,options=none
    #[arg(value_name = "SPEC", allow_hyphen_values = true)]
    pub rule: String,

    /// How long it counts, as 90s, 10m or 1h30m [default: until it is removed or the run ends; a service keeps it]
    #[arg(long = "for", value_name = "TIME", value_parser = time, allow_hyphen_values = true)]
    pub time: Option<Duration>,

    /// Only count what it matches, and drop nothing
    #[arg(long)]
    pub watch: bool,

    /// Only the instance on this interface; may be given several times [default: all]
    #[arg(long, short, value_name = "IF", value_parser = values::interface,
          value_hint = ValueHint::Other)]
    pub iface: Vec<String>,

    /// Even if more than 0.1 % of the honest clients that are known look like this
    #[arg(long)]
    pub force: bool,
}

#[derive(Debug, Args)]
pub struct RemoveRule {
    /// Its number, as `rule list` shows it; several; or all
    #[arg(value_name = "NUMBER|all", required = true, allow_hyphen_values = true)]
    pub which: Vec<Which>,

    /// Only the instance on this interface; may be given several times [default: all]
    #[arg(long, short, value_name = "IF", value_parser = values::interface,
          value_hint = ValueHint::Other)]
    pub iface: Vec<String>,
}

/// The rules that are meant.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Which {
    All,
    /// From 1.
    Number(usize),
}

impl FromStr for Which {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match (text, text.parse()) {
            ("all", _) => Ok(Self::All),
            (_, Ok(number @ 1..=PLACES)) => Ok(Self::Number(number)),
            _ => Err(format!("give a number from 1 to {PLACES}, as `rule list` shows it, or all")),
        }
    }
}
