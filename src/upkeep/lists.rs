// SPDX-License-Identifier: GPL-2.0-only
//! Looks after the live entries: removes those whose time is over, which the program does not count any more, and has
//! a service keep them. Both are done beside: tables with a million networks are read for the one, and a disk may take
//! its time for the other.

mod kept;

use std::collections::BTreeMap;
use std::mem;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Result, bail};
use ipnet::IpNet;

use super::{Beside, Watched};
use crate::kernel::clock;
use crate::kernel::maps::Maps;
use crate::kernel::maps::lists::{Lock, Tables, Writer, live};
use crate::kernel::program::Program;
use crate::note::{Event, Note};
use crate::policy::{self, network_name};
use kept::Kept;

/// For the last state of the live entries, when a run ends.
const PATIENCE: Duration = Duration::from_secs(2);

/// Entries that are named in notes of one second, before these say how many more there are.
const MAX_NAMED: usize = 50;

/// What is known of the live entries.
pub struct Lists {
    /// The count of their changes, when they were last read.
    changes: Option<u32>,
    known: BTreeMap<IpNet, live::Entry>,
    /// What has changed since the last look.
    said: Vec<Note>,
    /// When the next one is over: CLOCK_MONOTONIC ns. None: none ever.
    next_end: Option<u64>,
    removal: Beside<Result<Vec<live::Entry>>>,
    looking: Watched,
    removing: Watched,
    /// None: nobody keeps them.
    kept: Option<Kept>,
    /// The count of changes that is kept, or that is being written.
    kept_changes: Option<u32>,
    writing: Beside<Result<()>>,
    keeping: Watched,
}

impl Default for Lists {
    fn default() -> Self {
        Self {
            changes: None,
            known: BTreeMap::new(),
            said: Vec::new(),
            next_end: None,
            removal: Beside::default(),
            looking: Watched::new("the look at the live entries"),
            removing: Watched::new("removing live entries that are over"),
            kept: Kept::find(),
            kept_changes: None,
            writing: Beside::default(),
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
        let looked = self.look(program.maps.lists());
        let unread = self.looking.check(looked).1;
        let (ended, unremoved) = match self.remove(&program.maps).transpose() {
            Some(outcome) => self.removing.check(outcome),
            None => (None, None),
        };
        let kept = self.keep(program.maps.lists()).transpose();
        let unkept = kept.and_then(|outcome| self.keeping.check(outcome).1);
        let said = mem::take(&mut self.said).into_iter();
        let ended = ended.iter().flatten().map(has_ended);
        said.chain(ended).chain(unread).chain(unremoved).chain(unkept).collect()
    }

    /// The end of a run: writes what is not kept yet, if the disk does it soon.
    pub fn finish(&mut self, program: &Program) -> Option<Note> {
        let until = Instant::now() + PATIENCE;
        let error = self.write_last(program.maps.lists(), until).err()?;
        Some(Note::warning(format!("the last changes of live entries are not kept: {error:#}")))
    }

    fn write_last(&mut self, tables: Tables<'_>, until: Instant) -> Result<()> {
        // What is being written may be of before.
        if self.wait_for_write(until).is_err() {
            self.kept_changes = None;
        }
        self.keep(tables)?;
        self.wait_for_write(until)
    }

    fn wait_for_write(&mut self, until: Instant) -> Result<()> {
        if !self.writing.is_busy() {
            return Ok(());
        }
        match self.writing.wait(until.saturating_duration_since(Instant::now())) {
            Some(outcome) => outcome,
            None => bail!("the disk takes more than {} s", PATIENCE.as_secs()),
        }
    }

    /// Has them written if they changed. What fails is tried again. None: there is no outcome to tell.
    fn keep(&mut self, tables: Tables<'_>) -> Result<Option<()>> {
        let Some(kept) = &self.kept else { return Ok(None) };
        let outcome = self.writing.outcome().transpose();
        if outcome.is_err() {
            self.kept_changes = None;
            return outcome;
        }
        let changes = tables.live_changes()?;
        if self.kept_changes != Some(changes) && !self.writing.is_busy() {
            let (kept, entries) = (kept.clone(), live::read(tables)?);
            self.writing.start("live entries", move || kept.write(&entries), || ())?;
            self.kept_changes = Some(changes);
        }
        outcome
    }

    /// Reads them if they changed.
    fn look(&mut self, tables: Tables<'_>) -> Result<()> {
        let changes = tables.live_changes()?;
        if self.changes == Some(changes) {
            return Ok(());
        }
        let entries = live::read(tables)?.into_iter().map(|entry| (entry.network, entry));
        let known: BTreeMap<_, _> = entries.collect();
        // The earliest end, also of one that a later change removes.
        self.next_end = known.values().filter_map(|entry| entry.until).min();
        if self.changes.is_some() {
            self.said = differences(&self.known, &known, clock::now_ns()?);
        }
        self.known = known;
        self.changes = Some(changes);
        Ok(())
    }

    /// Has those removed that are over. Returns them when it is done. None: there is no outcome to tell.
    fn remove(&mut self, maps: &Arc<Maps>) -> Result<Option<Vec<live::Entry>>> {
        let outcome = self.removal.outcome().transpose();
        let now = clock::now_ns()?;
        let is_due = self.next_end.is_some_and(|end| now >= end) && !self.removal.is_busy();
        // A run waits for nobody who writes: the next second comes.
        if is_due && let Some(lock) = Lock::try_now()? {
            let maps = maps.clone();
            let remove = move || live::tidy(&mut Writer::new(maps.lists(), &lock)?, now);
            self.removal.start("lists", remove, || ())?;
        }
        outcome
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
fn differences(
    before: &BTreeMap<IpNet, live::Entry>,
    after: &BTreeMap<IpNet, live::Entry>,
    now: u64,
) -> Vec<Note> {
    let is_new = |entry: &&live::Entry| {
        let same = |old: &live::Entry| {
            (old.listed, old.until, old.added) == (entry.listed, entry.until, entry.added)
        };
        !before.get(&entry.network).is_some_and(same)
    };
    let made = after.values().filter(is_new).map(|entry| {
        let time =
            entry.until.map(|until| Duration::from_nanos(until.saturating_sub(now)).as_secs() + 1);
        let time = time.map_or(String::new(), |time| {
            format!(" for {}", humantime::format_duration(Duration::from_secs(time)))
        });
        let note = if entry.note.is_empty() { String::new() } else { format!(": {}", entry.note) };
        Note::change(format!(
            "by command, {} is {}{time}{note}",
            network_name(&entry.network),
            entry.listed
        ))
    });
    let is_removed = |entry: &&live::Entry| {
        !after.contains_key(&entry.network) && entry.until.is_none_or(|until| until > now)
    };
    let removed = before.values().filter(is_removed).map(|entry| {
        let name = network_name(&entry.network);
        Note::change(format!("by command, {name} is no longer {}", entry.listed))
    });
    let mut notes: Vec<_> = made.chain(removed).collect();
    let more = notes.len().saturating_sub(MAX_NAMED);
    if more > 0 {
        notes.truncate(MAX_NAMED);
        notes.push(Note::change(format!("by command, {more} more networks were changed")));
    }
    notes
}

fn has_ended(entry: &live::Entry) -> Note {
    let network = network_name(&entry.network);
    Note::Event(Event::EntryExpired { network, verdict: entry.listed.to_string() })
}

fn restore(kept: &Kept, tables: Tables<'_>) -> Result<()> {
    let entries = kept.read(clock::now_ns()?)?;
    if !entries.is_empty() {
        live::enter(&mut Writer::alone(tables)?, &entries)?;
    }
    Ok(())
}
