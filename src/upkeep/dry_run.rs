// SPDX-License-Identifier: GPL-2.0-only
//! Tells when a dry run has seen enough to give advice on limits.

use std::time::Duration;

use super::Watched;
use crate::kernel::maps::needs;
use crate::kernel::program::Program;
use crate::note::Note;

/// Watches for how long connections have been looked at.
pub struct DryRun {
    is_told: bool,
    looking: Watched,
}

impl Default for DryRun {
    fn default() -> Self {
        Self { is_told: false, looking: Watched::new("the look at the advice of the dry run") }
    }
}

impl DryRun {
    /// `enough`: so much is to be seen.
    pub fn tick(&mut self, program: &Program, enough: Duration) -> Vec<Note> {
        if !program.policy.dry_run || self.is_told {
            return Vec::new();
        }
        let (elapsed, note) = self.looking.check(needs::elapsed(&program.maps));
        self.is_told = elapsed.is_some_and(|elapsed| elapsed >= enough);
        let told = self.is_told.then(|| {
            Note::notice(format!(
                "the dry run has seen {}, enough for advice on --burst and --rate, which stands at its end (Ctrl-C)",
                humantime::format_duration(enough)
            ))
        });
        told.into_iter().chain(note).collect()
    }
}
