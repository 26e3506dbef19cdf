// SPDX-License-Identifier: GPL-2.0-only
//! A run's figures as OpenMetrics. docs/sight.md says what each means.

mod families;
mod rules;

use std::collections::BTreeMap;
use std::time::{Duration, SystemTime};

use anyhow::Result;
use prometheus_client::encoding::text;
use prometheus_client::registry::Registry;

use super::model::{InterfaceMode, PortQueue, SharedBucket};
use super::rules::Rule;
use super::status::Fill;
use crate::policy::Listed;

/// The begin of each name.
const PREFIX: &str = "synflood";

/// A run at one moment.
#[derive(Debug)]
pub struct Metrics {
    pub run: Run,
    pub interfaces: Vec<InterfaceMode>,
    pub dry_run: bool,
    /// By reason.
    pub frames: BTreeMap<String, u64>,
    pub syns: Vec<Syns>,
    /// Connections of protected ports that stand or stood.
    pub connections: u64,
    /// Those of them that were made of a cookie of ours.
    pub connections_by_cookie: u64,
    /// The rates of all sources together that have a limit.
    pub rates: BTreeMap<&'static str, SharedBucket>,
    /// Networks that are limited now, each counted for each service that limits it.
    pub limited_networks: u64,
    pub rules: Vec<Rule>,
    pub is_flooded: bool,
    /// That have begun.
    pub floods: u64,
    /// Of the protected ports: that of the listener whose queue is the fullest.
    pub queues: Vec<PortQueue>,
    /// Tasks that fail now, and how often one began to.
    pub failing_tasks: u64,
    pub task_failures: u64,
    pub walk: Walk,
}

/// The process.
#[derive(Debug)]
pub struct Run {
    pub version: String,
    pub started: SystemTime,
    /// The last reload that was done, or the start.
    pub configured: SystemTime,
    /// The last reload was refused.
    pub has_fault: bool,
}

/// SYNs of one reason.
#[derive(Debug)]
pub struct Syns {
    /// "passed", "challenged" or "dropped".
    pub verdict: &'static str,
    pub reason: String,
    /// At whose ports. Empty: of none.
    pub service: String,
    pub count: u64,
}

/// What takes a walk through whole tables, and so is older.
#[derive(Debug, Clone)]
pub struct Walk {
    pub at: SystemTime,
    pub took: Duration,
    pub tables: BTreeMap<&'static str, Fill>,
    pub blocked_sources: u64,
    pub networks: Vec<Networks>,
    /// SYNs of honest clients that rules are held against.
    pub honest_syns: u64,
}

/// Networks of the lists that count.
#[derive(Debug, Clone)]
pub struct Networks {
    pub verdict: Listed,
    /// "live" or "run".
    pub origin: &'static str,
    pub count: u64,
    /// SYNs that they decided.
    pub syns: u64,
}

impl Metrics {
    /// In OpenMetrics' text format.
    pub fn text(self) -> Result<String> {
        let mut registry = Registry::with_prefix(PREFIX);
        registry.register_collector(Box::new(self));
        let mut text = String::new();
        text::encode(&mut text, &registry)?;
        Ok(text)
    }
}
