// SPDX-License-Identifier: GPL-2.0-only
//! The advice at the end of a dry run.

use std::sync::Arc;

use super::session::Session;
use crate::kernel::maps::{Maps, needs};
use crate::note::Note;
use crate::policy::Policy;
use crate::show::advice::Advice;

/// What a dry run has seen. It outlives the program: a reload may end the dry run, but not the process.
pub struct Seen {
    maps: Arc<Maps>,
    policy: Policy,
    interfaces: Vec<String>,
}

impl Session {
    /// None: it is no dry run.
    pub fn seen(&self) -> Option<Seen> {
        let program = &self.upkeep.program;
        program.policy.dry_run.then(|| Seen {
            maps: program.maps.clone(),
            policy: program.policy.clone(),
            interfaces: self.settings.place.interfaces.clone(),
        })
    }

    pub fn advise(&mut self, seen: &Seen) {
        let needs = needs::read(&seen.maps, &seen.policy);
        match needs.and_then(|needs| Ok((needs, self.counters()?.counts()))) {
            Ok((needs, counts)) => {
                self.report.advice(&Advice::on(&needs, counts, &seen.policy, &seen.interfaces));
            }
            Err(error) => self.report.note(&Note::warning(format!("there is no advice: {error:#}"))),
        }
    }
}
