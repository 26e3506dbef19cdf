// SPDX-License-Identifier: GPL-2.0-only
//! Says what happens: to people, in the JSON, and to the command of --on-event.

use chrono::Utc;

use super::session::Session;
use crate::hook::Hook;
use crate::note::Note;
use crate::show::report::json_line;

impl Session {
    pub fn say(&mut self, notes: &[Note]) {
        for note in notes {
            self.changes.add(note);
            let now = Utc::now();
            self.report.note_at(note, now);
            if let Some(hook) = &self.hook {
                hook.happened(note.kind(), json_line(note, now));
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
}
