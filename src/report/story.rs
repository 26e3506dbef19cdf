// SPDX-License-Identifier: GPL-2.0-only
//! What a log tells.

use std::collections::BTreeMap;

use super::blocked::Blocked;
use super::clock::Clock;
use super::counts::Counts;
use super::diary::{Diary, Weight};
use super::figures;
use super::floods::Floods;
use super::line::{Event, FloodOver, Line, Queue, Status};
use super::settings::Settings;
use super::timeline::Timeline;
use super::totals::Totals;

/// A run has fewer reasons, and rarely more listeners.
const MAX_NAMES: usize = 256;

/// The class of reasons of frames that are not judged.
const SKIP: &str = "skip_";

#[derive(Debug, Default)]
pub struct Story {
    /// Lines of a run; others; and those that are no JSON object with a type, or not one of its fields' kinds.
    pub lines: u64,
    pub unknown: u64,
    pub broken: u64,
    pub clock: Clock,
    pub settings: Option<Settings>,
    pub timeline: Timeline,
    pub floods: Floods,
    pub diary: Diary,
    pub blocked: Blocked,
    /// At one moment.
    pub most_blocked: u64,
    /// Of the whole log, reckoned.
    pub counts: Counts,
    pub peak: f64,
    /// Frames by reason, reckoned.
    pub reasons: BTreeMap<String, f64>,
    /// By port, when it was fullest.
    pub queues: BTreeMap<u16, Queue>,
    /// As counted by the runs that came to their end.
    pub totals: Totals,
}

impl Story {
    pub fn tell(&mut self, line: &Line) {
        self.lines += 1;
        let at = self.clock.tell(line);
        match &line.event {
            Event::Start(start) => self.start(at, Settings::of(start)),
            Event::Status(status) => self.status(at, status),
            Event::FloodBegun(flood) => {
                self.floods.begun(at, flood.syn_per_s);
                let rate = figures::rate(flood.syn_per_s);
                self.diary.add(at, Weight::Flood, format!("a flood begins: {rate} SYN/s"));
            }
            Event::FloodKind(flood) => {
                self.floods.kind(flood);
                let words = figures::text(&flood.words());
                self.diary.add(at, Weight::Flood, format!("the flood is of {words}"));
            }
            Event::FloodGoesOn(so_far) => self.floods.goes_on(so_far),
            Event::FloodOver(over) => self.over(at, over),
            Event::SourceBlocked(event) => self.blocked.block(event),
            Event::SourceReleased(event) => self.blocked.release(event),
            Event::MoreSourcesBlocked(more) => {
                self.blocked.times = self.blocked.times.saturating_add(more.count);
            }
            Event::EntryExpired(entry) => {
                self.plain(
                    at,
                    &format!("{} is no longer {}: its time is over", entry.network, entry.verdict),
                );
            }
            Event::Rule(rule) => self.plain(at, &rule.sentence()),
            Event::NetworkLimited(of) => {
                self.plain(at, &format!("{} is limited as a whole", of.network));
            }
            Event::NetworkRelaxed(of) => {
                self.plain(at, &format!("{} is no longer limited as a whole", of.network));
            }
            Event::RateRefusing(rate) => self.plain(at, &format!("{} refuses SYNs", name(&rate.rate))),
            Event::RateRecovered(rate) => {
                self.plain(at, &format!("{} refuses no more", name(&rate.rate)))
            }
            Event::Note(note) => self.plain(at, &note.text),
            Event::Warning(warning) => self.warn(at, &warning.text),
            Event::Detached(detached) => {
                self.warn(at, &format!("{} is no longer protected", detached.interface));
            }
            Event::Summary(summary) => {
                self.floods.run_ends(summary.last_flood.as_ref());
                self.plain(at, "the run ends");
                self.totals.add(at, summary);
            }
            Event::Advice | Event::Unknown => {}
        }
    }

    /// After the last line.
    pub fn finish(&mut self) {
        self.floods.finish();
    }

    pub fn is_dry_run(&self) -> bool {
        self.settings.as_ref().is_some_and(|settings| settings.is_dry_run)
    }

    fn plain(&mut self, at: f64, text: &str) {
        self.diary.add(at, Weight::Plain, figures::text(text));
    }

    fn warn(&mut self, at: f64, text: &str) {
        self.diary.add(at, Weight::Warning, figures::text(text));
    }

    fn start(&mut self, at: f64, settings: Settings) {
        match self.settings.replace(settings) {
            None => self.plain(at, "the run starts"),
            Some(before) => {
                let now = self.settings.as_ref().map(|now| now.changes_since(&before));
                let changes = now.unwrap_or_default();
                let text =
                    if changes.is_empty() { "no other settings".into() } else { changes.join("; ") };
                self.plain(at, &format!("starts anew or is reloaded: {text}"));
            }
        }
    }

    fn status(&mut self, at: f64, status: &Status) {
        let seconds = self.clock.seconds();
        self.timeline.add(at, status);
        self.floods.status(at, status, seconds);
        if self.floods.newest().is_some_and(|flood| flood.is_on) {
            self.timeline.shade(at - seconds, at);
        }
        self.counts.reckon(status, seconds);
        self.peak = self.peak.max(status.syn_per_s);
        self.most_blocked = self.most_blocked.max(status.blocked_sources);
        for (reason, rate) in &status.reasons {
            let reason = figures::text(reason);
            if self.reasons.len() < MAX_NAMES || self.reasons.contains_key(&reason) {
                *self.reasons.entry(reason).or_default() += rate.clamp(0.0, 1e12) * seconds;
            }
        }
        for queue in &status.queues {
            if self.queues.len() < MAX_NAMES || self.queues.contains_key(&queue.port) {
                let fullest = self.queues.entry(queue.port).or_default();
                if queue.fill() >= fullest.fill() {
                    *fullest = queue.clone();
                }
            }
        }
    }

    fn over(&mut self, at: f64, over: &FloodOver) {
        self.floods.over(at, over);
        if let Some(flood) = self.floods.newest() {
            self.timeline.shade(flood.begin, flood.end);
        }
        let (lasted, peak) = (figures::lasting(over.lasted_s), figures::rate(over.peak_syn_per_s));
        self.diary.add(
            at,
            Weight::Flood,
            format!("the flood is over after {lasted}, {peak} SYN/s at most"),
        );
    }

    /// Frames by reason, most first. Counted by the runs, or, where none came to its end, reckoned.
    pub fn reasons(&self) -> Vec<(String, f64)> {
        let mut all: Vec<(String, f64)> = match self.totals.programs {
            0 => self.reasons.clone().into_iter().collect(),
            _ => self.totals.reasons().into_iter().map(|(name, count)| (name, count as f64)).collect(),
        };
        all.retain(|(_, count)| *count >= 0.5);
        // Last what is no SYN.
        all.sort_by(|a, b| {
            (a.0.starts_with(SKIP).cmp(&b.0.starts_with(SKIP))).then(b.1.total_cmp(&a.1))
        });
        all
    }
}

/// "pass rate" for pass_rate.
fn name(rate: &str) -> String {
    rate.replace('_', " ")
}
