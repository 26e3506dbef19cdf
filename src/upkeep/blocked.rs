// SPDX-License-Identifier: GPL-2.0-only
//! Tells which sources begin and end to be blocked.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use anyhow::Result;

use super::Watched;
use crate::kernel::maps::events::{self, Key};
use crate::kernel::maps::refusals::{self, Remembered};
use crate::kernel::maps::sources::{self, Source};
use crate::kernel::program::Program;
use crate::note::{Blocked as Begun, Event, Note, Released, Why, seconds};

/// Sources that are told in a second. The others are counted.
const MAX_TOLD: usize = 100;

/// Sources that are watched for the end of it.
const MAX_WATCHED: usize = 4096;

/// A source is no longer blocked when no SYN of it was dropped for so long: as REFUSED_ANEW_NS of the program.
const CALM: Duration = Duration::from_secs(10);

/// The reason of a source over its limit of connections.
const OVER_LIMIT: &str = "drop_over_limit";

/// Reasons of one that sends SYNs and does not answer.
const UNANSWERED: [&str; 2] = ["drop_syn_limit", "drop_challenge_ration"];

/// Who has a connection for so many SYNs that it could have answered answers rarely.
const RARELY: u64 = 10;

pub struct Blocked {
    /// Since when, of those that were told.
    told: HashMap<Key, Instant>,
    /// Those that the program could not tell.
    untold: u64,
    /// Of this program.
    program: u32,
    watching: Watched,
}

impl Default for Blocked {
    fn default() -> Self {
        Self {
            told: HashMap::new(),
            untold: 0,
            program: 0,
            watching: Watched::new("the look at blocked sources"),
        }
    }
}

impl Blocked {
    /// Call it once a second. `refused`: as the program has told, each with the number of its reason.
    pub fn tick(&mut self, program: &Program, refused: &[(Key, u8)]) -> Vec<Note> {
        let looked = self.look(program, refused);
        let (events, failure) = self.watching.check(looked);
        events.unwrap_or_default().into_iter().map(Note::Event).chain(failure).collect()
    }

    fn look(&mut self, program: &Program, refused: &[(Key, u8)]) -> Result<Vec<Event>> {
        if self.program != program.id {
            (self.program, self.untold) = (program.id, 0);
        }
        let mut events = self.ended(program)?;
        let untold = events::untold(&program.maps)?;
        let mut more = untold - self.untold.min(untold);
        self.untold = untold;
        let mut begun = 0;
        for (key, reason) in refused {
            let Some(event) = self.begins(program, key, *reason)? else { continue };
            if begun < MAX_TOLD && self.told.len() < MAX_WATCHED {
                self.told.insert(*key, Instant::now());
                events.push(Event::SourceBlocked(event));
                begun += 1;
            } else {
                more += 1;
            }
        }
        if more > 0 {
            events.push(Event::MoreSourcesBlocked { count: more });
        }
        Ok(events)
    }

    /// None: it is not blocked, or that was told.
    fn begins(&self, program: &Program, key: &Key, reason: u8) -> Result<Option<Begun>> {
        let reason = program.reasons.get(usize::from(reason)).map_or("", String::as_str);
        if self.told.contains_key(key) || (reason != OVER_LIMIT && !UNANSWERED.contains(&reason)) {
            return Ok(None);
        }
        // What it was refused just now does not matter here.
        let source = sources::of(&program.maps.sources, &Remembered::new(), key, &program.policy)?;
        Ok(source.and_then(|source| {
            let why = match reason {
                OVER_LIMIT => Why::Connections,
                _ if source.connected == 0 => Why::NeverAnswers,
                _ if source.connected * RARELY < source.challenged + source.passed => {
                    Why::RarelyAnswers
                }
                _ => return None,
            };
            Some(Begun { source: source.name(), service: service(&source), why })
        }))
    }

    fn ended(&mut self, program: &Program) -> Result<Vec<Event>> {
        let (sources, policy) = (&program.maps.sources, &program.policy);
        let is_calm = |source: &Option<Source<'_>>| {
            source.as_ref().and_then(|source| source.last_drop).is_none_or(|last| last >= CALM)
        };
        let mut ended = Vec::new();
        for key in self.told.keys() {
            if is_calm(&sources::of(sources, &Remembered::new(), key, policy)?) {
                ended.push(*key);
            }
        }
        if ended.is_empty() {
            return Ok(Vec::new());
        }
        let remembered = refusals::read(&program.maps.refusals)?;
        let mut events = Vec::new();
        for key in ended {
            let source = sources::of(sources, &remembered, &key, policy)?;
            if is_calm(&source)
                && let Some(since) = self.told.remove(&key)
            {
                events.push(Event::SourceReleased(released(program, &key, since, source.as_ref())));
            }
        }
        Ok(events)
    }
}

/// `source`: None if it has no entry any more.
fn released(program: &Program, key: &Key, since: Instant, source: Option<&Source<'_>>) -> Released {
    let calm = source.and_then(|source| source.last_drop).unwrap_or_default();
    Released {
        source: program.policy.source_name(key.address),
        service: source.and_then(service),
        blocked_s: seconds(since.elapsed().saturating_sub(calm)),
        dropped: source.map_or(0, |source| source.dropped),
    }
}

fn service(source: &Source<'_>) -> Option<String> {
    source.service.map(String::from)
}
