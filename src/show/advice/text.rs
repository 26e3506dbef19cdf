// SPDX-License-Identifier: GPL-2.0-only
//! Advice in words.

use std::fmt::{self, Display, Formatter};
use std::time::Duration;

use super::crowd::Crowd;
use super::{ALL, Advice, Advised, ENOUGH, ENOUGH_SOURCES, MAX_NAMED, OfRate, OfService, percent};
use crate::note::Counts;
use crate::show::units::{self, exact, whole};

impl Display for Advice {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let elapsed = whole(self.elapsed);
        if !self.services.is_empty() {
            writeln!(f, "advice on --burst and --rate, from the connections of {elapsed}")?;
        }
        if self.forgotten_sources > 0 {
            let count = self.forgotten_sources;
            writeln!(
                f,
                "  there was no room for {count} sources, which were forgotten: give a larger --max-sources"
            )?;
        }
        self.services.iter().try_for_each(|service| write!(f, "{service}"))?;
        if let Some(command) = &self.command {
            writeln!(f, "use, with your other options:\n  {command}")?;
        }
        if let Some(why) = &self.why_no_command {
            writeln!(f, "{why}")?;
        }
        write_real_run(f, self.counts)
    }
}

impl Display for OfService {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        writeln!(f, "{}: {}", self.name(), counted(self.sources, "source"))?;
        self.write_table(f)?;
        match &self.advised {
            Some(advised) => self.write_advised(f, advised)?,
            None if self.sources < ENOUGH_SOURCES && self.is_one_of_several => writeln!(
                f,
                "  no advice, as there are fewer than {ENOUGH_SOURCES} sources: a limit of its own stays"
            )?,
            None => {}
        }
        if self.is_unchallenged {
            writeln!(
                f,
                "  SYNs are not challenged here, so one that is sent again counts again: leave room"
            )?;
        }
        Ok(())
    }
}

impl OfService {
    fn name(&self) -> String {
        match &self.service {
            Some(name) => format!("{name} ({})", self.ports),
            None if self.is_one_of_several => "other ports".into(),
            None if self.ports.are_all() => "all ports".into(),
            None => format!("ports {}", self.ports),
        }
    }

    /// A line for each rate, a column for each share.
    fn write_table(&self, f: &mut Formatter<'_>) -> fmt::Result {
        write!(f, "  {:<6}", "RATE")?;
        let shares = self.rates.iter().take(1).flat_map(|rate| &rate.bursts);
        for share in shares {
            write!(f, " {:>8}", share_name(share.percent).to_uppercase())?;
        }
        writeln!(f)?;
        self.rates.iter().try_for_each(|rate| write!(f, "{rate}"))?;
        if self.rates.iter().any(|rate| !rate.is_settled) {
            writeln!(f, "  + may grow: such a bucket takes too long to refill for the time looked at")?;
        }
        Ok(())
    }

    fn write_advised(&self, f: &mut Formatter<'_>, advised: &Advised) -> fmt::Result {
        write!(f, "  burst {}, rate {}: ", advised.limit.burst, advised.limit.rate)?;
        match advised.sources_above {
            0 => writeln!(f, "none of the sources would have met it")?,
            above => {
                writeln!(f, "{above} of {} sources would have met it", self.sources)?;
                write_above(f, advised)?;
            }
        }
        advised.crowded_networks.iter().try_for_each(|crowds| write_crowds(f, crowds))
    }
}

/// Of these is not known what they would have needed together.
fn write_crowds(f: &mut Formatter<'_>, crowds: &[Crowd]) -> fmt::Result {
    if crowds.is_empty() {
        return writeln!(f, "  no network would have been limited as a whole");
    }
    let networks = counted(crowds.len() as u64, "network");
    writeln!(
        f,
        "  {networks} may be limited as a whole, which a dry run does not know: allow those that you know, or give \
         --networks off"
    )?;
    for Crowd { network, sources } in crowds.iter().take(MAX_NAMED) {
        writeln!(f, "    synflood-xdp allow {network:<18} # {sources} sources that connected")?;
    }
    match crowds.len().saturating_sub(MAX_NAMED) {
        0 => Ok(()),
        more => writeln!(f, "    and {more} more"),
    }
}

/// With a command for each source, as only some may be friends.
fn write_above(f: &mut Formatter<'_>, advised: &Advised) -> fmt::Result {
    let rate = advised.limit.rate;
    writeln!(f, "  outliers: proxies, monitors, or attackers: allow those that you know")?;
    for above in &advised.above {
        let (source, burst) = (&above.source, above.burst);
        writeln!(f, "    synflood-xdp allow {source:<18} # burst {burst} at {rate}")?;
    }
    match advised.sources_above - advised.above.len() as u64 {
        0 => Ok(()),
        more => writeln!(f, "    and {more} more"),
    }
}

/// What was too little, and what to do.
pub fn why_no_command(elapsed: Duration, services: &[OfService]) -> String {
    let Some(sources) = services.iter().map(|service| service.sources).max() else {
        return format!("no advice on limits: no connection came to stand in {}", whole(elapsed));
    };
    let short = (elapsed < ENOUGH).then(|| whole(elapsed));
    let few = (sources < ENOUGH_SOURCES).then(|| counted(sources, "source"));
    let seen: Vec<_> = short.into_iter().chain(few).collect();
    format!(
        "no limit is advised from {}, as a browser alone opens 6 connections at once: let it see {} of usual \
         traffic, from {ENOUGH_SOURCES} sources or more",
        seen.join(" and "),
        exact(ENOUGH)
    )
}

/// A dry run drops nothing, so how many of those challenged would have answered is not known.
fn write_real_run(f: &mut Formatter<'_>, counts: Counts) -> fmt::Result {
    if counts.syns() == 0 {
        return Ok(());
    }
    let share = match counts.held_off() {
        0 => "none".into(),
        held_off => format!("up to {}", units::percent(held_off as f64 / counts.syns() as f64)),
    };
    writeln!(
        f,
        "a real run, as this one was set, would have stopped {share} of the SYNs, and let in who answers its \
         cookies; in this dry run, which stops nothing, {} stood",
        counted(counts.connected, "connection")
    )
}

impl Display for OfRate {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        write!(f, "  {:<6}", self.rate.to_string())?;
        for share in &self.bursts {
            write!(f, " {:>8}", share.burst)?;
        }
        writeln!(f, "{}", if self.is_settled { "" } else { " +" })
    }
}

/// "99.9 %", or "all".
fn share_name(share: f64) -> String {
    if share < percent(ALL) { format!("{share} %") } else { "all".into() }
}

/// "1 source", "12 sources".
fn counted(count: u64, what: &str) -> String {
    format!("{count} {what}{}", if count == 1 { "" } else { "s" })
}
