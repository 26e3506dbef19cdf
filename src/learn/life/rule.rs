// SPDX-License-Identifier: GPL-2.0-only
//! One rule that is watched or in force.

use std::collections::{BTreeSet, HashMap, HashSet};
use std::time::Duration;

use super::{Answer, IDLE, Mode, PROBATION};
use crate::learn::answered::source_key;
use crate::learn::rule::Rule;
use crate::learn::search::Found;
use crate::learn::syn::{PORT, Syn};

/// Answers that end a rule: so many of those who matched it in probation, and so many sources once it is in force.
pub const MANY: usize = 3;
/// A rule is about a port if so many of the SYNs that it was found in go there.
const OF_PORT: f64 = 0.05;
/// More sources are not told apart.
const MAX_SOURCES: usize = 10_000;
/// Of its matches each look forgets this part, so that those of the last two seconds count.
const FORGOTTEN: f64 = 0.1;
/// In probation, answers of those who matched count only if they are more than this part of all.
const PART: usize = 100;

/// How far a rule is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stage {
    /// It counts, and what it matches is challenged.
    Probation,
    /// It has stood its probation, and the operator was told.
    Suggested,
    /// It drops.
    InForce,
}

/// Why a rule ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Why {
    /// In probation, so many who matched it answered.
    Answered(usize),
    /// In force, so many sources answered that it would have kept out.
    Withdrawn(usize),
    /// Nothing has matched it for [`IDLE`].
    Idle,
    /// All places are taken, and it matched less than another rule would that is searched for.
    Outweighed,
    /// The flood is over.
    FloodOver,
    /// Learning was switched off.
    Off,
    /// The operator has put a rule into its slot.
    Displaced,
}

/// One rule, for those who ask.
#[derive(Debug, Clone, PartialEq)]
pub struct Status {
    pub slot: usize,
    pub found: Found,
    pub stage: Stage,
    /// When this stage began.
    pub since: Duration,
    /// SYNs that it has matched.
    pub matched: u64,
    /// Sources that had matched it and answered.
    pub answered: usize,
}

#[derive(Debug)]
pub struct Live {
    pub found: Found,
    /// The ports that it is about.
    ports: Vec<u16>,
    /// Until then, nobody could answer at any of them.
    unanswerable: Duration,
    stage: Stage,
    since: Duration,
    last_match: Duration,
    matched: u64,
    /// Of the last two seconds or so.
    matched_lately: f64,
    /// All who answered in this stage.
    answered: usize,
    /// The sources among them who had matched, up to [`MAX_SOURCES`].
    matching: HashSet<u128>,
    /// The first sources who had matched and answered in this stage, each with its SYN, if that is known.
    witnesses: Vec<Option<Syn>>,
}

/// Whether the sources that answered are too many for chance, among all answers of that time.
pub fn is_honest(matching: usize, all: usize) -> bool {
    matching >= MANY && matching * PART > all
}

impl Live {
    /// A rule that was found in these SYNs.
    pub fn new(now: Duration, found: Found, refused: &[Syn]) -> Self {
        Self {
            ports: ports(&found.rule, refused),
            unanswerable: Duration::ZERO,
            found,
            stage: Stage::Probation,
            since: now,
            last_match: now,
            matched: 0,
            matched_lately: 0.0,
            answered: 0,
            matching: HashSet::new(),
            witnesses: Vec::new(),
        }
    }

    /// One that another learner had found.
    pub fn adopted(now: Duration, found: Found, is_in_force: bool) -> Self {
        let stage = if is_in_force { Stage::InForce } else { Stage::Probation };
        Self { stage, ..Self::new(now, found, &[]) }
    }

    /// Whether no answer can come to anything where this rule's SYNs go.
    pub fn is_unanswerable(&self, open_ports: Option<&BTreeSet<u16>>) -> bool {
        let is_closed = |port| open_ports.is_some_and(|open| !open.contains(port));
        !self.ports.is_empty() && self.ports.iter().all(is_closed)
    }

    pub fn note_open_ports(&mut self, now: Duration, open_ports: Option<&BTreeSet<u16>>) {
        if self.is_unanswerable(open_ports) {
            self.unanswerable = now;
        }
    }

    /// Takes the slot's count. Whether there were matches since the last time.
    pub fn note_matches(&mut self, now: Duration, matched: u64) -> bool {
        // Less than before: the program has put it into its slot anew.
        let is_matched = matched != self.matched && matched > 0;
        let more = matched.checked_sub(self.matched).unwrap_or(matched);
        self.matched_lately = self.matched_lately * (1.0 - FORGOTTEN) + more as f64;
        self.matched = matched;
        if is_matched {
            self.last_match = now;
        }
        is_matched
    }

    pub fn note_answer(&mut self, answer: &Answer, had_matched: bool) {
        self.answered += 1;
        if had_matched && self.matching.len() < MAX_SOURCES {
            let is_new = self.matching.insert(source_key(answer.source));
            if is_new && self.witnesses.len() < MANY {
                self.witnesses.push(answer.syn);
            }
        }
    }

    /// SYNs that it matched in the last two seconds or so. None: it has not been there for so long.
    pub fn weight(&self, now: Duration) -> Option<f64> {
        let is_new = self.stage == Stage::Probation && now < self.since + PROBATION;
        (!is_new).then_some(self.matched_lately)
    }

    pub fn witnesses(&self) -> Vec<Syn> {
        self.witnesses.iter().copied().flatten().collect()
    }

    /// Why it must end now, if it must.
    pub fn end(&self, now: Duration) -> Option<Why> {
        let is_over = match self.stage {
            Stage::Probation => now >= self.since + PROBATION,
            Stage::Suggested | Stage::InForce => true,
        };
        // All that matches is challenged, unless it is in force.
        let is_refuted = is_over && self.is_answered();
        match self.stage {
            Stage::InForce if self.witnesses.len() >= MANY => {
                Some(Why::Withdrawn(self.witnesses.len()))
            }
            Stage::Probation | Stage::Suggested if is_refuted => {
                Some(Why::Answered(self.matching.len()))
            }
            _ => (now >= self.last_match + IDLE).then_some(Why::Idle),
        }
    }

    /// Few visitors may be all that match: they count against what matched too, not only against all visitors.
    fn is_answered(&self) -> bool {
        let matched = usize::try_from(self.matched).unwrap_or(usize::MAX);
        is_honest(self.matching.len(), self.answered) || is_honest(self.matching.len(), matched)
    }

    /// The stage that begins now, if one does. A rule that nothing has matched yet was not tried, nor one that nobody
    /// could answer to.
    pub fn advance(&mut self, now: Duration, mode: Mode) -> Option<Stage> {
        let is_answerable = now >= self.unanswerable + PROBATION;
        let is_tried = now >= self.since + PROBATION && self.matched > 0 && is_answerable;
        let next = match (self.stage, mode) {
            (Stage::Probation, Mode::On) if is_tried => Stage::InForce,
            (Stage::Probation, Mode::Suggest) if is_tried => Stage::Suggested,
            // All that it matches has been challenged until now.
            (Stage::Suggested, Mode::On) if is_answerable => Stage::InForce,
            (Stage::InForce, Mode::Suggest) => Stage::Probation,
            _ => return None,
        };
        (self.stage, self.since) = (next, now);
        self.answered = 0;
        self.matching.clear();
        self.witnesses.clear();
        Some(next)
    }

    pub fn status(&self, slot: usize) -> Status {
        Status {
            slot,
            found: self.found.clone(),
            stage: self.stage,
            since: self.since,
            matched: self.matched,
            answered: self.matching.len(),
        }
    }
}

/// The port that a rule demands, or those that many of the SYNs go to that it matches.
fn ports(rule: &Rule, refused: &[Syn]) -> Vec<u16> {
    if rule.mask[PORT..PORT + 2] == [u8::MAX; 2] {
        return vec![u16::from_be_bytes([rule.value[PORT], rule.value[PORT + 1]])];
    }
    let mut counts: HashMap<u16, usize> = HashMap::new();
    for syn in refused.iter().filter(|syn| rule.matches(syn)) {
        *counts.entry(syn.number16(PORT)).or_default() += 1;
    }
    let least = OF_PORT * counts.values().sum::<usize>() as f64;
    counts.into_iter().filter(|(_, count)| *count as f64 >= least).map(|(port, _)| port).collect()
}
