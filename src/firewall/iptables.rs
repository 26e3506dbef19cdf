// SPDX-License-Identifier: GPL-2.0-only
//! Reads what `iptables-save` and `ip6tables-save` print, of either backend.

mod matches;
mod targets;
mod words;

use std::collections::HashMap;

use super::Family;
use super::ipset::Sets;
use super::rules::{Base, Chain, Hook, Rule, Ruleset, Step, UNCLEAR};
use words::{Clause, clauses, words};

/// One tool's output.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Saved {
    pub family: Family,
    /// Of the older backend, whose tables nft does not show.
    pub is_legacy: bool,
    pub text: String,
}

/// Where a rule stands.
struct Context<'a> {
    family: Family,
    /// Of this rule alone.
    place: String,
    sets: &'a Sets,
    /// All rules.
    text: &'a str,
    /// Of this table.
    chains: &'a HashMap<String, usize>,
}

impl Saved {
    /// Whether this is what nft shows as a chain of its own. Here it is better understood.
    pub fn has_base_chain(&self, family: &str, table: &str, chain: &str) -> bool {
        if self.is_legacy || family != if self.family == Family::V4 { "ip" } else { "ip6" } {
            return false;
        }
        let mut current = "";
        self.text.lines().any(|line| {
            if let Some(name) = line.strip_prefix('*') {
                current = name.trim();
            }
            let mut declared = line.strip_prefix(':').unwrap_or_default().split_whitespace();
            current == table && declared.next() == Some(chain) && declared.next() != Some("-")
        })
    }

    /// Adds the chains to the others.
    pub fn add_to(&self, rules: &mut Ruleset, sets: &Sets) {
        let mut table = "";
        let mut chains = HashMap::new();
        for (number, line) in self.text.lines().map(str::trim).enumerate() {
            if let Some(name) = line.strip_prefix('*') {
                table = name;
                chains.clear();
            } else if let Some(declared) = line.strip_prefix(':') {
                let mut declared = declared.split_whitespace();
                let name = declared.next().unwrap_or_default();
                let base = base(self.family, table, name, declared.next().unwrap_or("-"));
                chains.insert(name.to_string(), rules.chains.len());
                let shown = self.show(table, name);
                rules.chains.push(Chain { name: shown, rules: Vec::new(), base });
            } else if let Some((chain, rule)) = appended(line) {
                let place = format!("{:?} {table} {number}", self.family);
                let context =
                    Context { family: self.family, place, sets, text: &self.text, chains: &chains };
                let steps = context.steps(&rule);
                if let Some(&at) = chains.get(&chain) {
                    rules.chains[at].rules.push(Rule { text: line.into(), steps });
                }
            }
        }
    }

    fn show(&self, table: &str, chain: &str) -> String {
        let tool = if self.family == Family::V4 { "iptables" } else { "ip6tables" };
        format!("chain {chain} of table {table} of {tool}")
    }
}

/// The chain and the rest of an "-A" line, which may begin with counters.
fn appended(line: &str) -> Option<(String, Vec<String>)> {
    let line = match line.strip_prefix('[') {
        Some(counters) => counters.split_once(']')?.1.trim_start(),
        None => line,
    };
    let mut words = words(line.strip_prefix("-A ")?).into_iter();
    Some((words.next()?, words.collect()))
}

fn base(family: Family, table: &str, chain: &str, policy: &str) -> Option<Base> {
    if policy == "-" {
        return None;
    }
    let hook = match chain {
        "PREROUTING" => Hook::Prerouting,
        "INPUT" => Hook::Input,
        "OUTPUT" => Hook::Output,
        "POSTROUTING" => Hook::Postrouting,
        _ => return None,
    };
    let priority = match (table, hook) {
        ("raw", _) => -300,
        ("mangle", _) => -150,
        ("nat", Hook::Prerouting | Hook::Output) => -100,
        ("nat", _) => 100,
        ("security", _) => 50,
        _ => 0,
    };
    Some(Base {
        hook,
        priority,
        is_nat: table == "nat",
        accepts: policy == "ACCEPT",
        family: Some(family),
        is_bridge: false,
        devices: Vec::new(),
        is_doubtful: false,
    })
}

impl Context<'_> {
    fn steps(&self, rule: &[String]) -> Vec<Step> {
        let Some(clauses) = clauses(rule) else { return vec![Step::End(UNCLEAR)] };
        let mut steps = Vec::new();
        for clause in &clauses {
            steps.extend(match clause {
                Clause::Match { module, options } => self.module(module, options),
                Clause::Target { name, is_goto, options } => self.target(name, *is_goto, options),
            });
        }
        steps
    }
}
