// SPDX-License-Identifier: GPL-2.0-only
//! Looks after the live entries: removes those whose time is over, which the program does not count any more, and has
//! a service keep them.

mod kept;

use std::collections::BTreeMap;
use std::mem;
use std::time::Duration;

use anyhow::Result;
use ipnet::IpNet;

use super::Watched;
use crate::kernel::clock;
use crate::kernel::maps::lists::{Lock, Tables, Writer, live};
use crate::kernel::program::Program;
use crate::note::Note;
use crate::policy::{self, network_name};
use kept::Kept;

/// What is known of the live entries.
pub struct Lists {
    /// The count of their changes, when they were last read.
    changes: Option<u32>,
    known: BTreeMap<IpNet, live::Entry>,
    /// What has changed since the last look.
    said: Vec<Note>,
    /// When the next one is over: CLOCK_MONOTONIC ns. None: none ever.
    next_end: Option<u64>,
    tidying: Watched,
    /// None: nobody keeps them.
    kept: Option<Kept>,
    /// The count of changes that is kept.
    kept_changes: Option<u32>,
    keeping: Watched,
}

impl Default for Lists {
    fn default() -> Self {
        Self {
            changes: None,
            known: BTreeMap::new(),
            said: Vec::new(),
            next_end: None,
            tidying: Watched::new("removing live entries that are over"),
            kept: Kept::find(),
            kept_changes: None,
            keeping: Watched::new("keeping the live entries"),
        }
    }
}

impl Lists {
    /// Enters what the service has kept in tables that are new.
    pub fn restore(&mut self, program: &Program) -> Option<Note> {
        let error = restore(self.kept.as_ref()?, program.maps.lists()).err()?;
        // What cannot be read is not overwritten.
        self.kept = None;
        Some(Note::warning(format!("live entries are neither back nor kept: {error:#}")))
    }

    /// Notes each entry that has ended. Reads them only if they changed.
    pub fn tick(&mut self, program: &Program) -> Vec<Note> {
        let done = self.tidy(program.maps.lists());
        let (ended, note) = self.tidying.check(done);
        let ended = ended.unwrap_or_default();
        let kept = self.keep(program.maps.lists());
        let (_, unkept) = self.keeping.check(kept);
        let said = mem::take(&mut self.said);
        said.into_iter().chain(ended.iter().map(has_ended)).chain(note).chain(unkept).collect()
    }

    /// Writes them if they changed. What fails is tried again.
    fn keep(&mut self, tables: Tables<'_>) -> Result<()> {
        let Some(kept) = &self.kept else { return Ok(()) };
        let changes = tables.live_changes()?;
        if self.kept_changes != Some(changes) {
            kept.write(&live::read(tables)?, clock::now_ns()?)?;
            self.kept_changes = Some(changes);
        }
        Ok(())
    }

    fn tidy(&mut self, tables: Tables<'_>) -> Result<Vec<live::Entry>> {
        let now = clock::now_ns()?;
        let changes = tables.live_changes()?;
        if self.changes != Some(changes) {
            let entries = live::read(tables)?;
            // The earliest end, also of one that a later change removes.
            self.next_end = entries.iter().filter_map(|entry| entry.until).min();
            self.said =
                self.changes.map(|_| differences(&self.known, &entries, now)).unwrap_or_default();
            self.known = entries.into_iter().map(|entry| (entry.network, entry)).collect();
            self.changes = Some(changes);
        }
        if self.next_end.is_none_or(|end| now < end) {
            return Ok(Vec::new());
        }
        // A run waits for nobody: the next second comes.
        let Some(lock) = Lock::try_now()? else { return Ok(Vec::new()) };
        live::tidy(&mut Writer::new(tables, &lock)?, now)
    }
}

/// A note if options and files contradict each other.
pub fn contradictions(lists: &policy::Lists) -> Option<Note> {
    (lists.contradictions > 0).then(|| {
        Note::warning(format!(
            "{} networks are both allowed and denied: options count before files, and else they are allowed",
            lists.contradictions
        ))
    })
}

/// A note for each entry that somebody has made or removed: afterwards the log says who was denied, and when.
fn differences(before: &BTreeMap<IpNet, live::Entry>, entries: &[live::Entry], now: u64) -> Vec<Note> {
    let is_new = |entry: &&live::Entry| {
        let same = |old: &live::Entry| {
            (old.listed, old.until, old.added) == (entry.listed, entry.until, entry.added)
        };
        !before.get(&entry.network).is_some_and(same)
    };
    let made = entries.iter().filter(is_new).map(|entry| {
        let time =
            entry.until.map(|until| Duration::from_nanos(until.saturating_sub(now)).as_secs() + 1);
        let time = time.map_or(String::new(), |time| {
            format!(" for {}", humantime::format_duration(Duration::from_secs(time)))
        });
        let note = if entry.note.is_empty() { String::new() } else { format!(": {}", entry.note) };
        Note::info(format!(
            "by command, {} is {}{time}{note}",
            network_name(&entry.network),
            entry.listed
        ))
    });
    let is_there = |network: &IpNet| entries.iter().any(|entry| entry.network == *network);
    let is_removed =
        |entry: &&live::Entry| !is_there(&entry.network) && entry.until.is_none_or(|until| until > now);
    let removed = before.values().filter(is_removed).map(|entry| {
        let name = network_name(&entry.network);
        Note::info(format!("by command, {name} is no longer {}", entry.listed))
    });
    made.chain(removed).collect()
}

fn has_ended(entry: &live::Entry) -> Note {
    let name = network_name(&entry.network);
    Note::info(format!("the live entry {name} ({}) has ended", entry.listed))
}

fn restore(kept: &Kept, tables: Tables<'_>) -> Result<()> {
    let entries = kept.read(clock::now_ns()?)?;
    if !entries.is_empty() {
        live::enter(&mut Writer::alone(tables)?, &entries)?;
    }
    Ok(())
}
