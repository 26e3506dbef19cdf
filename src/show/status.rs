// SPDX-License-Identifier: GPL-2.0-only
//! How running instances are, as values and as text.

use std::collections::BTreeMap;
use std::io::{self, Write};
use std::time::Duration;

use serde::Serialize;

use super::model::{InterfaceMode, Network, Rates, SharedBucket};
use super::rules::{self, Rule};
use super::units::{age, maybe_seconds, seconds};
use super::{networks, text};
use crate::policy::Policy;

/// The whole of `status --json`.
#[derive(Debug, Serialize)]
pub struct Statuses {
    pub instances: Vec<OfInstance>,
}

#[derive(Debug, Serialize)]
pub struct OfInstance {
    pub program_id: u32,
    pub interfaces: Vec<InterfaceMode>,
    #[serde(flatten)]
    pub policy: Policy,
    /// null: it has ended, and the service manager holds the program.
    pub pid: Option<u32>,
    /// Of its binary.
    pub version: Option<String>,
    /// For how long the counters have been counting, over reloads and processes that took over.
    #[serde(rename = "since_s", serialize_with = "seconds")]
    pub since: Duration,
    /// Since the last process has been started.
    #[serde(rename = "process_since_s", serialize_with = "maybe_seconds")]
    pub process_since: Option<Duration>,
    #[serde(flatten)]
    pub rates: Rates,
    /// For how long a flood has been on. null: none is.
    #[serde(rename = "flood_s", serialize_with = "maybe_seconds")]
    pub flood: Option<Duration>,
    /// What it is of, in words. null: that is not known.
    pub flood_of: Option<String>,
    pub rates_left: BTreeMap<&'static str, SharedBucket>,
    /// Ports that somebody listens on, and that are not challenged.
    pub unchallenged: Vec<u16>,
    pub tables: BTreeMap<&'static str, Fill>,
    pub networks: Networks,
    /// The narrowest first.
    pub limited_networks: Vec<Network>,
    /// What the learner is at, in words. null: there is no process.
    pub learner: Option<String>,
    /// SYNs of honest clients that rules are held against.
    pub honest_syns: usize,
    pub rules: Vec<Rule>,
    /// Since the last reload. null: there was none.
    #[serde(rename = "reloaded_s", serialize_with = "maybe_seconds")]
    pub reloaded: Option<Duration>,
    /// What is wrong with the configuration. null: nothing.
    pub fault: Option<Fault>,
}

/// How full a table is, in entries.
#[derive(Debug, Clone, Copy, Serialize)]
pub struct Fill {
    pub used: usize,
    pub room: usize,
}

/// Networks on the lists that count.
#[derive(Debug, Default, Serialize)]
pub struct Networks {
    pub allowed: u64,
    pub denied: u64,
    /// Of both, those of the commands `allow` and `deny`.
    pub live: u64,
}

#[derive(Debug, Serialize)]
pub struct Fault {
    #[serde(rename = "since_s", serialize_with = "seconds")]
    pub since: Duration,
    pub text: String,
}

pub fn write(out: &mut impl Write, statuses: &Statuses) -> io::Result<()> {
    statuses.instances.iter().try_for_each(|instance| write_one(out, instance))
}

fn write_learned(out: &mut impl Write, status: &OfInstance) -> io::Result<()> {
    let learner = status
        .learner
        .as_deref()
        .unwrap_or("not known yet, or no process looks after it: then rules drop nothing");
    writeln!(
        out,
        "learner: {learner}; honest clients' SYNs known: {}; {}",
        status.honest_syns,
        rules::in_short(&status.rules)
    )?;
    status.rules.iter().try_for_each(|rule| writeln!(out, "  {}", rules::line(rule)))
}

fn write_one(out: &mut impl Write, status: &OfInstance) -> io::Result<()> {
    let unchallenged = text::unchallenged(status.unchallenged.iter().copied());
    let (interfaces, policy) = (text::interfaces(&status.interfaces), text::policy(&status.policy));
    writeln!(out, "{interfaces}: {policy}{unchallenged}")?;
    let by = match (status.pid, &status.version, status.process_since) {
        (Some(pid), Some(version), Some(since)) => {
            format!("by process {pid} (synflood-xdp {version}, started {} ago)", age(since))
        }
        _ => "by no process: after five seconds without one nobody is challenged any more".into(),
    };
    writeln!(out, "protecting for {}, {by}", age(status.since))?;
    writeln!(out, "now {}", text::rates(&status.rates, status.policy.dry_run))?;
    if let Some(flood) = status.flood {
        let of = status.flood_of.as_ref().map_or(String::new(), |of| format!(": {of}"));
        writeln!(out, "ATTACK for {}{of}", age(flood))?;
    }
    text::write_refusing(out, &status.rates_left)?;
    networks::write_limited(out, &status.limited_networks)?;
    write_learned(out, status)?;
    for (name, Fill { used, room }) in &status.tables {
        writeln!(out, "{:<16} {used} of {room}", name.replace('_', " "))?;
    }
    let Networks { allowed, denied, live } = status.networks;
    writeln!(out, "networks allowed: {allowed}, denied: {denied}; by command: {live}")?;
    match status.reloaded {
        Some(reloaded) => writeln!(out, "reloaded {} ago", age(reloaded))?,
        None => writeln!(out, "not reloaded since the start")?,
    }
    if let Some(Fault { since, text }) = &status.fault {
        writeln!(
            out,
            "FAULT for {}: {text}\n      what was in force before is in force still; mend it, and reload",
            age(*since)
        )?;
    }
    Ok(())
}
