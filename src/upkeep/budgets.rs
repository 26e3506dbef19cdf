// SPDX-License-Identifier: GPL-2.0-only
//! Whether a flood is on that the limits of single sources do not stop: then a budget refuses SYNs.

use std::time::{Duration, Instant};

use super::Watched;
use crate::kernel::clock;
use crate::kernel::maps::budgets;
use crate::kernel::skel::SynfloodSkel;
use crate::note::Note;
use crate::policy::Policy;

/// A budget that refused nothing for this time no longer refuses. The program notes refusals every 100
/// ms.
pub const OVER_AFTER: Duration = Duration::from_secs(1);

/// Watches the budgets of a running program.
pub struct Budgets<'a> {
    skel: &'a SynfloodSkel<'a>,
    policy: &'a Policy,
    flood_since: Option<Instant>,
    reading: Watched,
}

impl<'a> Budgets<'a> {
    pub fn new(skel: &'a SynfloodSkel<'a>, policy: &'a Policy) -> Self {
        Self { skel, policy, flood_since: None, reading: Watched::new("the look at the budgets") }
    }

    pub fn tick(&mut self) -> Vec<Note> {
        let map = &self.skel.maps.data_budgets;
        let read = clock::now_ns().and_then(|now| budgets::Budgets::read(map, self.policy, now));
        let (budgets, note) = self.reading.check(read);
        if let Some(budgets) = budgets {
            let is_on = budgets.last_refusal().is_some_and(|time| time < OVER_AFTER);
            self.flood_since = is_on.then(|| self.flood_since.unwrap_or_else(Instant::now));
        }
        note.into_iter().collect()
    }

    /// The time since a budget began to refuse SYNs. None: none does.
    pub fn flood(&self) -> Option<Duration> {
        self.flood_since.map(|since| since.elapsed())
    }
}
