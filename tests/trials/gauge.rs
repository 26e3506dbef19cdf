// SPDX-License-Identifier: GPL-2.0-only
//! What rules do to a flood while it goes on.

use std::collections::HashMap;
use std::fmt;
use std::thread;
use std::time::{Duration, Instant};

use lab::forger::Forger;
use lab::stacks::Crowd;

use crate::field::Field;
use crate::visitors::{Tally, Visitors};

/// Honest newcomers in a second of a flood.
const NEWCOMERS: u32 = 200;

/// From when on a flood is to be dropped, and until when it is looked at.
pub const FROM: f64 = 4.0;
pub const UNTIL: f64 = 10.0;

/// What came of a flood.
#[derive(Debug)]
pub struct Course {
    /// Until a rule dropped the first SYN, in seconds.
    pub first_drop: Option<f64>,
    /// Of the flood's SYNs from FROM to UNTIL, those that a rule in force matched.
    pub share: f64,
    /// SYNs of the flood in a second.
    pub rate: f64,
    /// The learner's share of a core.
    pub learner: f64,
    /// The memory of the process at most, in bytes.
    pub memory: u64,
    pub visitors: Tally,
    /// The rules that were in force in the end, in words.
    pub rules: Vec<String>,
    /// By seconds.
    pub shares: Vec<f64>,
}

/// A look at the rules.
struct Look {
    /// Since the flood began.
    at: f64,
    /// SYNs of the flood that the program has judged so far: on a busy machine some are lost on the wire.
    judged: u64,
    /// SYNs that rules in force have matched so far.
    matched: u64,
}

/// Adds up what rules count, as they come and go.
#[derive(Default)]
struct Count {
    of_rules: HashMap<String, u64>,
    matched: u64,
}

impl Count {
    /// What was dropped, and what a rule in force lets through by intent.
    fn look(&mut self, field: &Field) -> u64 {
        let rules = field.ask(&["rule", "list"]);
        for rule in rules["rules"].as_array().unwrap() {
            let counts = ["dropped", "canaries", "repeated"].map(|name| rule[name].as_u64().unwrap());
            let (now, key) = (counts.iter().sum(), format!("{} {}", rule["number"], rule["rule"]));
            let before = self.of_rules.insert(key, now).unwrap_or(0);
            // A rule that came again counts anew.
            self.matched += if now < before { now } else { now - before };
        }
        self.matched
    }
}

/// Lets a flood go on until [`UNTIL`], and as long as somebody waits who came until then.
pub fn observe(field: &Field, forger: Forger, newcomers: Crowd) -> Course {
    observe_until(field, forger, newcomers, UNTIL)
}

pub fn observe_until(field: &Field, forger: Forger, newcomers: Crowd, until: f64) -> Course {
    let begun = Instant::now();
    let visitors = Visitors::start(&field.place, newcomers, NEWCOMERS);
    let worked = field.learner_worked();
    let mut count = Count::default();
    let (mut looks, mut memory) = (Vec::new(), 0);
    while begun.elapsed().as_secs_f64() < until {
        let before = judged(field);
        let matched = count.look(field);
        let at = begun.elapsed().as_secs_f64();
        // The rules were looked at between the two.
        let judged = before.midpoint(judged(field)).saturating_sub(visitors.came());
        looks.push(Look { at, judged, matched });
        memory = memory.max(field.memory());
        // A look costs a process.
        thread::sleep(Duration::from_millis(if matched == 0 { 50 } else { 250 }));
    }
    let worked = field.learner_worked() - worked;
    let (took, sent) = (begun.elapsed().as_secs_f64(), forger.sent());
    let rules = field.ask(&["rule", "list"]);
    let visitors = visitors.finish();
    forger.stop();
    let in_force = rules["rules"].as_array().unwrap().iter().filter(|rule| rule["stage"] == "in_force");
    Course {
        first_drop: looks.iter().find(|look| look.matched > 0).map(|look| look.at),
        share: share(&looks, FROM, until),
        rate: sent as f64 / took,
        learner: worked.as_secs_f64() / took,
        memory,
        visitors,
        rules: in_force.map(|rule| rule["words"].as_str().unwrap().to_owned()).collect(),
        shares: (0..until as u32)
            .map(|from| share(&looks, f64::from(from), f64::from(from + 1)))
            .collect(),
    }
}

/// All SYNs so far.
fn judged(field: &Field) -> u64 {
    let dump = field.ask(&["--dump"]);
    let reasons = dump["reasons"].as_object().unwrap().iter();
    let of_syns = reasons.filter(|(reason, _)| {
        ["pass_", "challenge_", "drop_"].iter().any(|class| reason.starts_with(class))
    });
    of_syns.map(|(_, count)| count.as_u64().unwrap()).sum()
}

/// Between the looks that are next to these times.
fn share(looks: &[Look], from: f64, until: f64) -> f64 {
    let at = |time: f64| looks.iter().find(|look| look.at >= time).or(looks.last()).unwrap();
    let (from, until) = (at(from), at(until));
    (until.matched - from.matched) as f64 / (until.judged - from.judged).max(1) as f64
}

pub const HEAD: &str = "flood                 1st drop  matched 4-10 s  learner  honest clients";

/// A line of the table.
pub struct Row<'a>(pub &'a str, pub &'a Course);

impl fmt::Display for Row<'_> {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        let Self(name, course) = self;
        let first = course.first_drop.map_or("-".into(), |after| format!("{after:.2} s"));
        let (share, learner) = (course.share * 100.0, course.learner * 100.0);
        write!(f, "{name:22}{first:>8}{share:13.2} %{learner:7.1} %  {}", course.visitors)
    }
}
