// SPDX-License-Identifier: GPL-2.0-only
//! SYNs and connections, counted by the run or reckoned from its rates.

use super::line::{FloodOver, Status};

#[derive(Debug, Clone, Copy, Default)]
pub struct Counts {
    pub passed: f64,
    pub challenged: f64,
    pub dropped: f64,
    pub connected: f64,
    /// None: the log does not tell.
    pub by_cookie: Option<f64>,
    pub refused: Option<f64>,
    /// From rates, each of which was rounded.
    pub is_reckoned: bool,
}

impl Counts {
    /// What came in so many seconds of these rates.
    pub fn reckon(&mut self, status: &Status, seconds: f64) {
        self.add(&Self {
            passed: status.passed_per_s * seconds,
            challenged: status.challenged_per_s * seconds,
            dropped: status.dropped_per_s * seconds,
            connected: status.connected_per_s * seconds,
            by_cookie: status.by_cookie_per_s.map(|rate| rate * seconds),
            refused: status.refused_per_s.map(|rate| rate * seconds),
            is_reckoned: true,
        });
    }

    pub fn add(&mut self, more: &Self) {
        self.passed += more.passed;
        self.challenged += more.challenged;
        self.dropped += more.dropped;
        self.connected += more.connected;
        self.by_cookie = sum(self.by_cookie, more.by_cookie);
        self.refused = sum(self.refused, more.refused);
        self.is_reckoned |= more.is_reckoned;
    }

    pub fn syns(&self) -> f64 {
        self.passed + self.challenged + self.dropped
    }

    /// Those that did not pass.
    pub fn held_off(&self) -> f64 {
        self.challenged + self.dropped
    }

    /// The share of the SYNs that neither reached the kernel unasked nor led to a connection by cookie. None: none came.
    pub fn stopped(&self) -> Option<f64> {
        let reached = match self.by_cookie {
            Some(by_cookie) => self.passed + by_cookie,
            // Some of these may have come by cookie.
            None => self.passed.max(self.connected),
        };
        let syns = self.syns();
        (syns > 0.0).then(|| (1.0 - reached / syns).max(0.0))
    }
}

impl From<&FloodOver> for Counts {
    fn from(over: &FloodOver) -> Self {
        Self {
            passed: over.passed as f64,
            challenged: over.challenged as f64,
            dropped: over.dropped as f64,
            connected: over.connected as f64,
            by_cookie: over.by_cookie.map(|count| count as f64),
            refused: over.refused.map(|count| count as f64),
            is_reckoned: false,
        }
    }
}

fn sum(a: Option<f64>, b: Option<f64>) -> Option<f64> {
    if a.is_none() && b.is_none() { None } else { Some(a.unwrap_or(0.0) + b.unwrap_or(0.0)) }
}
