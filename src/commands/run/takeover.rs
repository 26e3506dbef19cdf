// SPDX-License-Identifier: GPL-2.0-only
//! The program that runs on the interfaces already, if there is one whose place the new one takes.

use std::collections::{BTreeMap, BTreeSet};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Result, ensure};

use crate::kernel::hooks::Hooks;
use crate::kernel::interface::Interface;
use crate::kernel::legacy::Legacy;
use crate::kernel::predecessor::Predecessor;
use crate::kernel::program::Program;
use crate::kernel::sys;
use crate::note::Note;
use crate::service::Manager;
use crate::settings::Settings;
use crate::show::report::Report;
use crate::upkeep::Sysctls;

/// For the service manager to let go of what cannot be used.
const PATIENCE: Duration = Duration::from_secs(5);

/// Between two looks.
const PAUSE: Duration = Duration::from_millis(50);

/// What there was before this run, or nothing.
pub struct Predecessors {
    found: Option<(Predecessor, Legacy)>,
}

impl Predecessors {
    /// What the service manager kept of the process before this one; or, with `--replace`, what another process
    /// runs on these interfaces.
    pub fn find(
        settings: &Settings,
        interfaces: &[Interface],
        manager: &mut Manager,
        report: &mut Report,
    ) -> Result<Self> {
        if let Some(kept) = kept(interfaces, manager, report)? {
            return Ok(Self { found: Some(kept) });
        }
        let running = if settings.replace { Predecessor::on(interfaces)? } else { None };
        let Some(running) = running else { return Ok(Self { found: None }) };
        let others = running.interfaces_beside(interfaces)?;
        ensure!(
            others.is_empty(),
            "the run that is to be replaced also protects {}: name {} with --iface too",
            others.join(" and "),
            if others.len() == 1 { "it" } else { "them" }
        );
        if let Some(pid) = running.process() {
            report.note(&Note::info(format!("taking over from process {pid}")));
        }
        let legacy = running.legacy()?;
        Ok(Self { found: Some((running, legacy)) })
    }

    pub fn legacy(&self) -> Option<&Legacy> {
        self.found.as_ref().map(|(_, legacy)| legacy)
    }

    /// The new program goes on with the tables of the one before.
    pub fn has_tables(&self) -> bool {
        self.legacy().is_some_and(|legacy| legacy.tables.is_some())
    }

    /// Notes of what the new program cannot go on with.
    pub fn what_is_lost(&self, program: &Program) -> Vec<Note> {
        let Some(legacy) = self.legacy() else { return Vec::new() };
        match &legacy.tables {
            None => vec![Note::info(
                "the program before was of another version: this one has its cookie keys, but begins with new \
                 tables, in which every source has full buckets",
            )],
            Some(tables) => program.what_is_new_beside(tables).into_iter().collect(),
        }
    }

    /// What a user may expect of the one before, which has ended for good.
    pub fn what_ends(&self, settings: &Settings) -> Vec<Note> {
        let Some((before, legacy)) = &self.found else { return Vec::new() };
        // A service goes on with its own.
        if before.process().is_none() {
            return Vec::new();
        }
        let time = settings.stop_after.map(|time| {
            let time = humantime::format_duration(time);
            Note::warning(format!(
                "in {time} nothing protects these interfaces: the run before, which this one replaces, does not come \
                 back"
            ))
        });
        let dropped = legacy.tables.as_ref().is_some_and(|tables| !tables.policy.dry_run);
        let dry_run = (settings.policy.dry_run && dropped).then(|| {
            Note::warning("from now on nothing is dropped (--dry-run): the run before, which this one replaces, did")
        });
        time.into_iter().chain(dry_run).collect()
    }

    /// Those of these interfaces on which nothing of ours runs.
    pub fn not_on(&self, interfaces: &[Interface]) -> Vec<Interface> {
        let is_there =
            |each: &&Interface| self.found.as_ref().is_some_and(|(before, _)| before.is_on(each));
        interfaces.iter().filter(|each| !is_there(each)).cloned().collect()
    }

    /// Those of these devices, by index, on which nothing of ours takes answers.
    pub fn not_answered_on(&self, devices: &BTreeSet<u32>) -> BTreeSet<u32> {
        let taken =
            self.found.as_ref().map(|(before, _)| before.takes_answers_on()).unwrap_or_default();
        devices - &taken
    }

    /// Settings that another process may have changed must not be set back when that ends.
    pub fn sysctls(&self) -> Sysctls {
        if self.found.is_some() { Sysctls::that_hold() } else { Sysctls::default() }
    }

    /// The links of the one before become the new program's, beside those that it has.
    pub fn give_way_to(
        self,
        program: &Program,
        interfaces: &[Interface],
        new: Hooks,
    ) -> Result<(Hooks, Option<Note>)> {
        match self.found {
            None => Ok((new, None)),
            Some((before, legacy)) => {
                let policy = legacy.tables.as_ref().map(|tables| &tables.policy);
                before.give_way_to(program, interfaces, new, policy)
            }
        }
    }
}

/// If it cannot be used the manager lets go of it.
fn kept(
    interfaces: &[Interface],
    manager: &mut Manager,
    report: &mut Report,
) -> Result<Option<(Predecessor, Legacy)>> {
    let kept = manager.handed_over().and_then(|descriptors| {
        let Some(before) = Predecessor::among(descriptors)? else { return Ok(None) };
        let legacy = before.legacy()?;
        Ok(Some((before, legacy)))
    });
    match kept {
        Ok(kept) => Ok(kept),
        Err(error) => {
            report.note(&Note::warning(format!(
                "what the last process left cannot be taken over, so the protection begins anew: {error:#}"
            )));
            manager.keep_only(&BTreeMap::new())?;
            wait_until_free(interfaces);
            Ok(None)
        }
    }
}

/// It takes the manager a moment to let go. An interface that is taken even then is said when it is attached to.
fn wait_until_free(interfaces: &[Interface]) {
    let until = Instant::now() + PATIENCE;
    let is_taken = |each: &Interface| matches!(sys::xdp_query(each.index), Ok(Some(_)));
    while interfaces.iter().any(is_taken) && Instant::now() < until {
        thread::sleep(PAUSE);
    }
}
