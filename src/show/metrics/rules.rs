// SPDX-License-Identifier: GPL-2.0-only
//! The families of the rules. A rule's label is its number, of which there are 16: what it matches has no bound.

use std::fmt::Error;

use super::families::Families;
use crate::show::rules::{Counts, Origin, Rule, Stage};

pub(super) fn encode(rules: &[Rule], out: &mut Families<'_>) -> Result<(), Error> {
    let of = |stage| rules.iter().filter(|rule| rule.stage == stage).count() as u64;
    out.gauge(
        "rules",
        "Rules that SYNs are judged by, by their stage.",
        Stage::ALL.map(|stage| ([("stage", name(stage))], of(stage))),
    )?;
    let numbers: Vec<_> = rules.iter().map(|rule| (rule.number.to_string(), rule)).collect();
    out.info(
        "rule",
        "The rule that has a number now: what it matches, and whether it was learned or added.",
        numbers.iter().map(|(number, rule)| {
            let origin = match rule.origin {
                Origin::Learned => "learned",
                Origin::Added => "added",
            };
            [("rule", number.as_str()), ("words", &rule.words), ("origin", origin)]
        }),
    )?;
    let counts = |value: fn(&Counts) -> u64| {
        numbers.iter().map(move |(number, rule)| ([("rule", number.as_str())], value(&rule.counts)))
    };
    out.counter(
        "rule_matched_syns",
        "SYNs that the rule has matched, since it has its number.",
        counts(|counts| counts.matched),
    )?;
    out.counter(
        "rule_dropped_syns",
        "Those of them that were dropped.",
        counts(|counts| counts.dropped),
    )?;
    out.counter(
        "rule_answered_syns",
        "Those of them that were not dropped, and that a connection came of: honest clients look like that too.",
        counts(|counts| counts.answered),
    )
}

fn name(stage: Stage) -> &'static str {
    match stage {
        Stage::Watched => "watched",
        Stage::InForce => "in_force",
    }
}
