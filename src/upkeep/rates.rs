// SPDX-License-Identifier: GPL-2.0-only
//! Whether a flood is on: then the pass rate refuses SYNs.

use std::time::{Duration, Instant};

use super::Watched;
use crate::kernel::clock;
use crate::kernel::maps::rates;
use crate::kernel::skel::SynfloodSkel;
use crate::note::Note;
use crate::policy::Policy;

/// A rate that refused nothing for this time no longer refuses. The program notes refusals every 100 ms.
pub const OVER_AFTER: Duration = Duration::from_secs(1);

/// Watches the rates of a running program.
pub struct Rates<'a> {
    skel: &'a SynfloodSkel<'a>,
    policy: &'a Policy,
    flood_since: Option<Instant>,
    reading: Watched,
}

impl<'a> Rates<'a> {
    pub fn new(skel: &'a SynfloodSkel<'a>, policy: &'a Policy) -> Self {
        Self { skel, policy, flood_since: None, reading: Watched::new("the look at the rates") }
    }

    pub fn tick(&mut self) -> Vec<Note> {
        let map = &self.skel.maps.data_rates;
        let read = clock::now_ns().and_then(|now| rates::Rates::read(map, self.policy, now));
        let (rates, note) = self.reading.check(read);
        if let Some(rates) = rates {
            let refused = rates.pass.and_then(|pass| pass.last_refusal);
            let is_on = refused.is_some_and(|time| time < OVER_AFTER);
            self.flood_since = is_on.then(|| self.flood_since.unwrap_or_else(Instant::now));
        }
        note.into_iter().collect()
    }

    /// The time since the pass rate began to refuse SYNs. None: it does not.
    pub fn flood(&self) -> Option<Duration> {
        self.flood_since.map(|since| since.elapsed())
    }
}
