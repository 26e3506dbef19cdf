// SPDX-License-Identifier: GPL-2.0-only
//! Whether the buckets have the limits of this program. A successor gives them its own just before it takes this one's
//! place; a process that is killed in between leaves them so, and by this program's limits they would mean other numbers
//! of tokens.

use anyhow::Result;

use super::Watched;
use crate::kernel::maps::rescale;
use crate::kernel::program::Program;
use crate::note::Note;

/// Watches the buckets of a running program.
pub struct Buckets {
    /// They had those of another at the last look. A successor that lives has taken the place by the next one.
    were_of_another: bool,
    looking: Watched,
}

impl Default for Buckets {
    fn default() -> Self {
        Self { were_of_another: false, looking: Watched::new("the look at the limits of the buckets") }
    }
}

impl Buckets {
    /// Call it while no other program has taken this one's place.
    pub fn tick(&mut self, program: &Program) -> Vec<Note> {
        let settled = self.settle(program);
        let (settled, note) = self.looking.check(settled);
        let settled = settled.flatten();
        settled.into_iter().chain(note).collect()
    }

    fn settle(&mut self, program: &Program) -> Result<Option<Note>> {
        let is_of_another = rescale::is_of_another(program)?;
        if !(is_of_another && self.were_of_another) {
            self.were_of_another = is_of_another;
            return Ok(None);
        }
        rescale::settle(program)?;
        self.were_of_another = false;
        Ok(Some(Note::info(
            "a process that was about to take over has ended before it did: the buckets have this one's limits again",
        )))
    }
}
