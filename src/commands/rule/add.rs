// SPDX-License-Identifier: GPL-2.0-only
//! `rule add`: a rule of the operator's, at all instances or at none.

use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};

use crate::advice::preflight;
use crate::cli::{self, AddRule};
use crate::commands::running::{self, Found};
use crate::kernel::clock;
use crate::kernel::maps::answered;
use crate::kernel::maps::lists::Lock;
use crate::kernel::maps::rules::{self, Entry, Slots};
use crate::learn::life::SLOTS;
use crate::learn::search::{MAX_RULES, MIN_ANSWERED};
use crate::learn::syn::{ACK, DATA_OFFSET, FLAGS, FRAGMENT, OPTIONS};
use crate::learn::{Family, Rule, words};
use crate::show;
use crate::show::units::percent;

/// More honest clients than this share a rule must not keep out.
const MAX_HITS: f64 = 0.001;

/// What to say of it.
pub fn add(given: &AddRule) -> Result<Vec<String>> {
    preflight::check_can_change("rule add")?;
    let rule: Rule = given.rule.parse().unwrap_or_else(|error| cli::usage_error(error));
    if plain_syn(rule.family).implies(&rule) {
        cli::usage_error(format!(
            "'{rule}' is what every SYN has: add what only the attack's have, like window=512"
        ));
    }
    if let Some(why) = rule.contradiction() {
        cli::usage_error(format!("'{rule}' matches nothing: {why}"));
    }
    let found = running::find(&given.iface, "rule add …")?;
    let lock = Lock::wait()?;
    // Before the first instance is changed.
    let places = found.iter().map(|found| place(found, &rule, given)).collect::<Result<Vec<_>>>()?;
    let samples = found.iter().map(|found| Sample::of(found, &rule)).collect::<Result<Vec<_>>>()?;
    let worst = samples.iter().filter(|sample| sample.is_kept_out());
    if let Some(worst) = worst.max_by_key(|sample| sample.hits).filter(|_| !given.watch && !given.force)
    {
        cli::usage_error(format!(
            "{}: too many of them would be kept out; `--watch` only counts what it matches; if you mean it, give --force",
            worst.hits_in_words()
        ));
    }
    let mut said = Vec::new();
    for ((found, place), sample) in found.iter().zip(places).zip(samples) {
        let entry = entry(rule, given)?;
        match place {
            Place::Anew(slot) => {
                rules::remove(&*found.running, slot, &lock)?;
                rules::put(&*found.running, slot, &entry, &lock)?;
            }
            Place::Promoted(slot) => rules::enforce(&*found.running, slot, &entry, true, &lock)?,
        }
        said.push(added(found, place.slot(), given, &rule));
        said.extend(sample.remark(given));
    }
    Ok(said)
}

/// What nearly every SYN has, an honest one or not.
fn plain_syn(family: Family) -> Rule {
    let mut rule = Rule::any(family).with(DATA_OFFSET, 0x0f, 0).with(FLAGS, 0xff, 2);
    if family == Family::Ipv4 {
        rule = rule.with(FRAGMENT, 0xbf, 0).with(FRAGMENT + 1, 0xff, 0);
    }
    (ACK..OPTIONS).fold(rule, |rule, at| rule.with(at, 0xff, 0))
}

/// Where the rule is to stand.
#[derive(Debug, Clone, Copy)]
enum Place {
    /// With counters at zero.
    Anew(usize),
    /// It was watched there.
    Promoted(usize),
}

impl Place {
    fn slot(self) -> usize {
        match self {
            Self::Anew(slot) | Self::Promoted(slot) => slot,
        }
    }
}

fn place(found: &Found, rule: &Rule, given: &AddRule) -> Result<Place> {
    let place = show::lists::place(&found.interfaces);
    ensure!(
        found.running.pid.is_some(),
        "{place}: no process looks after it, and without one rules drop nothing: start one, then add the rule; nothing \
         was changed"
    );
    let slots = rules::read(&*found.running)?;
    let is_same = |slot: &Option<Entry>| slot.is_some_and(|entry| entry.rule == *rule);
    let Some(slot) = slots.iter().position(is_same) else {
        return free(&slots).map(Place::Anew).with_context(|| {
            format!(
                "{place}: all {SLOTS} places for rules are taken: remove one of `synflood-xdp rule list`; nothing was \
                 changed"
            )
        });
    };
    match slots[slot] {
        Some(Entry { is_learned: true, is_in_force: true, .. }) if given.watch => bail!(
            "{place}: rule {number} drops what looks like this, as it was learned: with --watch it would drop no more; \
             `synflood-xdp rule remove {number}` takes it back; nothing was changed",
            number = slot + 1
        ),
        // The learner leaves the operator's alone.
        Some(Entry { is_learned: true, .. }) => Ok(Place::Anew(slot)),
        Some(Entry { is_in_force: false, .. }) if !given.watch => Ok(Place::Promoted(slot)),
        _ => bail!(
            "{place}: rule {number} is this one already: `synflood-xdp rule remove {number}` first, to give it another \
             time or stage; nothing was changed",
            number = slot + 1
        ),
    }
}

/// The learner takes the first ones, so that both never want the same.
fn free(slots: &Slots) -> Option<usize> {
    (MAX_RULES..SLOTS).chain(0..MAX_RULES).find(|&slot| slots[slot].is_none())
}

fn entry(rule: Rule, given: &AddRule) -> Result<Entry> {
    let now = clock::now_ns()?;
    let until = |time: Duration| now.saturating_add(time.as_nanos() as u64);
    Ok(Entry {
        rule,
        is_in_force: !given.watch,
        is_learned: false,
        hits: 0,
        bound: 0.0,
        covered: 0.0,
        since: now,
        until: given.time.map(until),
    })
}

fn added(found: &Found, slot: usize, given: &AddRule, rule: &Rule) -> String {
    let (place, number) = (show::lists::place(&found.interfaces), slot + 1);
    let does = if given.watch { "only counts" } else { "drops" };
    let dry_run = match found.running.policy.dry_run && !given.watch {
        true => "; but this is a dry run, in which nothing is dropped",
        false => "",
    };
    let time = show::lists::for_time(given.time);
    format!("{place}: rule {number} {does} what looks like this{time}: {}{dry_run}", words(rule))
}

/// What the SYNs of honest clients say of a rule.
struct Sample {
    /// Of the rule's family.
    known: usize,
    hits: usize,
}

impl Sample {
    fn of(found: &Found, rule: &Rule) -> Result<Self> {
        let entries = answered::read(&*found.running)?;
        let syns = || entries.iter().map(|entry| &entry.syn);
        Ok(Self {
            known: syns().filter(|syn| syn.family == rule.family).count(),
            hits: syns().filter(|syn| rule.matches(syn)).count(),
        })
    }

    fn is_kept_out(&self) -> bool {
        self.hits as f64 > MAX_HITS * self.known as f64
    }

    fn hits_in_words(&self) -> String {
        let share = percent(self.hits as f64 / self.known.max(1) as f64);
        format!("{} of {} known SYNs of honest clients look like this ({share})", self.hits, self.known)
    }

    fn remark(&self, given: &AddRule) -> Option<String> {
        if self.hits > 0 {
            let meet = if given.watch { "" } else { ": they get in by a repetition only" };
            return Some(format!("warning: {}{meet}", self.hits_in_words()));
        }
        let look =
            "`synflood-xdp rule list` says whether what it matches answers, and --watch only counts it";
        match self.known {
            _ if given.watch => None,
            0 => Some(format!(
                "warning: nothing is known of honest clients yet, so nobody knows whom this keeps out: {look}"
            )),
            known @ ..MIN_ANSWERED => Some(format!(
                "warning: too few SYNs of honest clients are known ({known}) to say whether any looks like this: {look}"
            )),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn has_all(text: &str) -> bool {
        let rule: Rule = text.parse().unwrap();
        plain_syn(rule.family).implies(&rule)
    }

    #[test]
    fn what_every_syn_has_is_no_rule() {
        for text in ["ipv4,flags=0x02", "ipv6,flags=0x02/0x12", "ipv4,ack=0x00000000"] {
            assert!(has_all(text), "{text}");
        }
        for text in ["ipv4,flags=0x02,window=512", "ipv4,fragment=0x4000", "ipv6,flags=0x82"] {
            assert!(!has_all(text), "{text}");
        }
    }

    #[test]
    fn an_operators_rules_leave_the_learner_its_places() {
        let mut slots: Slots = [None; SLOTS];
        assert_eq!(free(&slots), Some(MAX_RULES));
        let rule = "ipv4,window=512".parse().unwrap();
        let taken = Entry {
            rule,
            is_in_force: true,
            is_learned: false,
            hits: 0,
            bound: 0.0,
            covered: 0.0,
            since: 0,
            until: None,
        };
        slots[MAX_RULES..].fill(Some(taken));
        assert_eq!(free(&slots), Some(0));
        slots.fill(Some(taken));
        assert_eq!(free(&slots), None);
    }
}
