// SPDX-License-Identifier: GPL-2.0-only
//! Tells when a flood begins, how it goes on, and what it was.

use std::time::{Duration, Instant};

use anyhow::Result;

use super::{Beside, Watched};
use crate::kernel::maps::counters::Counters;
use crate::kernel::maps::sources::{self, Refused};
use crate::kernel::program::Program;
use crate::note::Note;

/// Floods come in waves: one is over when nothing was refused for so long.
const CALM: Duration = Duration::from_secs(10);

/// SYNs a second that do not pass: so many are a flood, whichever limit refuses them. As many pass by default.
const REFUSED: f64 = 1000.0;

/// Where a flood comes from is told when it has lasted for so long.
const ENOUGH: Duration = Duration::from_secs(2);

/// Between two notes on a flood that lasts.
const MINUTE: Duration = Duration::from_secs(60);

/// Watches the counters of a running program.
pub struct Floods {
    last: Option<(Syns, Instant)>,
    now: Option<Flood>,
    /// What known sources were refused is read beside: a large table takes its time.
    tracing: Beside<Result<Refused>>,
    /// What is to be said when it has been read.
    due: Option<Due>,
    /// How many have begun.
    begun: u64,
    reading: Watched,
}

/// A note on a flood that lacks only where it comes from.
#[derive(Debug)]
struct Due {
    text: String,
    syns: Syns,
    before: Refused,
}

impl Default for Floods {
    fn default() -> Self {
        Self {
            last: None,
            now: None,
            tracing: Beside::default(),
            due: None,
            begun: 0,
            reading: Watched::new("the look at the counters for floods"),
        }
    }
}

/// SYNs since the program's start.
#[derive(Debug, Clone, Copy, Default)]
struct Syns {
    passed: u64,
    challenged: u64,
    dropped: u64,
    connected: u64,
}

impl Syns {
    fn read(program: &Program) -> Result<Self> {
        let counters = Counters::read(&program.maps.counters, &program.reasons)?;
        Ok(Self {
            passed: counters.passed(),
            challenged: counters.challenged(),
            dropped: counters.dropped(),
            connected: counters.connected(),
        })
    }

    fn since(self, before: Self) -> Self {
        Self {
            passed: self.passed.saturating_sub(before.passed),
            challenged: self.challenged.saturating_sub(before.challenged),
            dropped: self.dropped.saturating_sub(before.dropped),
            connected: self.connected.saturating_sub(before.connected),
        }
    }

    fn all(self) -> u64 {
        self.passed + self.refused()
    }

    fn refused(self) -> u64 {
        self.challenged + self.dropped
    }
}

/// A flood that is on, or was until just now.
#[derive(Debug)]
struct Flood {
    began: Instant,
    last_refusal: Instant,
    /// It was told where it comes from.
    is_traced: bool,
    told: Instant,
    before: Syns,
    /// The most SYNs in a second.
    peak: u64,
    /// At its begin. None: it is being read.
    refused: Option<Refused>,
}

impl Floods {
    /// Call it once a second. `refuses`: the pass rate or a queue refuses SYNs.
    pub fn tick(&mut self, program: &Program, refuses: bool) -> Vec<Note> {
        let traced = self.traced();
        let looked = Syns::read(program).and_then(|now| self.look(program, refuses, now));
        let (note, failure) = self.reading.check(traced.and_then(|traced| Ok((traced, looked?))));
        let (traced, note) = note.unwrap_or_default();
        traced.into_iter().chain(note).chain(failure).collect()
    }

    /// The note that was due, if it is known by now where the flood comes from.
    fn traced(&mut self) -> Result<Option<Note>> {
        let Some(outcome) = self.tracing.outcome() else { return Ok(None) };
        // Without it a flood seems to come from nowhere, but ends.
        let (refused, failure) = match outcome {
            Ok(refused) => (refused, None),
            Err(error) => (Refused::default(), Some(error)),
        };
        let due = self.due.take().filter(|_| failure.is_none());
        if let (None, Some(flood)) = (&due, &mut self.now) {
            flood.refused.get_or_insert(refused.clone());
        }
        match (due, failure) {
            (_, Some(error)) => Err(error),
            (Some(Due { text, syns, before }), _) => {
                Ok(Some(Note::notice(format!("{text}; {}", whose(&before, &refused, syns)))))
            }
            (None, None) => Ok(None),
        }
    }

    /// Begins to read where the flood comes from.
    fn trace(&mut self, program: &Program) -> Result<()> {
        let maps = program.maps.clone();
        self.tracing.start("floods", move || sources::refused(&maps), || ())
    }

    /// How many have begun.
    pub fn begun(&self) -> u64 {
        self.begun
    }

    /// Whether one is on, or was until just now.
    pub fn is_on(&self) -> bool {
        self.now.is_some()
    }

    fn look(&mut self, program: &Program, refuses: bool, now: Syns) -> Result<Option<Note>> {
        let time = Instant::now();
        // What was counted before the first look is no rate.
        let Some((before, then)) = self.last.replace((now, time)) else { return Ok(None) };
        let seconds = (time - then).as_secs_f64().max(f64::EPSILON);
        let syns = now.since(before);
        let rate = (syns.all() as f64 / seconds) as u64;
        let refuses = refuses || syns.refused() as f64 / seconds > REFUSED;
        let Some(flood) = &mut self.now else {
            if !refuses {
                return Ok(None);
            }
            self.now = Some(Flood {
                began: time,
                last_refusal: time,
                is_traced: false,
                told: time,
                before,
                peak: rate,
                refused: None,
            });
            self.begun += 1;
            self.trace(program)?;
            return Ok(Some(Note::warning(format!("a flood has begun: {rate} SYN/s"))));
        };
        flood.peak = flood.peak.max(rate);
        if refuses {
            flood.last_refusal = time;
        }
        let Some(before) = flood.refused.clone().filter(|_| !self.tracing.is_busy()) else {
            return Ok(None);
        };
        let (Some(text), syns) = (flood.what_to_say(rate, now, time), now.since(flood.before)) else {
            return Ok(None);
        };
        if time - flood.last_refusal > CALM {
            self.now = None;
        }
        self.due = Some(Due { text, syns, before });
        self.trace(program)?;
        Ok(None)
    }

    /// Since when a flood has been on. None: none is, at this moment.
    pub fn since(&self) -> Option<Instant> {
        let flood = self.now.as_ref()?;
        let (_, looked) = self.last?;
        (flood.last_refusal == looked).then_some(flood.began)
    }
}

impl Flood {
    /// None: nothing, in this second.
    fn what_to_say(&mut self, rate: u64, now: Syns, time: Instant) -> Option<String> {
        let (peak, syns) = (self.peak, counted(now.since(self.before)));
        if time - self.last_refusal > CALM {
            let lasted = whole_seconds(self.last_refusal - self.began);
            return Some(format!("the flood is over after {lasted}: {peak} SYN/s at most, {syns}"));
        }
        let lasts = time - self.began;
        if !self.is_traced && self.last_refusal == time && lasts > ENOUGH {
            self.is_traced = true;
            return Some(format!("the flood goes on: {rate} SYN/s now"));
        }
        if time - self.told < MINUTE {
            return None;
        }
        self.told = time;
        let lasted = whole_seconds(lasts);
        Some(format!("the flood has lasted {lasted}: {rate} SYN/s now, {peak} at most; {syns}"))
    }
}

/// "61 SYNs passed, 0 challenged, 53941 dropped; 12 connected"
fn counted(syns: Syns) -> String {
    let Syns { passed, challenged, dropped, connected } = syns;
    format!("{passed} SYNs passed, {challenged} challenged, {dropped} dropped; {connected} connected")
}

/// Floods are looked at once a second, and some are over by then.
fn whole_seconds(time: Duration) -> String {
    match time.as_secs() {
        0 => "less than a second".into(),
        seconds => humantime::format_duration(Duration::from_secs(seconds)).to_string(),
    }
}

/// Where most of the SYNs that did not pass came from.
fn whose(before: &Refused, now: &Refused, syns: Syns) -> String {
    let all = syns.refused();
    let of_source = |(address, count): &(std::net::IpAddr, u64)| {
        let known = before.heaviest.iter().find(|(other, _)| other == address);
        (*address, count - known.map_or(0, |(_, count)| *count).min(*count))
    };
    let worst = now.heaviest.iter().map(of_source).max_by_key(|&(_, count)| count);
    match worst {
        Some((address, count)) if count > all / 2 => format!("most of it from {address}"),
        _ if now.all.saturating_sub(before.all) > all / 2 => {
            "most of it from sources that are known, none of them alone".into()
        }
        _ => "most of it from addresses that were never seen again, as forged ones are".into(),
    }
}

#[cfg(test)]
mod tests {
    use std::net::IpAddr;

    use super::{Refused, Syns, whose};

    fn refused(all: u64, heaviest: &[(&str, u64)]) -> Refused {
        let heaviest = heaviest.iter().map(|&(ip, count)| (ip.parse::<IpAddr>().unwrap(), count));
        Refused { all, heaviest: heaviest.collect() }
    }

    #[test]
    fn a_flood_is_told_by_where_most_of_it_came_from() {
        let syns = Syns { challenged: 600, dropped: 400, ..Syns::default() };
        let before = refused(5_000, &[("192.0.2.1", 4_000)]);
        for (now, told) in [
            (refused(5_900, &[("192.0.2.1", 4_000), ("192.0.2.2", 900)]), "from 192.0.2.2"),
            (refused(5_900, &[("192.0.2.1", 4_400), ("192.0.2.2", 400)]), "none of them alone"),
            (refused(5_100, &[("192.0.2.1", 4_000), ("192.0.2.2", 90)]), "never seen again"),
        ] {
            let text = whose(&before, &now, syns);
            assert!(text.contains(told), "{text}");
        }
    }
}
