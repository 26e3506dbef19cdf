// SPDX-License-Identifier: GPL-2.0-only
//! Advice in words.

use std::fmt::{self, Display, Formatter};

use super::{ALL, Advice, ENOUGH, OfRate, OfService, percent};
use crate::show::units::{exact, whole};

impl Display for Advice {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let elapsed = whole(self.elapsed);
        if self.services.is_empty() {
            return writeln!(f, "no advice on limits: no connection came to stand in {elapsed}");
        }
        writeln!(f, "advice on --burst and --rate, from the connections of {elapsed}")?;
        if self.elapsed < ENOUGH {
            let enough = exact(ENOUGH);
            writeln!(f, "  this is little: {enough} of usual traffic say more, a busy hour most")?;
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
        Ok(())
    }
}

impl Display for OfService {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        writeln!(f, "{}: {}", self.name(), counted(self.sources, "source"))?;
        self.write_table(f)?;
        let advised = &self.advised;
        let share = share_name(advised.percent);
        write!(f, "  burst {}, rate {}: ", advised.limit.burst, advised.limit.rate)?;
        if advised.sources_above == 0 {
            writeln!(f, "none of the sources would have met it")?;
        } else {
            let above = counted(advised.sources_above, "source");
            writeln!(f, "{share} of the sources would never have met it; {above} would")?;
            self.write_above(f)?;
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

    /// With a command for each source, as only some may be friends.
    fn write_above(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let rate = self.advised.limit.rate;
        writeln!(f, "  above it, likely proxies or monitors; allow those that you know:")?;
        for above in &self.advised.above {
            let (source, burst) = (&above.source, above.burst);
            writeln!(f, "    synflood-xdp allow {source:<18} # burst {burst} at {rate}")?;
        }
        match self.advised.sources_above - self.advised.above.len() as u64 {
            0 => Ok(()),
            more => writeln!(f, "    and {more} more"),
        }
    }
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
