// SPDX-License-Identifier: GPL-2.0-only
//! Frames by reason, as the runs of a log counted them themselves.

use std::collections::BTreeMap;

use super::figures;
use super::line::Summary;

/// A run has fewer reasons.
const MAX_NAMES: usize = 256;

/// Seconds by which the begin of a run may seem to move, as a line is written somewhat later than it is made.
const JITTER: f64 = 5.0;

#[derive(Debug, Default)]
pub struct Totals {
    /// Of programs before the last one.
    earlier: BTreeMap<String, u64>,
    last: BTreeMap<String, u64>,
    /// When the last one was loaded.
    loaded: f64,
    pub programs: u64,
}

impl Totals {
    /// The counters go on over reloads and takeovers, so a summary replaces another of the same program.
    pub fn add(&mut self, at: f64, summary: &Summary) {
        if summary.reasons.is_empty() {
            return;
        }
        let loaded = at - summary.elapsed_s;
        if self.programs == 0 || loaded > self.loaded + JITTER {
            self.earlier = self.reasons();
            self.programs += 1;
            self.loaded = loaded;
        }
        let counted = summary.reasons.iter().take(MAX_NAMES);
        self.last = counted.map(|(name, &count)| (figures::text(name), count)).collect();
    }

    pub fn reasons(&self) -> BTreeMap<String, u64> {
        let mut all = self.earlier.clone();
        for (name, &count) in &self.last {
            if all.len() < MAX_NAMES || all.contains_key(name) {
                let sum = all.entry(name.clone()).or_default();
                *sum = sum.saturating_add(count);
            }
        }
        all
    }
}

#[test]
fn programs_are_added_and_the_last_summary_of_each_counts() {
    let mut totals = Totals::default();
    let mut add = |at, elapsed_s, count| {
        let reasons = [("drop_denied".into(), count)].into();
        totals.add(at, &Summary { elapsed_s, reasons, last_flood: None });
    };
    add(100.0, 100.0, 5);
    // A process that took over.
    add(201.0, 200.0, 7);
    // Longer than the run before.
    add(600.0, 300.0, 30);
    assert_eq!((totals.programs, totals.reasons()), (2, [("drop_denied".into(), 37)].into()));
}
