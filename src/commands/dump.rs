// SPDX-License-Identifier: GPL-2.0-only
//! `--dump`: who is blocked now, by all instances that run.

use std::cmp::Reverse;

use anyhow::{Context, Result};
use libbpf_rs::MapCore;

use super::present::{self, Look};
use super::running::{self, Found};
use super::{print, summary};
use crate::advice::preflight;
use crate::judge::Bucket;
use crate::kernel::clock;
use crate::kernel::instance::Running;
use crate::kernel::maps::sources::{self, Source};
use crate::kernel::maps::{lists, networks};
use crate::policy::network_name;
use crate::show::model;
use crate::show::text;

/// The instances and sources to show.
#[derive(Debug, Clone)]
pub struct Request {
    /// Empty: every interface.
    pub interfaces: Vec<String>,
    /// Also sources that are not blocked, and all networks of the lists.
    pub all: bool,
    /// The networks, instead of the sources.
    pub networks: bool,
    pub json: bool,
}

pub fn dump(request: &Request) -> Result<()> {
    preflight::check_can_look("--dump")?;
    let instances = running::find(&request.interfaces, "--dump")?;
    let dump = model::Dump { instances: read(instances, request)? };
    print(&dump, request.json, |out, dump| {
        dump.instances.iter().try_for_each(|instance| text::write_instance(out, instance, request.all))
    })
    .context("cannot write the dump")
}

fn read(instances: Vec<Found>, request: &Request) -> Result<Vec<model::Instance>> {
    let looks = present::look(&instances)?;
    instances.into_iter().zip(looks).map(|(found, look)| read_one(found, look, request)).collect()
}

fn read_one(found: Found, look: Look, request: &Request) -> Result<model::Instance> {
    let Found { program_id, interfaces, running } = found;
    let (mut known_sources, mut blocked_sources, mut shown) = (0, 0, Vec::new());
    sources::for_each(&running.sources, &running.refusals, &running.policy, |source| {
        known_sources += 1;
        blocked_sources += u64::from(source.is_blocked());
        if !request.networks && (request.all || source.is_blocked()) {
            shown.push(source);
        }
    })?;
    shown.sort_unstable_by_key(|source| {
        (Reverse(source.dropped), Reverse(source.passed), source.address, source.service)
    });
    Ok(model::Instance {
        program_id,
        interfaces,
        max_sources: running.sources.max_entries(),
        known_sources,
        blocked_sources,
        totals: summary(look.counters, running.age, running.policy.dry_run),
        rates: look.rates,
        unchallenged: present::unchallenged(&running)?,
        rates_left: present::shared(&running.rates, &running.policy)?.rates_left,
        lists: read_lists(&running)?,
        networks: request.networks.then(|| read_networks(&running, request.all)).transpose()?,
        sources: shown.iter().map(shown_source).collect(),
        policy: running.policy,
    })
}

/// Those that are limited, worst first; or all.
fn read_networks(running: &Running, all: bool) -> Result<Vec<model::Network>> {
    let mut found = networks::read(&running.networks, &running.policy)?;
    found.retain(|of| all || of.limited_for.is_some());
    found.sort_by_key(|of| {
        (of.limited_for.is_none(), Reverse(of.refused), Reverse(of.connected), of.network)
    });
    Ok(found.into_iter().map(present::network).collect())
}

/// The networks with most decided SYNs come first.
fn read_lists(running: &Running) -> Result<Vec<model::ListEntry>> {
    let mut entries = lists::read(running.lists(), clock::now_ns()?)?;
    entries.retain(|entry| !entry.is_covered);
    entries.sort_by_key(|entry| (Reverse(entry.syns), entry.network));
    let shown = |entry: lists::Entry| model::ListEntry {
        network: network_name(&entry.network),
        verdict: entry.listed,
        syns: entry.syns,
    };
    Ok(entries.into_iter().map(shown).collect())
}

fn shown_source(source: &Source<'_>) -> model::Source {
    let bucket =
        |bucket: Bucket| model::Bucket { tokens: bucket.tokens, next_token: bucket.next_token };
    model::Source {
        source: source.name(),
        service: source.service.map(Into::into),
        connections: source.connections.map(bucket),
        syns: bucket(source.syns),
        passed: source.passed,
        challenged: source.challenged,
        dropped: source.dropped,
        connected: source.connected,
        last_drop: source.last_drop,
    }
}
