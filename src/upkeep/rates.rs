// SPDX-License-Identifier: GPL-2.0-only
//! Whether a flood is on: then the pass rate refuses SYNs.

use std::time::Duration;

use super::Watched;
use crate::kernel::clock;
use crate::kernel::maps::rates;
use crate::kernel::skel::SynfloodSkel;
use crate::note::Note;
use crate::policy::Policy;

/// Watches the rates of a running program.
pub struct Rates<'a> {
    skel: &'a SynfloodSkel<'a>,
    policy: &'a Policy,
    flood: Option<Duration>,
    reading: Watched,
}

impl<'a> Rates<'a> {
    pub fn new(skel: &'a SynfloodSkel<'a>, policy: &'a Policy) -> Self {
        Self { skel, policy, flood: None, reading: Watched::new("the look at the rates") }
    }

    pub fn tick(&mut self) -> Vec<Note> {
        let map = &self.skel.maps.data_rates;
        let read = clock::now_ns().and_then(|now| rates::Rates::read(map, self.policy, now));
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
