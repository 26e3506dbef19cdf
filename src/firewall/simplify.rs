// SPDX-License-Identifier: GPL-2.0-only
//! Leaves out what changes nothing, so that there are fewer worlds to look at.

use super::connection::Memories;
use super::rules::{Action, Base, Chain, Item, Key, Rule, Ruleset, Step, Test, Verdict};

/// Sets and lists that rules look into.
pub fn memories(rules: &Ruleset) -> Memories {
    let mut memories = Memories::new();
    for step in rules.chains.iter().flat_map(|chain| &chain.rules).flat_map(|rule| &rule.steps) {
        if let Step::Reads(name, is_counted) = step {
            *memories.entry(name.clone()).or_default() |= is_counted;
        }
    }
    memories
}

/// `keeps_marks` if something beside the rules looks at marks.
pub fn simplify(rules: &mut Ruleset, memories: &Memories, keeps_marks: bool) {
    let keeps_marks = keeps_marks || rules.chains.iter().any(reads_marks);
    for rule in rules.chains.iter_mut().flat_map(|chain| &mut chain.rules) {
        rule.steps.retain(|step| match step {
            Step::Do(Action::SetMark(_) | Action::SetCtMark(_)) => keeps_marks,
            Step::Do(Action::Remember(name)) => memories.contains_key(name),
            Step::End(Verdict::Continue) => false,
            _ => true,
        });
    }
    // Each round may empty chains, which makes the jumps to them useless.
    loop {
        let empty: Vec<bool> = rules.chains.iter().map(|chain| chain.rules.is_empty()).collect();
        let before = count(rules);
        for chain in &mut rules.chains {
            shorten(chain, &empty);
        }
        if count(rules) == before {
            break;
        }
    }
    for chain in &mut rules.chains {
        merge(&mut chain.rules);
    }
}

fn count(rules: &Ruleset) -> usize {
    rules.chains.iter().map(|chain| chain.rules.len()).sum()
}

fn reads_marks(chain: &Chain) -> bool {
    chain.rules.iter().flat_map(|rule| &rule.steps).any(|step| match step {
        Step::Test(Test::In { operands, .. }) | Step::Map { operands, .. } => {
            operands.iter().any(|operand| matches!(operand.key, Key::Mark | Key::CtMark))
        }
        _ => false,
    })
}

fn shorten(chain: &mut Chain, empty: &[bool]) {
    for rule in &mut chain.rules {
        for step in &mut rule.steps {
            match step {
                Step::End(end @ Verdict::Jump(_)) if is_empty(end, empty) => *end = Verdict::Continue,
                Step::End(end @ Verdict::Goto(_)) if is_empty(end, empty) => *end = Verdict::Return,
                _ => {}
            }
        }
        rule.steps.retain(|step| !matches!(step, Step::End(Verdict::Continue)));
    }
    let acts = |step: &Step| matches!(step, Step::Map { .. } | Step::Do(_) | Step::End(_));
    chain.rules.retain(|rule| rule.steps.iter().any(acts));
    while chain.rules.last().is_some_and(|rule| is_as_the_end(rule, chain.base.as_ref())) {
        chain.rules.pop();
    }
}

fn is_empty(verdict: &Verdict, empty: &[bool]) -> bool {
    matches!(verdict, Verdict::Jump(target) | Verdict::Goto(target) if empty[*target])
}

/// Whether a last rule does what happens without it.
fn is_as_the_end(rule: &Rule, base: Option<&Base>) -> bool {
    let accepts = base.is_some_and(|base| base.accepts);
    rule.steps.iter().all(|step| match step {
        Step::Test(_) | Step::Reads(..) | Step::End(Verdict::Return) => true,
        Step::End(Verdict::Accept) => accepts,
        _ => false,
    })
}

/// Neighbours that differ only in the address they are for become one. Lists of many thousand
/// addresses are written as so many rules.
pub fn merge(rules: &mut Vec<Rule>) {
    let mut merged: Vec<Rule> = Vec::with_capacity(rules.len());
    for rule in rules.drain(..) {
        let place = merged.last_mut().and_then(|last| only_addresses(&mut last.steps));
        let mut steps = rule.steps.clone();
        match (place, only_addresses(&mut steps)) {
            (Some((key, end, all)), Some((other, verdict, more))) if key == other && end == verdict => {
                all.append(more);
            }
            _ => merged.push(rule),
        }
    }
    *rules = merged;
}

type AddressRule<'a> = (Key, Verdict, &'a mut Vec<Vec<Item>>);

/// What a rule does that looks at the client's address alone, and ends there.
fn only_addresses(steps: &mut [Step]) -> Option<AddressRule<'_>> {
    let [
        Step::Test(Test::In { operands, elements, negate: false, .. }),
        Step::End(end @ (Verdict::Accept | Verdict::Drop | Verdict::Return)),
    ] = steps
    else {
        return None;
    };
    let [operand] = &operands[..] else { return None };
    let is_address = matches!(operand.key, Key::Source(_)) && operand.mask.is_none();
    is_address.then(|| (operand.key.clone(), end.clone(), elements))
}
