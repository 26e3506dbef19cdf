// SPDX-License-Identifier: GPL-2.0-only
//! Tells when a flood begins, how it goes on, and what it was.

use std::time::{Duration, Instant};

use anyhow::Result;

use super::Watched;
use crate::kernel::maps::counters::Counters;
use crate::kernel::maps::sources::{self, Refused};
use crate::kernel::program::Program;
use crate::note::Note;

/// Floods come in waves: one is over when nothing was refused for so long.
const CALM: Duration = Duration::from_secs(10);

/// Between two notes on a flood that lasts.
const MINUTE: Duration = Duration::from_secs(60);

/// Watches the counters of a running program.
pub struct Floods {
    last: Option<(Syns, Instant)>,
    now: Option<Flood>,
    /// How many have begun.
    begun: u64,
    reading: Watched,
}

impl Default for Floods {
    fn default() -> Self {
        let reading = Watched::new("the look at the counters for floods");
        Self { last: None, now: None, begun: 0, reading }
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
        self.passed + self.challenged + self.dropped
    }
}

/// A flood that is on, or was until just now.
#[derive(Debug)]
struct Flood {
    began: Instant,
    last_refusal: Instant,
    told: Instant,
    before: Syns,
    /// The most SYNs in a second.
    peak: u64,
    refused: Refused,
}

impl Floods {
    /// Call it once a second. `refuses`: the pass rate or a queue refuses SYNs.
    pub fn tick(&mut self, program: &Program, refuses: bool) -> Vec<Note> {
        let looked = Syns::read(program).and_then(|now| self.look(program, refuses, now));
        let (note, failure) = self.reading.check(looked);
        note.flatten().into_iter().chain(failure).collect()
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
        let seconds = (time - then).as_secs_f64();
        let syns = now.since(before).all() as f64;
        let rate = if seconds > 0.0 { (syns / seconds) as u64 } else { 0 };
        let Some(flood) = &mut self.now else {
            if !refuses {
                return Ok(None);
            }
            let refused = sources::refused(&program.maps)?;
            self.now = Some(Flood {
                began: time,
                last_refusal: time,
                told: time,
                before,
                peak: rate,
                refused,
            });
            self.begun += 1;
            return Ok(Some(Note::warning(format!("a flood has begun: {rate} SYN/s"))));
        };
        flood.peak = flood.peak.max(rate);
        if refuses {
            flood.last_refusal = time;
        } else if time - flood.last_refusal > CALM {
            let note = flood.over(program, now)?;
            self.now = None;
            return Ok(Some(note));
        }
        if time - flood.told < MINUTE {
            return Ok(None);
        }
        flood.told = time;
        let lasted = whole_seconds(time - flood.began);
        Ok(Some(Note::notice(format!(
            "the flood has lasted {lasted}: {rate} SYN/s now, {} at most; {}",
            flood.peak,
            counted(now.since(flood.before))
        ))))
    }
}

impl Flood {
    fn over(&self, program: &Program, now: Syns) -> Result<Note> {
        let syns = now.since(self.before);
        let from = whose(&self.refused, &sources::refused(&program.maps)?, syns);
        let lasted = whole_seconds(self.last_refusal - self.began);
        let peak = self.peak;
        let counted = counted(syns);
        Ok(Note::notice(format!(
            "the flood is over after {lasted}: {peak} SYN/s at most, {counted}; {from}"
        )))
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
    let all = syns.challenged + syns.dropped;
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
