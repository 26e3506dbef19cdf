// SPDX-License-Identifier: GPL-2.0-only
//! Says what happens: to people, in the JSON, and to the command of --on-event; and to whoever asks for the status.

use chrono::Utc;

use super::session::Session;
use crate::hook::Hook;
use crate::kernel::clock;
use crate::note::{Kind, Note};
use crate::show::notes::sources;
use crate::show::report::event_line;
use crate::show::rules::learner;

impl Session {
    pub fn say(&mut self, notes: &[Note]) {
        for note in notes {
            self.changes.add(note);
            let now = Utc::now();
            self.report.note_at(note, now);
            if let Some(hook) = &self.hook {
                hook.happened(note.kind(), event_line(note, now, &self.settings.place.interfaces));
            }
        }
    }

    /// How the commands of --on-event ended. None of them is run for this.
    pub fn look_at_hook(&mut self) {
        let outcomes: Vec<_> = self.hook.iter().flat_map(Hook::outcomes).collect();
        for outcome in outcomes {
            let (_, note) = self.running_hook.check(outcome);
            note.iter().for_each(|note| self.report.note(note));
        }
    }

    /// For `status` and the service manager.
    pub fn tell_state(&mut self) {
        let flood = self.upkeep.flood();
        let of = flood.and_then(|_| self.upkeep.floods.nature());
        let of = of.filter(|of| of.kind != Kind::Unknown).map(sources).unwrap_or_default();
        let learner = learner(self.upkeep.learning.state(), self.upkeep.learning.lost());
        let is_same_flood =
            flood.is_some() == self.info.flood_since.is_some() && of == self.info.flood_of;
        if is_same_flood && learner == self.info.learner {
            return;
        }
        if flood.is_some() != self.info.flood_since.is_some() {
            self.info.flood_since = flood
                .and_then(|lasts| Some(clock::now_ns().ok()?.saturating_sub(lasts.as_nanos() as u64)));
        }
        (self.info.flood_of, self.info.learner) = (of, learner);
        self.write_info();
        if !is_same_flood {
            self.manager.status(&self.state());
        }
    }
}
