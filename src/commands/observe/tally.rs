// SPDX-License-Identifier: GPL-2.0-only
//! How many segments were shown, and how many were not.

use anyhow::Result;
use libbpf_rs::MapHandle;

use super::note;
use crate::kernel::maps::observe::Tables;

pub struct Tally<'a> {
    tables: &'a Tables,
    counters: Option<&'a MapHandle>,
    /// The reasons whose counters tell how many frames there were, as often as each of their frames is shown.
    counted: Vec<u32>,
    before: u64,
    pub shown: u64,
    /// Segments that were not shown, as was told already.
    told: u64,
}

impl<'a> Tally<'a> {
    /// From now on.
    pub fn new(tables: &'a Tables, counters: Option<&'a MapHandle>, counted: Vec<u32>) -> Result<Self> {
        let before = tables.looked_for(counters, &counted)?;
        Ok(Self { tables, counters, counted, before, shown: 0, told: 0 })
    }

    fn not_shown(&self) -> Result<u64> {
        let looked_for = self.tables.looked_for(self.counters, &self.counted)?;
        Ok(looked_for.saturating_sub(self.before).saturating_sub(self.shown))
    }

    /// Says what was not shown since the last time.
    pub fn tell(&mut self) -> Result<()> {
        let all = self.not_shown()?;
        if let Some(more) = all.checked_sub(self.told).filter(|&more| more > 0) {
            note(&format!("{more} segments not shown"));
            self.told = all;
        }
        Ok(())
    }

    pub fn finish(&self) -> Result<()> {
        note(&format!("{} segments shown, {} not shown", self.shown, self.not_shown()?));
        Ok(())
    }
}
