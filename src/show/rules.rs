// SPDX-License-Identifier: GPL-2.0-only
//! The rules of running instances, as values and as text.

use std::io::{self, Write};
use std::time::Duration;

use serde::Serialize;

use super::model::InterfaceMode;
use super::text;
use super::units::{age, count, maybe_seconds, percent, seconds};
use crate::learn::life::State;

/// The whole of `rule list --json`.
#[derive(Debug, Serialize)]
pub struct Rules {
    pub instances: Vec<OfInstance>,
}

#[derive(Debug, Serialize)]
pub struct OfInstance {
    pub program_id: u32,
    pub interfaces: Vec<InterfaceMode>,
    /// Without a process that looks after the interfaces rules say nothing.
    pub is_looked_after: bool,
    pub rules: Vec<Rule>,
}

/// A rule that SYNs are judged by.
#[derive(Debug, Clone, Serialize)]
pub struct Rule {
    /// From 1.
    pub number: usize,
    pub stage: Stage,
    pub origin: Origin,
    /// As people read it.
    pub words: String,
    /// As `rule add` takes it.
    pub rule: String,
    /// As tcpdump takes it.
    pub tcpdump: String,
    /// As nft takes it. null: it cannot say it.
    pub nft: Option<String>,
    /// What the learner knew when it found the rule. null: it did not.
    pub found: Option<Found>,
    #[serde(flatten)]
    pub counts: Counts,
    /// null: there was no match.
    #[serde(rename = "last_match_s", serialize_with = "maybe_seconds")]
    pub last_match: Option<Duration>,
    #[serde(rename = "age_s", serialize_with = "seconds")]
    pub age: Duration,
    /// The time for which it still counts. null: no time ends it.
    #[serde(rename = "left_s", serialize_with = "maybe_seconds")]
    pub left: Option<Duration>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Stage {
    /// What it matches is counted, and judged as if there were no rule.
    Watched,
    /// What it matches is dropped.
    InForce,
}

impl Stage {
    pub const ALL: [Self; 2] = [Self::Watched, Self::InForce];

    pub fn name(self) -> &'static str {
        match self {
            Self::Watched => "watched",
            Self::InForce => "in force",
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Origin {
    Learned,
    Added,
}

#[derive(Debug, Clone, Copy, Serialize)]
pub struct Found {
    /// The share of the refused SYNs that it matched, 0 to 1.
    pub covered: f64,
    /// SYNs of honest clients that it matched.
    pub honest_hits: u32,
    /// The share of honest clients that it matches at most, 0 to 1.
    pub honest_bound: f64,
}

/// SYNs.
#[derive(Debug, Clone, Copy, Serialize)]
pub struct Counts {
    pub matched: u64,
    pub dropped: u64,
    /// Not dropped, to see whether they are answered.
    pub canaries: u64,
    /// Not dropped, as a client repeats a SYN of which it hears nothing.
    pub repeated: u64,
    /// Not dropped, as their source had connected lately.
    pub spared: u64,
    /// Connections that came of those that were not dropped.
    pub answered: u64,
}

pub fn write(out: &mut impl Write, rules: &Rules) -> io::Result<()> {
    for instance in &rules.instances {
        let interfaces = text::interfaces(&instance.interfaces);
        writeln!(out, "{interfaces}: {}", in_short(&instance.rules))?;
        if !instance.is_looked_after && !instance.rules.is_empty() {
            writeln!(
                out,
                "no process looks after it: after five seconds without one, rules drop nothing"
            )?;
        }
        instance.rules.iter().try_for_each(|rule| write_rule(out, rule))?;
    }
    Ok(())
}

/// "2 rules in force, 1 watched"
pub fn in_short(rules: &[Rule]) -> String {
    let of = |stage| rules.iter().filter(|rule| rule.stage == stage).count();
    let (watched, in_force) = (of(Stage::Watched), of(Stage::InForce));
    match (in_force, watched) {
        (0, 0) => "no rule".into(),
        (0, watched) => format!("{} watched", rules_of(watched)),
        (in_force, 0) => format!("{} in force", rules_of(in_force)),
        (in_force, watched) => format!("{} in force, {watched} watched", rules_of(in_force)),
    }
}

/// What the learner is at. At most 87 bytes, for `struct run_info`. `lost`: lessons that the program could not tell.
pub fn learner(state: State, lost: u64) -> String {
    let lost = if lost == 0 { String::new() } else { format!(", {} lessons lost", count(lost)) };
    state_in_words(state) + &lost
}

fn state_in_words(state: State) -> String {
    match state {
        State::Starting => "starts".into(),
        State::Off => "off".into(),
        State::StillLearning { answered, needed } => {
            format!("still learning ({answered} of {needed} SYNs of honest clients)")
        }
        State::Peace => "watching".into(),
        State::Gathering { .. } => "gathering the SYNs of a flood".into(),
        State::NothingInCommon => "no rule for what is refused: it looks like honest SYNs".into(),
        State::Ruling => "has found rules".into(),
    }
}

fn rules_of(count: usize) -> String {
    format!("{count} rule{}", if count == 1 { "" } else { "s" })
}

fn write_rule(out: &mut impl Write, rule: &Rule) -> io::Result<()> {
    let Counts { matched, dropped, canaries, repeated, spared, answered } = rule.counts;
    let origin = match rule.origin {
        Origin::Learned => "learned",
        Origin::Added => "added",
    };
    let last = rule.last_match.map_or(String::new(), |last| format!(", last {} ago", age(last)));
    writeln!(out, "rule {:<4}{}", rule.number, rule.words)?;
    writeln!(out, "         {}, {origin} {} ago{}", rule.stage.name(), age(rule.age), ends(rule))?;
    writeln!(out, "         {matched} SYNs matched{last}: {dropped} dropped")?;
    if rule.stage == Stage::InForce || dropped > 0 {
        writeln!(
            out,
            "         let through: {canaries} as canaries, {repeated} repeated, {spared} of clients that connected lately"
        )?;
    }
    writeln!(out, "         {answered} of those that were not dropped answered")?;
    if let Some(found) = rule.found {
        writeln!(
            out,
            "         found in {} of the flood; honest hits {}, {:.3} % at most of all honest SYNs",
            percent(found.covered),
            found.honest_hits,
            100.0 * found.honest_bound
        )?;
    }
    writeln!(out, "         spec {}", rule.rule)
}

fn ends(rule: &Rule) -> String {
    match (rule.left, rule.origin) {
        (Some(left), _) => format!(", for {} more", age(left)),
        (None, Origin::Added) => ", until removed".into(),
        (None, Origin::Learned) => ", until nothing has matched it for 30 s".into(),
    }
}

/// "rule 1 (in force) win 512, no options: 120 matched, 118 dropped"
pub fn line(rule: &Rule) -> String {
    let Counts { matched, dropped, answered, .. } = rule.counts;
    let stage = rule.stage.name();
    let answered = if answered == 0 { String::new() } else { format!(", {answered} answered") };
    format!(
        "rule {} ({stage}) {}: {matched} matched, {dropped} dropped{answered}",
        rule.number, rule.words
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rule(number: usize, stage: Stage) -> Rule {
        Rule {
            number,
            stage,
            origin: Origin::Added,
            words: "win 512".into(),
            rule: "ipv4,window=512".into(),
            tcpdump: String::new(),
            nft: None,
            found: None,
            counts: Counts {
                matched: 130,
                dropped: 120,
                canaries: 3,
                repeated: 4,
                spared: 3,
                answered: 2,
            },
            last_match: Some(Duration::from_secs(3)),
            age: Duration::from_secs(60),
            left: None,
        }
    }

    #[test]
    fn rules_are_counted_in_short() {
        let (watched, in_force) = (rule(1, Stage::Watched), rule(2, Stage::InForce));
        assert_eq!(in_short(&[]), "no rule");
        assert_eq!(in_short(std::slice::from_ref(&watched)), "1 rule watched");
        assert_eq!(in_short(&[in_force.clone(), in_force.clone()]), "2 rules in force");
        assert_eq!(in_short(&[watched, in_force]), "1 rule in force, 1 watched");
    }

    #[test]
    fn the_learner_says_what_it_missed() {
        assert_eq!(learner(State::Ruling, 0), "has found rules");
        assert_eq!(learner(State::Ruling, 12_345), "has found rules, 12.3k lessons lost");
        assert!(learner(State::NothingInCommon, u64::MAX).len() <= 87);
    }

    #[test]
    fn a_rule_tells_what_became_of_its_syns() {
        let mut out = Vec::new();
        write_rule(&mut out, &rule(9, Stage::InForce)).unwrap();
        let expected = "rule 9   win 512\n         in force, added 60s ago, until removed\n         130 SYNs matched, \
                        last 3.0s ago: 120 dropped\n         let through: 3 as canaries, 4 repeated, 3 of clients that \
                        connected lately\n         2 of those that were not dropped answered\n         spec \
                        ipv4,window=512\n";
        assert_eq!(String::from_utf8(out).unwrap(), expected);
        let told = "rule 9 (watched) win 512: 130 matched, 120 dropped, 2 answered";
        assert_eq!(line(&rule(9, Stage::Watched)), told);
    }
}
