// SPDX-License-Identifier: GPL-2.0-only

use crate::note::Counts;

/// SYNs of a source, or of all, by what became of them: in little memory, as there may be a million sources.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Syns {
    pub passed: u64,
    /// Answered with a cookie.
    pub challenged: u64,
    /// In a dry run: would have been dropped.
    pub dropped: u64,
    /// Connections that stand or stood, by cookie or not.
    pub connected: u64,
}

impl Syns {
    /// Whatever became of them.
    pub fn sent(self) -> u64 {
        self.passed + self.challenged + self.dropped
    }

    /// What was counted since then. Zero where it was more before.
    pub fn since(self, before: Self) -> Self {
        Self {
            passed: self.passed.saturating_sub(before.passed),
            challenged: self.challenged.saturating_sub(before.challenged),
            dropped: self.dropped.saturating_sub(before.dropped),
            connected: self.connected.saturating_sub(before.connected),
        }
    }
}

impl From<Counts> for Syns {
    fn from(counts: Counts) -> Self {
        let Counts { passed, challenged, dropped, connected, .. } = counts;
        Self { passed, challenged, dropped, connected }
    }
}
