// SPDX-License-Identifier: GPL-2.0-only
//! `rule`: the rules that SYNs are judged by at running instances.

mod add;
mod remove;

use std::io::{self, Write};
use std::time::Duration;

use anyhow::{Context, Result};

use super::print;
use super::running;
use crate::advice::preflight;
use crate::cli::{RuleVerb, Show};
use crate::kernel::clock;
use crate::kernel::maps::rules::{self, Counts, Entry, Tables};
use crate::learn::{nft, tcpdump, words};
use crate::show;
use crate::show::rules::{Found, OfInstance, Origin, Rule, Rules, Stage};

pub fn verb(verb: &RuleVerb) -> Result<()> {
    match verb {
        RuleVerb::List(words) => list(words),
        RuleVerb::Add(words) => say(&add::add(words)?),
        RuleVerb::Remove(words) => say(&remove::remove(words)?),
    }
}

/// What was done.
fn say(lines: &[String]) -> Result<()> {
    let mut out = io::stdout().lock();
    lines.iter().try_for_each(|line| writeln!(out, "{line}")).context("cannot say what was done")
}

fn list(words: &Show) -> Result<()> {
    preflight::check_can_look("rule list")?;
    let read = |found: running::Found| {
        Ok(OfInstance {
            program_id: found.program_id,
            interfaces: found.interfaces,
            is_looked_after: found.running.pid.is_some(),
            rules: all(&*found.running)?,
        })
    };
    let found = running::find(&words.iface, "rule list")?;
    let rules = Rules { instances: found.into_iter().map(read).collect::<Result<_>>()? };
    print(&rules, words.json, |out, rules| show::rules::write(out, rules))
        .context("cannot write the rules")
}

/// All rules of a program, as they are shown.
pub fn all<'a>(tables: impl Into<Tables<'a>>) -> Result<Vec<Rule>> {
    those(tables, |_| true)
}

pub fn those<'a>(
    tables: impl Into<Tables<'a>>,
    is_meant: impl Fn(&Entry) -> bool,
) -> Result<Vec<Rule>> {
    let tables = tables.into();
    let slots = rules::read(tables)?.into_iter().enumerate();
    let meant = slots.filter_map(|(slot, entry)| Some((slot, entry.filter(&is_meant)?)));
    meant.map(|(slot, entry)| shown(slot, &entry, &rules::counts(tables, slot)?)).collect()
}

fn shown(slot: usize, entry: &Entry, counts: &Counts) -> Result<Rule> {
    let (age, left) = entry.times()?;
    let since_match = Duration::from_nanos(clock::now_ns()?.saturating_sub(counts.last));
    let found = Found { covered: entry.covered, honest_hits: entry.hits, honest_bound: entry.bound };
    Ok(Rule {
        number: slot + 1,
        stage: if entry.is_in_force { Stage::InForce } else { Stage::Watched },
        origin: if entry.is_learned { Origin::Learned } else { Origin::Added },
        words: words(&entry.rule),
        rule: entry.rule.to_string(),
        tcpdump: tcpdump(&entry.rule),
        nft: nft(&entry.rule),
        found: entry.is_learned.then_some(found),
        counts: show::rules::Counts {
            matched: counts.matched,
            dropped: counts.dropped,
            canaries: counts.canaries,
            repeated: counts.repeated,
            spared: counts.spared,
            answered: counts.answered,
        },
        last_match: (counts.last != 0).then_some(since_match),
        age,
        left,
    })
}
