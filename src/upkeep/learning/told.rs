// SPDX-License-Identifier: GPL-2.0-only
//! What is said of rules.

use crate::kernel::maps::rules::{Entry, Slots};
use crate::learn::life::{Action, State, Why};
use crate::learn::{self, Found, Rule};
use crate::note::{self, Event, Note, RuleStage};

/// What was done.
pub fn of(action: &Action, dry_run: bool) -> Note {
    match action {
        Action::Watch { slot, found } => found_rule(*slot, found, RuleStage::Watched, dry_run),
        Action::Suggest { slot, found } => found_rule(*slot, found, RuleStage::Suggested, dry_run),
        Action::Enforce { slot, found } => found_rule(*slot, found, RuleStage::InForce, dry_run),
        Action::Remove { slot, rule, why } => ended(*slot, rule, &reason(*why)),
    }
}

/// Rules that an operator has added or removed meanwhile.
pub fn by_command(before: &Slots, now: &Slots) -> Vec<Note> {
    let of_operator = |entry: &Option<Entry>| entry.filter(|entry| !entry.is_learned);
    let change = |(slot, (before, now)): (usize, (&Option<Entry>, &Option<Entry>))| {
        let number = slot + 1;
        match (of_operator(before), of_operator(now)) {
            (None, Some(added)) => {
                let stage = if added.is_in_force { "it drops" } else { "only counted is" };
                Some(format!(
                    "by command, rule {number} is added; {stage}: {}",
                    learn::words(&added.rule)
                ))
            }
            (Some(gone), None) => {
                Some(format!("by command, rule {number} is removed: {}", learn::words(&gone.rule)))
            }
            _ => None,
        }
    };
    before.iter().zip(now).enumerate().filter_map(change).map(Note::change).collect()
}

/// Why a flood gives no rule. None: it may still give one.
pub fn why_not(state: State) -> Option<Note> {
    match state {
        State::StillLearning { answered, needed } => Some(Note::info(format!(
            "no rule is learned from this flood: {answered} SYNs of honest clients are known, and it takes {needed}; give a \
             capture of peace to synflood-xdp learn --honest, or a rule of your own to synflood-xdp rule add"
        ))),
        State::NothingInCommon => Some(Note::info(
            "no rule is learned from this flood: its SYNs look like some of honest clients, or like a rule that was taken \
             back; if you know better: synflood-xdp rule add",
        )),
        _ => None,
    }
}

/// A learned rule that an operator has removed.
pub fn removed(slot: usize, rule: &Rule) -> Note {
    ended(slot, rule, "by command; no rule like it is made for 10 minutes")
}

/// An operator's rule of which so many answers came, of so many SYNs that it let through.
pub fn doubted(slot: usize, rule: &Rule, answered: u64, let_through: u64) -> Note {
    let number = slot + 1;
    Note::warning(format!(
        "rule {number}, which was added, meets honest clients: of {let_through} SYNs that it let through {answered} were \
         answered; synflood-xdp rule remove {number} takes it back: {}",
        learn::words(rule)
    ))
}

/// An operator's rule whose time is over.
pub fn expired(slot: usize, rule: &Rule) -> Note {
    ended(slot, rule, "its time is over")
}

fn reason(why: Why) -> String {
    match why {
        Why::Answered(count) => {
            format!(
                "{count} clients who look like this have answered; no rule like it is made for 10 minutes"
            )
        }
        Why::Withdrawn(count) => {
            format!(
                "{count} sources that it would keep out have answered; no rule like it is made for 10 minutes"
            )
        }
        Why::Idle => "nothing has matched it for 30 s".into(),
        Why::Outweighed => "it gave its place to a rule that matches more".into(),
        Why::FloodOver => "the flood is over".into(),
        Why::Off => "--learn is off".into(),
        Why::Displaced => "an operator has put a rule into its place".into(),
    }
}

fn found_rule(slot: usize, found: &Found, stage: RuleStage, dry_run: bool) -> Note {
    let rule = note::Rule {
        covered: Some(found.covered),
        honest_bound: Some(found.bound),
        dry_run,
        ..described(slot, &found.rule, stage)
    };
    Note::Event(Event::Rule(rule.into()))
}

fn ended(slot: usize, rule: &Rule, why: &str) -> Note {
    let rule = note::Rule { why: Some(why.into()), ..described(slot, rule, RuleStage::Ended) };
    Note::Event(Event::Rule(rule.into()))
}

fn described(slot: usize, rule: &Rule, stage: RuleStage) -> note::Rule {
    note::Rule {
        number: slot + 1,
        stage,
        words: learn::words(rule),
        rule: rule.to_string(),
        tcpdump: learn::tcpdump(rule),
        nft: learn::nft(rule),
        covered: None,
        honest_bound: None,
        why: None,
        dry_run: false,
    }
}
