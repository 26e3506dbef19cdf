// SPDX-License-Identifier: GPL-2.0-only
//! Renews the filter of known sources. The filter gets each source that enters the table, but it does
//! not notice when the table forgets one.

use anyhow::Result;

use super::Watched;
use crate::kernel::maps::filter;
use crate::kernel::program::Program;
use crate::note::Note;

/// With more than this share of its bits set, a filter takes too many unknown sources for known ones. A
/// new filter has at most half of this share.
const WORN: f64 = 0.25;

pub struct Filter {
    filter: filter::Filter,
    renewing: Watched,
}

impl Filter {
    /// For a program that was just loaded.
    pub fn new(program: &Program) -> Result<Self> {
        Ok(Self {
            filter: filter::Filter::new(program)?,
            renewing: Watched::new("renewing the filter of known sources"),
        })
    }

    /// Enters the sources that have sockets already. Call it when the program is attached: whoever connects
    /// before that is found, and whoever connects later enters by itself.
    pub fn start(&mut self, program: &Program) -> Vec<Note> {
        let done = self.renew(program);
        self.renewing.check(done).1.into_iter().collect()
    }

    /// Reads the whole table only if the filter is worn.
    pub fn tick(&mut self, program: &Program) -> Vec<Note> {
        let done = if self.fill() > WORN { self.renew(program) } else { Ok(()) };
        self.renewing.check(done).1.into_iter().collect()
    }

    /// Enters the sources of the table and those with sockets in the other filter, and switches to that one.
    pub fn renew(&mut self, program: &Program) -> Result<()> {
        self.filter.renew(program)
    }

    /// The share of bits that are set in the filter in use.
    pub fn fill(&self) -> f64 {
        self.filter.fill()
    }
}
