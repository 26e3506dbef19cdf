// SPDX-License-Identifier: GPL-2.0-only
//! Renews the filter of known sources: it learns of each source that enters the table, but not of those that
//! the table forgets.

use anyhow::Result;

use super::Watched;
use crate::kernel::maps::filter;
use crate::kernel::skel::SynfloodSkel;
use crate::note::Note;

/// Beyond this share of bits that are set a filter tells too few unknown sources from known ones. A new
/// filter has half of it at most.
const WORN: f64 = 0.25;

pub struct Filter<'a> {
    filter: filter::Filter<'a>,
    renewing: Watched,
}

impl<'a> Filter<'a> {
    /// Of a program that was just loaded.
    pub fn new(skel: &'a SynfloodSkel<'a>) -> Result<Self> {
        Ok(Self {
            filter: filter::Filter::new(skel)?,
            renewing: Watched::new("renewing the filter of known sources"),
        })
    }

    /// Only a worn filter costs a look at the whole table.
    pub fn tick(&mut self) -> Vec<Note> {
        let done = if self.fill() > WORN { self.renew() } else { Ok(()) };
        self.renewing.check(done).1.into_iter().collect()
    }

    /// Enters what the table holds in the other filter, and lets that one count.
    pub fn renew(&mut self) -> Result<()> {
        self.filter.renew()
    }

    /// The share of bits that are set in the filter that counts.
    pub fn fill(&self) -> f64 {
        self.filter.fill()
    }
}
