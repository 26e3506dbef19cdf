// SPDX-License-Identifier: GPL-2.0-only
//! What one rule says of a packet.

use std::collections::BTreeSet;

use crate::firewall::Facts;
use crate::firewall::packet::{Kind, Origin, Packet, Value, compare_all};
use crate::firewall::rules::{Item, Key, Operand, Rule, Step, Test, Verdict};
use crate::firewall::worlds::in_order;

use super::passage::Passage;
use super::{Life, Walker};

impl Walker<'_> {
    pub(super) fn rule(
        &mut self,
        life: &mut Life,
        packet: &mut Packet,
        passage: &mut Passage,
        rule: &Rule,
    ) -> Verdict {
        for step in &rule.steps {
            match step {
                Step::Test(Test::Limiter(name)) => {
                    if !self.limiter(life, packet, name) {
                        return Verdict::Continue;
                    }
                }
                Step::Test(Test::In { operands, elements, negate, if_absent }) => {
                    let is_in = match is_absent(operands, packet, self.facts) {
                        true => *if_absent,
                        false => self.is_in(life, packet, operands, elements) != *negate,
                    };
                    if !is_in {
                        return Verdict::Continue;
                    }
                }
                Step::Map { operands, entries } => {
                    if is_absent(operands, packet, self.facts) {
                        return Verdict::Continue;
                    }
                    for (element, verdict) in entries {
                        if self.is_in(life, packet, operands, std::slice::from_ref(element)) {
                            return verdict.clone();
                        }
                    }
                }
                Step::Reads(..) => {}
                Step::Do(action) => passage.act(life, packet, action),
                Step::End(verdict) => return verdict.clone(),
            }
        }
        Verdict::Continue
    }

    fn limiter(&mut self, life: &mut Life, packet: &Packet, name: &str) -> bool {
        let asked = life.asked.entry(name.into()).or_default();
        asked.0 += 1;
        asked.1 |= life.sent > 3 || packet.kind == Kind::Reply;
        match self.fickle.contains(name) {
            true => self.worlds.assume((name, life.begins_with_syn, life.sent)),
            false => self.worlds.assume(("limiter", name)),
        }
    }

    /// Whether the operands are one of the elements.
    fn is_in(
        &mut self,
        life: &Life,
        packet: &Packet,
        operands: &[Operand],
        elements: &[Vec<Item>],
    ) -> bool {
        // A long set takes longer than a rule.
        self.spent += elements.len() / 64;
        let values = packet.values(operands, self.facts);
        // Elements that the packet may be, by what is unknown.
        let mut possible: Vec<Vec<&Item>> = Vec::new();
        let mut unknown = BTreeSet::new();
        for element in elements {
            let Some(answers) = compare_all(&values, operands, element) else { continue };
            if answers.iter().all(|answer| *answer == Some(true)) {
                return true;
            }
            unknown.extend((0..answers.len()).filter(|&at| answers[at].is_none()));
            possible.push(element.iter().collect());
        }
        if possible.is_empty() {
            return false;
        }
        if let (1, [Value::Client], None) = (operands.len(), &values[..], operands[0].mask) {
            let ranges = possible.iter().map(|element| match element[0] {
                Item::Range(low, high) => Some((*low, *high)),
                _ => None,
            });
            if let Some(ranges) = ranges.collect::<Option<Vec<_>>>() {
                return self.worlds.client_in(&in_order(ranges));
            }
        }
        let origin = unknown.iter().map(|&at| operands[at].key.origin()).max();
        let question: Vec<_> = (operands.iter().enumerate())
            .filter(|(at, _)| unknown.contains(at))
            .map(|(_, operand)| (seen_from_client(&operand.key, packet.kind), operand.mask))
            .collect();
        match origin {
            Some(Origin::History) => {
                self.worlds.assume((question, possible, life.begins_with_syn, life.sent))
            }
            Some(Origin::Packet) => self.worlds.assume((question, possible, packet.kind)),
            _ => self.worlds.assume((question, possible)),
        }
    }
}

/// The same question for both directions.
fn seen_from_client(key: &Key, kind: Kind) -> Key {
    match key {
        Key::Destination(family) if !kind.is_from_client() => Key::Source(*family),
        Key::Source(family) if !kind.is_from_client() => Key::Destination(*family),
        Key::DestinationPort if !kind.is_from_client() => Key::SourcePort,
        key => key.clone(),
    }
}

fn is_absent(operands: &[Operand], packet: &Packet, facts: &Facts) -> bool {
    operands.iter().any(|operand| packet.value(&operand.key, facts) == Value::Absent)
}
