// SPDX-License-Identifier: GPL-2.0-only
//! Removes live entries whose time is over. The program does not count them any more; here they only take room.

use anyhow::Result;

use super::Watched;
use crate::kernel::clock;
use crate::kernel::maps::lists::{Lock, Tables, Writer, live};
use crate::kernel::program::Program;
use crate::note::Note;
use crate::policy::{Listed, network_name};

/// What is known of the live entries.
pub struct Lists {
    /// The count of their changes, when they were last read.
    changes: Option<u32>,
    /// When the next one is over: CLOCK_MONOTONIC ns. None: none ever.
    next_end: Option<u64>,
    tidying: Watched,
}

impl Default for Lists {
    fn default() -> Self {
        Self {
            changes: None,
            next_end: None,
            tidying: Watched::new("removing live entries that are over"),
        }
    }
}

impl Lists {
    /// Notes each entry that has ended. Reads them only if they changed.
    pub fn tick(&mut self, program: &Program) -> Vec<Note> {
        let done = self.tidy(program.maps.lists());
        let (ended, note) = self.tidying.check(done);
        let ended = ended.unwrap_or_default();
        ended.iter().map(has_ended).chain(note).collect()
    }

    fn tidy(&mut self, tables: Tables<'_>) -> Result<Vec<live::Entry>> {
        let now = clock::now_ns()?;
        let changes = tables.live_changes()?;
        if self.changes != Some(changes) {
            // The earliest end, also of one that a later change removes.
            self.next_end = live::read(tables)?.iter().filter_map(|entry| entry.until).min();
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

fn has_ended(entry: &live::Entry) -> Note {
    let did = match entry.listed {
        Listed::Allowed => "allowed",
        Listed::Denied => "denied",
    };
    Note::info(format!("the live entry {} ({did}) has ended", network_name(&entry.network)))
}
