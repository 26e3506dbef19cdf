// SPDX-License-Identifier: GPL-2.0-only

use serde::Serialize;

/// What became of SYNs, and what visitors got, from some moment on.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct Counts {
    /// SYNs.
    pub passed: u64,
    /// SYNs answered with a cookie.
    pub challenged: u64,
    /// SYNs, and frames that were made to hide one. In a dry run: would have been dropped.
    pub dropped: u64,
    /// Connections that stand or stood, by cookie or not.
    pub connected: u64,
    /// Those of them that were made of a cookie of ours.
    pub by_cookie: u64,
    /// SYNs and answers of sources over their limit of connections, and answers of which the kernel made no connection.
    pub refused: u64,
}

impl Counts {
    pub fn since(self, before: Self) -> Self {
        Self {
            passed: self.passed.saturating_sub(before.passed),
            challenged: self.challenged.saturating_sub(before.challenged),
            dropped: self.dropped.saturating_sub(before.dropped),
            connected: self.connected.saturating_sub(before.connected),
            by_cookie: self.by_cookie.saturating_sub(before.by_cookie),
            refused: self.refused.saturating_sub(before.refused),
        }
    }

    pub fn syns(self) -> u64 {
        self.passed + self.challenged + self.dropped
    }

    /// SYNs that did not pass.
    pub fn held_off(self) -> u64 {
        self.challenged + self.dropped
    }

    /// The share of SYNs that neither passed nor became a connection by cookie, 0 to 1.
    pub fn stopped(self) -> f64 {
        let through = self.passed + self.by_cookie.min(self.challenged);
        1.0 - through as f64 / self.syns().max(1) as f64
    }
}
