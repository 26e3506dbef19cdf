// SPDX-License-Identifier: GPL-2.0-only
//! The commands for running instances.

use std::ffi::OsString;
use std::time::Duration;

use clap::{Args, Subcommand, ValueHint};
use ipnet::IpNet;

use super::explain::Explain;
use super::learn::Learn;
use super::observe::Observe;
use super::report::Report;
use super::rule::RuleVerb;
use super::values;
use crate::policy::faults::harmless;
use crate::policy::network;

/// The longest note, in bytes of UTF-8.
const MAX_NOTE: usize = 87;

#[derive(Debug, Subcommand)]
pub enum Verb {
    /// Let networks go without limits of their own, from now on
    Allow(Change),
    /// Drop all SYNs of networks, from now on
    Deny(Change),
    /// Show the networks that are allowed or denied
    Lists(Show),
    /// Show how running instances are: limits in force, present rates, tables, the last reload. Exit status: 0 fine, 1
    /// none runs, 3 with a fault: a reload was refused, or no process looks after the interfaces
    Status(Show),
    /// Say what is known of a client, what a SYN of it would meet now and why, and how to let it in; takes no token
    Explain(Explain),
    /// Watch a running instance on a full screen: rates, the worst sources and what they look like; keys sort, filter,
    /// allow and deny. Without a terminal: one screen, as text
    Top(Top),
    /// Show the TCP segments of an interface, like tcpdump, and what becomes of those that arrive
    Observe(Observe),
    /// Make one HTML page of an attack, from what a run with --json has written
    Report(Report),
    /// Find what the SYNs of an attack share and those of honest clients have not, from captures; attaches nothing. Exit
    /// status: 0, rules or none. Without an attack: tell running instances what honest clients look like
    Learn(Learn),
    /// Show the rules that SYNs are dropped by, add and remove them
    #[command(subcommand)]
    Rule(RuleVerb),
    /// Say whether a run with these options would start, and what it would suffer from; attaches nothing. Exit status: 0
    /// fine, 1 it would not start, 3 with warnings
    Check(Words),
}

#[derive(Debug, Args)]
pub struct Change {
    /// Addresses or networks
    #[arg(value_name = "NET", required = true, value_parser = network, value_delimiter = ',')]
    pub networks: Vec<IpNet>,

    /// How long it counts, as 90s, 10m or 1h30m [default: until it is removed or the run ends; a service keeps it]
    #[arg(long = "for", value_name = "TIME", value_parser = time, allow_hyphen_values = true,
          conflicts_with = "remove")]
    pub time: Option<Duration>,

    /// What to remember about it
    #[arg(long, value_name = "TEXT", value_parser = note, allow_hyphen_values = true,
          conflicts_with = "remove")]
    pub note: Option<String>,

    /// Take back what was given by this command before
    #[arg(long)]
    pub remove: bool,

    /// Only the instance on this interface; may be given several times [default: all]
    #[arg(long, short, value_name = "IF", value_parser = values::interface,
          value_hint = ValueHint::Other)]
    pub iface: Vec<String>,

    /// Even if you are connected over ssh from there, or if it is larger than a /8
    #[arg(long)]
    pub yes: bool,
}

#[derive(Debug, Args)]
pub struct Words {
    /// Only read the settings, as a reload does, and say nothing if they are right; exit status 1 if not
    #[arg(long)]
    pub brief: bool,

    /// The options of a run, like --config FILE
    #[arg(value_name = "OPTION", trailing_var_arg = true, allow_hyphen_values = true)]
    pub words: Vec<OsString>,
}

#[derive(Debug, Args)]
pub struct Show {
    /// Write JSON: one object
    #[arg(long)]
    pub json: bool,

    /// Only the instance on this interface; may be given several times [default: all]
    #[arg(long, short, value_name = "IF", value_parser = values::interface,
          value_hint = ValueHint::Other)]
    pub iface: Vec<String>,
}

#[derive(Debug, Args)]
pub struct Top {
    /// The instance on this interface [default: the first one; Tab goes to the next]
    #[arg(long, short, value_name = "IF", value_parser = values::interface,
          value_hint = ValueHint::Other)]
    pub iface: Option<String>,
}

pub(super) fn time(text: &str) -> Result<Duration, String> {
    const CENTURY: Duration = Duration::from_secs(100 * 365 * 86_400);
    match values::stop_after(text)? {
        time if time <= CENTURY => Ok(time),
        _ => Err("give at most a hundred years; without --for it counts until it is removed".into()),
    }
}

fn note(text: &str) -> Result<String, String> {
    if harmless(text) != text {
        return Err("a note is one line of visible characters".into());
    }
    if text.len() > MAX_NOTE {
        return Err(format!(
            "a note has at most {MAX_NOTE} bytes, and this one has {}: shorten it",
            text.len()
        ));
    }
    Ok(text.into())
}
