// SPDX-License-Identifier: GPL-2.0-only
//! Reads what the program tells at once.

use anyhow::Result;

use super::Watched;
use crate::kernel::maps::events::{self, Arrived};
use crate::kernel::program::Program;
use crate::note::Note;

pub struct Events {
    /// Those of the program with this number.
    open: Option<(u32, events::Events)>,
    reading: Watched,
}

impl Default for Events {
    fn default() -> Self {
        Self { open: None, reading: Watched::new("the look at the program's events") }
    }
}

impl Events {
    /// What has arrived since the last time, or since the program was loaded.
    pub fn take(&mut self, program: &Program) -> (Arrived, Vec<Note>) {
        let taken = self.read(program);
        let (arrived, note) = self.reading.check(taken);
        (arrived.unwrap_or_default(), note.into_iter().collect())
    }

    fn read(&mut self, program: &Program) -> Result<Arrived> {
        let open = match self.open.take().filter(|(id, _)| *id == program.id) {
            Some(open) => open,
            None => (program.id, events::Events::open(&program.maps)?),
        };
        self.open.insert(open).1.take()
    }
}
