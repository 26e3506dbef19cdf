// SPDX-License-Identifier: GPL-2.0-only
//! Which rates of all sources together refuse SYNs. While the pass rate does, a flood is on.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use super::Watched;
use crate::kernel::clock;
use crate::kernel::maps::rates;
use crate::kernel::program::Program;
use crate::note::{Event, Note, seconds};

/// A rate that refused nothing for so long has recovered.
const CALM: Duration = Duration::from_secs(10);

/// Watches the rates of a running program.
pub struct Rates {
    flood: Option<Duration>,
    /// Since when.
    refusing: BTreeMap<&'static str, Instant>,
    reading: Watched,
}

impl Default for Rates {
    fn default() -> Self {
        Self { flood: None, refusing: BTreeMap::new(), reading: Watched::new("the look at the rates") }
    }
}

impl Rates {
    pub fn tick(&mut self, program: &Program) -> Vec<Note> {
        let read = clock::now_ns()
            .and_then(|now| rates::Rates::read(&program.maps.data_rates, &program.policy, now));
        let (rates, note) = self.reading.check(read);
        let Some(rates) = rates else { return note.into_iter().collect() };
        self.flood = rates.flood;
        self.changes(&rates).into_iter().map(Note::Event).chain(note).collect()
    }

    /// Rates that begin to refuse SYNs, and those that have not done so for long.
    fn changes(&mut self, rates: &rates::Rates) -> Vec<Event> {
        let limited: BTreeMap<_, _> = rates.limited().collect();
        let is_calm = |rate: &str| {
            limited.get(rate).and_then(|bucket| bucket.last_refusal).is_none_or(|last| last > CALM)
        };
        let recovered = |rate: &'static str, since: &Instant| {
            let refused_s = seconds(since.elapsed().saturating_sub(CALM));
            Event::RateRecovered { rate, refused_s }
        };
        let mut events = Vec::new();
        self.refusing.retain(|rate, since| {
            let is_over = is_calm(rate);
            events.extend(is_over.then(|| recovered(rate, since)));
            !is_over
        });
        for (rate, _) in limited.iter().filter(|(_, bucket)| bucket.refusing.is_some()) {
            self.refusing.entry(rate).or_insert_with(|| {
                events.push(Event::RateRefusing { rate });
                Instant::now()
            });
        }
        events
    }

    /// For how long the pass rate or a listener's queue has been refusing SYNs. None: they do not now.
    pub fn flood(&self) -> Option<Duration> {
        self.flood
    }
}
