// SPDX-License-Identifier: GPL-2.0-only
//! What the metrics are made of. The run tells once a second what only it knows; all else is read from the kernel by
//! whoever asks, and what takes a walk through whole tables not each time.

use std::iter;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant, SystemTime};

use anyhow::{Context, Result};

use crate::commands::present::{self, Bounded};
use crate::commands::rule;
use crate::kernel::clock;
use crate::kernel::maps::counters::Counters;
use crate::kernel::maps::lists::totals::{ByVerdict, totals};
use crate::kernel::maps::run_info::RunInfo;
use crate::kernel::maps::{Maps, answered, networks, sources};
use crate::policy::{Listed, Policy};
use crate::show::metrics::{Metrics, Networks, Run, Syns, Walk};
use crate::show::model::InterfaceMode;
use crate::upkeep::{Faults, Upkeep};

/// Between two walks, at least.
const WALK_EVERY: Duration = Duration::from_secs(5);

/// A walk takes a thread no more than this part of its time.
const WALK_PART: u32 = 20;

/// A run, for other threads.
#[derive(Debug)]
pub struct View {
    told: Mutex<Told>,
    walk: Mutex<Option<(Instant, Walk)>>,
}

/// What the run tells.
#[derive(Debug, Clone)]
struct Told {
    judge: Arc<Judge>,
    interfaces: Vec<InterfaceMode>,
    is_flooded: bool,
    floods: u64,
}

/// The program that judges.
#[derive(Debug)]
struct Judge {
    id: u32,
    maps: Arc<Maps>,
    policy: Policy,
    reasons: Vec<String>,
}

impl Told {
    fn by(upkeep: &Upkeep, before: Option<&Arc<Judge>>) -> Self {
        let program = &upkeep.program;
        let judge = before.filter(|judge| judge.id == program.id).cloned().unwrap_or_else(|| {
            Arc::new(Judge {
                id: program.id,
                maps: program.maps.clone(),
                policy: program.policy.clone(),
                reasons: program.reasons.clone(),
            })
        });
        let interfaces = upkeep
            .hooks
            .attachments
            .iter()
            .map(|each| InterfaceMode { name: each.interface.name.clone(), mode: each.mode });
        Self {
            judge,
            interfaces: interfaces.collect(),
            is_flooded: upkeep.floods.is_on(),
            floods: upkeep.floods.begun(),
        }
    }
}

impl View {
    pub fn of(upkeep: &Upkeep) -> Self {
        Self { told: Told::by(upkeep, None).into(), walk: None.into() }
    }

    /// Waits for nobody who reads: they only copy.
    pub fn update(&self, upkeep: &Upkeep) {
        let mut told = lock(&self.told);
        *told = Told::by(upkeep, Some(&told.judge));
    }

    pub fn metrics(&self) -> Result<Metrics> {
        let Told { judge, interfaces, is_flooded, floods } = lock(&self.told).clone();
        let counters = Counters::read(&judge.maps.counters, &judge.reasons)?;
        let services = judge.policy.services.iter();
        let named = services.map(|(number, service)| (number, service.name.clone()));
        let syns = iter::once((0, String::new())).chain(named).flat_map(|(number, service)| {
            counters.syns(number).map(move |(verdict, reason, count)| Syns {
                verdict,
                reason: reason.into(),
                service: service.clone(),
                count,
            })
        });
        let faults = Faults::of_this_process();
        Ok(Metrics {
            run: run(&judge.maps)?,
            interfaces,
            dry_run: judge.policy.dry_run,
            frames: counters.frames().map(|(reason, count)| (reason.into(), count)).collect(),
            syns: syns.collect(),
            connections: counters.connected(),
            connections_by_cookie: counters.redeemed(),
            rates: present::shared(&judge.maps.data_rates, &judge.policy)?.rates_left,
            limited_networks: networks::limited(
                &judge.maps.data_networks,
                &judge.maps.networks,
                &judge.policy,
            )?
            .len() as u64,
            rules: rule::all(&judge.maps)?,
            is_flooded,
            floods,
            queues: present::queues(&judge.policy)?,
            failing_tasks: faults.failing,
            task_failures: faults.begun,
            walk: self.walk(&judge)?,
        })
    }

    /// The last walk, or a new one if that is old.
    fn walk(&self, judge: &Judge) -> Result<Walk> {
        let mut last = lock(&self.walk);
        if let Some((at, walk)) = &*last
            && at.elapsed() < WALK_EVERY.max(walk.took * WALK_PART)
        {
            return Ok(walk.clone());
        }
        let walk = judge.walk()?;
        *last = Some((Instant::now(), walk.clone()));
        Ok(walk)
    }
}

impl Judge {
    fn walk(&self) -> Result<Walk> {
        let Self { maps, policy, .. } = self;
        let (at, begun) = (SystemTime::now(), Instant::now());
        let tables = present::fill(Bounded::from(&**maps))?;
        let blocked_sources = sources::count_blocked(&maps.sources, &maps.refusals, policy)?;
        let lists = totals(maps.lists(), clock::now_ns()?)?;
        let networks = networks("live", lists.live).into_iter().chain(networks("run", lists.run));
        let honest_syns = answered::read(maps)?.len() as u64;
        Ok(Walk {
            at,
            took: begun.elapsed(),
            tables,
            blocked_sources,
            networks: networks.collect(),
            honest_syns,
        })
    }
}

fn networks(origin: &'static str, lists: ByVerdict) -> [Networks; 2] {
    [(Listed::Allowed, lists.allowed), (Listed::Denied, lists.denied)]
        .map(|(verdict, total)| Networks { verdict, origin, count: total.networks, syns: total.syns })
}

fn run(maps: &Maps) -> Result<Run> {
    let info = RunInfo::read(&maps.run_info)?.context("the run has said nothing of itself yet")?;
    Ok(Run {
        version: info.version,
        started: info.started,
        configured: info.reloaded.unwrap_or(info.started),
        has_fault: info.fault.is_some(),
    })
}

/// Whoever panicked with the lock has left a whole value.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
