// SPDX-License-Identifier: GPL-2.0-only
//! `--dump`: who is blocked now, by all instances that run.

use std::cmp::Reverse;
use std::collections::BTreeMap;
use std::io::{self, BufWriter, Write};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use libbpf_rs::MapCore;

use super::running::{self, Found};
use super::{summary, syns};
use crate::advice::preflight;
use crate::kernel::clock;
use crate::kernel::instance::Running;
use crate::kernel::maps::counters::Counters;
use crate::kernel::maps::lists;
use crate::kernel::maps::ports;
use crate::kernel::maps::rates;
use crate::kernel::maps::sources::{self, Source};
use crate::policy::{Challenge, network_name};
use crate::show::model::{self, Rates};
use crate::show::{text, write_json};

/// Long enough for a meaningful rate, and short enough to wait.
const RATE_TIME: Duration = Duration::from_millis(200);

/// The instances and sources to show.
#[derive(Debug, Clone)]
pub struct Request {
    /// Empty: every interface.
    pub interfaces: Vec<String>,
    /// Also sources that are not blocked, and all networks of the lists.
    pub all: bool,
    pub json: bool,
}

pub fn dump(request: &Request) -> Result<()> {
    preflight::check_can_look("--dump")?;
    let instances = running::find(&request.interfaces)?;
    let dump = model::Dump { instances: read(instances, request.all)? };
    let mut out = BufWriter::new(io::stdout().lock());
    write(&mut out, &dump, request).and_then(|()| out.flush()).context("cannot write the dump")
}

fn write(out: &mut impl Write, dump: &model::Dump, request: &Request) -> io::Result<()> {
    if request.json {
        return write_json(out, dump);
    }
    dump.instances.iter().try_for_each(|instance| text::write_instance(out, instance, request.all))
}

fn read(instances: Vec<Found>, all: bool) -> Result<Vec<model::Instance>> {
    let counters = |found: &Found| {
        Ok((Counters::read(&found.running.counters, &found.running.reasons)?, Instant::now()))
    };
    let before: Vec<(Counters, Instant)> = instances.iter().map(counters).collect::<Result<_>>()?;
    thread::sleep(RATE_TIME);
    let now: Vec<(Counters, Instant)> = instances.iter().map(counters).collect::<Result<_>>()?;
    let with_rates = instances.into_iter().zip(before.into_iter().zip(now));
    with_rates
        .map(|(found, (before, now))| {
            let rates = Rates::between(syns(&before.0), syns(&now.0), now.1 - before.1);
            read_one(found, now.0, rates, all)
        })
        .collect()
}

fn read_one(found: Found, counters: Counters, rates: Rates, all: bool) -> Result<model::Instance> {
    let Found { program_id, interfaces, running } = found;
    let (mut known_sources, mut blocked_sources, mut shown) = (0, 0, Vec::new());
    sources::for_each(&running.sources, &running.refusals, &running.policy, |source| {
        known_sources += 1;
        blocked_sources += u64::from(source.is_blocked());
        if all || source.is_blocked() {
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
        totals: summary(counters, running.age, running.policy.dry_run),
        rates,
        unchallenged: unchallenged(&running)?,
        rates_left: read_rates(&running)?,
        lists: read_lists(&running)?,
        sources: shown.iter().map(shown_source).collect(),
        policy: running.policy,
    })
}

fn unchallenged(running: &Running) -> Result<Vec<u16>> {
    let policy = &running.policy;
    let is_meant = |port: &u16| policy.challenge != Challenge::Off && policy.ports.contains(*port);
    Ok(ports::unchallenged(&running.ports)?.into_iter().filter(is_meant).collect())
}

fn read_rates(running: &Running) -> Result<BTreeMap<&'static str, model::SharedBucket>> {
    let rates = rates::Rates::read(&running.rates, &running.policy, clock::now_ns()?)?;
    let shown = |bucket: rates::Bucket| model::SharedBucket {
        left: bucket.tokens,
        burst: bucket.burst,
        last_refusal: bucket.last_refusal,
        refusing: bucket.refusing,
    };
    let named = [
        ("pass_rate", rates.pass),
        ("unchallenged_rate", rates.unchallenged),
        ("unchallenged_rate_forwarded", rates.forwarded),
        ("challenge_rate", rates.challenges),
    ];
    Ok(named.into_iter().filter_map(|(name, bucket)| Some((name, shown(bucket?)))).collect())
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
    let bucket = |bucket: sources::Bucket| model::Bucket {
        tokens: bucket.tokens,
        next_token: bucket.next_token,
    };
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
