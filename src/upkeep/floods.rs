// SPDX-License-Identifier: GPL-2.0-only
//! Tells when a flood begins, what it is made of, how it goes on, and what it was.

mod census;

use std::time::{Duration, Instant};

use anyhow::Result;
use chrono::{SecondsFormat, Utc};

use super::Watched;
use crate::kernel::maps::counters::Counters;
use crate::kernel::maps::events::{self, Sample};
use crate::kernel::maps::sources;
use crate::kernel::program::Program;
use crate::note::{
    self, Counts, Event, Kind, Nature, NetworkShare, Note, PortShare, SourceShare, seconds,
};
use crate::policy::network_name;
use census::Census;

/// Floods come in waves: one is over when nothing was refused for so long.
const CALM: Duration = Duration::from_secs(10);

/// SYNs a second that do not pass: so many are a flood, whichever limit refuses them. As many pass by default.
const REFUSED: f64 = 1000.0;

/// What a flood is made of is told when it has lasted for so long.
const ENOUGH: Duration = Duration::from_secs(2);

/// And looked at again after this time, by what came in it.
const WINDOW: Duration = Duration::from_secs(10);

/// Between two notes on a flood that lasts.
const MINUTE: Duration = Duration::from_secs(60);

/// Sources, networks and ports that are named.
const NAMED: usize = 5;

/// Watches the counters of a running program.
pub struct Floods {
    last: Option<(Counts, Instant)>,
    now: Option<Flood>,
    /// Those that are over.
    past: Past,
    /// How many have begun.
    begun: u64,
    reading: Watched,
}

/// Floods of this process.
#[derive(Debug, Clone, Default)]
pub struct Past {
    pub count: u64,
    pub lasted: Duration,
    /// The last one.
    pub last: Option<note::Flood>,
}

impl Default for Floods {
    fn default() -> Self {
        Self {
            last: None,
            now: None,
            past: Past::default(),
            begun: 0,
            reading: Watched::new("the look at the counters for floods"),
        }
    }
}

/// A flood that is on, or was until just now.
#[derive(Debug)]
struct Flood {
    began: Instant,
    last_refusal: Instant,
    told: Instant,
    /// The counters when it began, and now.
    before: Counts,
    now: Counts,
    /// The most SYNs in a second.
    peak: u64,
    whole: Census,
    window: Window,
    nature: Nature,
}

/// A part of a flood.
#[derive(Debug)]
struct Window {
    began: Instant,
    before: Counts,
    census: Census,
}

impl Floods {
    /// Call it once a second. `refuses`: the pass rate or a queue refuses SYNs. `samples`: of SYNs that did not pass.
    pub fn tick(&mut self, program: &Program, refuses: bool, samples: &[Sample]) -> Vec<Note> {
        let looked = Counters::read(&program.maps.counters, &program.reasons)
            .and_then(|now| self.look(program, refuses, now.counts(), samples));
        let (notes, failure) = self.reading.check(looked);
        notes.unwrap_or_default().into_iter().chain(failure).collect()
    }

    /// How many have begun.
    pub fn begun(&self) -> u64 {
        self.begun
    }

    /// One is on, or was until just now.
    pub fn is_on(&self) -> bool {
        self.now.is_some()
    }

    /// Since when a flood has been on. None: none is, at this moment.
    pub fn since(&self) -> Option<Instant> {
        let flood = self.now.as_ref()?;
        let (_, looked) = self.last?;
        (flood.last_refusal == looked).then_some(flood.began)
    }

    /// What the flood is made of that is on.
    pub fn nature(&self) -> Option<&Nature> {
        self.now.as_ref().map(|flood| &flood.nature)
    }

    /// Those until now. The one that is on counts as if it was over.
    pub fn all(&self, program: &Program) -> Past {
        let mut all = self.past.clone();
        if let Some(flood) = &self.now {
            all.add(flood.lasted(), flood.describe(program));
        }
        all
    }

    fn look(
        &mut self,
        program: &Program,
        refuses: bool,
        now: Counts,
        samples: &[Sample],
    ) -> Result<Vec<Note>> {
        let time = Instant::now();
        // The first look has nothing to compare with.
        let Some((before, then)) = self.last.replace((now, time)) else { return Ok(Vec::new()) };
        let counts = now.since(before);
        let seconds = (time - then).as_secs_f64().max(f64::MIN_POSITIVE);
        let rate = (counts.syns() as f64 / seconds) as u64;
        let refuses = refuses || counts.held_off() as f64 / seconds > REFUSED;
        if counts.held_off() > 0 && samples.is_empty() {
            // What was drawn in a flood that was faster takes too long.
            events::sample_now(&program.maps)?;
        }
        let mut notes = Vec::new();
        if self.now.is_none() && refuses {
            self.now = Some(Flood::new(time, before));
            self.begun += 1;
            notes.push(Event::FloodBegun { syn_per_s: rate });
        }
        if let Some(flood) = &mut self.now {
            flood.add(time, refuses, rate, now, samples);
            if flood.is_over(time) {
                let over = flood.describe(program);
                self.past.add(flood.lasted(), over.clone());
                notes.push(Event::FloodOver(over.into()));
                self.now = None;
            } else {
                notes.extend(flood.what_to_say(program, time));
            }
        }
        Ok(notes.into_iter().map(Note::Event).collect())
    }
}

impl Past {
    fn add(&mut self, lasted: Duration, flood: note::Flood) {
        self.count += 1;
        self.lasted += lasted;
        self.last = Some(flood);
    }
}

impl Flood {
    fn new(time: Instant, before: Counts) -> Self {
        let nature = Nature { kind: Kind::Unknown, heavy: Vec::new(), sources: None, port: None };
        Self {
            began: time,
            last_refusal: time,
            told: time,
            before,
            now: before,
            peak: 0,
            whole: Census::default(),
            window: Window { began: time, before, census: Census::default() },
            nature,
        }
    }

    fn add(&mut self, time: Instant, refuses: bool, rate: u64, now: Counts, samples: &[Sample]) {
        self.peak = self.peak.max(rate);
        self.now = now;
        if refuses {
            self.last_refusal = time;
        }
        for sample in samples {
            self.whole.add(sample);
            self.window.census.add(sample);
        }
    }

    fn is_over(&self, time: Instant) -> bool {
        time - self.last_refusal > CALM
    }

    fn lasted(&self) -> Duration {
        self.last_refusal - self.began
    }

    /// None: nothing, in this second.
    fn what_to_say(&mut self, program: &Program, time: Instant) -> Option<Event> {
        let is_first = self.nature.kind == Kind::Unknown && time - self.began >= ENOUGH;
        if (is_first || time - self.window.began >= WINDOW) && self.last_refusal == time {
            let before = self.nature.clone();
            self.look_at_window(program, time, is_first);
            let what = |nature: &Nature| (nature.kind, nature.heavy.is_empty());
            if what(&self.nature) != what(&before) {
                return Some(Event::FloodKind(self.nature.clone()));
            }
        }
        if time - self.told < MINUTE {
            return None;
        }
        self.told = time;
        Some(Event::FloodGoesOn(self.describe(program).into()))
    }

    /// Finds what the flood is made of now. If too little was seen, it is as before.
    fn look_at_window(&mut self, program: &Program, time: Instant, is_first: bool) {
        let counts = self.now.since(self.window.before);
        let nature = self.nature_of(&self.window.census, counts, program);
        // The first one may be short.
        if !is_first {
            self.window = Window { began: time, before: self.now, census: Census::default() };
        }
        if nature.kind != Kind::Unknown {
            self.nature = nature;
        }
    }

    /// `counts`: of the SYNs that the census is about.
    fn nature_of(&self, census: &Census, counts: Counts, program: &Program) -> Nature {
        // What cannot be read is not known to answer.
        let of_source = |source| sources::connected(&program.maps.sources, source).unwrap_or_default();
        let (kind, heavy) = census.kind(counts.connected, of_source);
        Nature {
            kind,
            heavy: heavy.into_iter().map(|source| program.policy.source_name(source)).collect(),
            sources: self.whole.estimated_sources(),
            port: census.ports(1).first().filter(|(_, share)| *share > 0.5).map(|(port, _)| *port),
        }
    }

    fn describe(&self, program: &Program) -> note::Flood {
        let counts = self.now.since(self.before);
        let policy = &program.policy;
        let source = |(source, share)| SourceShare {
            source: policy.source_name(source),
            share,
            // What cannot be read is not known.
            connected: sources::connected(&program.maps.sources, source).unwrap_or_default(),
        };
        let network = |(network, share)| NetworkShare { network: network_name(&network), share };
        let port = |(port, share)| PortShare { port, share };
        note::Flood {
            began: (Utc::now() - self.began.elapsed()).to_rfc3339_opts(SecondsFormat::Secs, true),
            lasted_s: seconds(self.lasted()),
            peak_syn_per_s: self.peak,
            counts,
            nature: match self.nature.kind {
                // It was too short for a look at a window.
                Kind::Unknown => self.nature_of(&self.whole, counts, program),
                _ => Nature { sources: self.whole.estimated_sources(), ..self.nature.clone() },
            },
            top_sources: self.whole.sources(NAMED).into_iter().map(source).collect(),
            top_networks: self.whole.networks(NAMED).into_iter().map(network).collect(),
            ports: self.whole.ports(NAMED).into_iter().map(port).collect(),
            dry_run: policy.dry_run,
        }
    }
}
