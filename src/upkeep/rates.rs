// SPDX-License-Identifier: GPL-2.0-only
//! Whether a flood is on: then the pass rate refuses SYNs.

use std::time::Duration;

use super::Watched;
use crate::kernel::clock;
use crate::kernel::maps::rates;
use crate::kernel::program::Program;
use crate::note::Note;

/// Watches the rates of a running program.
pub struct Rates {
    flood: Option<Duration>,
    reading: Watched,
}

impl Default for Rates {
    fn default() -> Self {
        Self { flood: None, reading: Watched::new("the look at the rates") }
    }
}

impl Rates {
    pub fn tick(&mut self, program: &Program) -> Vec<Note> {
        let read = clock::now_ns()
            .and_then(|now| rates::Rates::read(&program.maps.data_rates, &program.policy, now));
        let (rates, note) = self.reading.check(read);
        if let Some(rates) = rates {
            self.flood = rates.flood;
        }
        note.into_iter().collect()
    }

    /// For how long the pass rate or a listener's queue has been refusing SYNs. None: they do not now.
    pub fn flood(&self) -> Option<Duration> {
        self.flood
    }
}
