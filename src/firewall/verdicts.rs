// SPDX-License-Identifier: GPL-2.0-only
//! The answers for all ports at once.

use std::collections::BTreeSet;
use std::ops::RangeInclusive;

use super::rules::{Item, Key, Operand, Ruleset, Step, Test};
use super::{Family, Judge, Reason};

/// Rules looked at for all ports of a family. It takes some seconds.
const PATIENCE: usize = 50_000_000;

/// A judge's answers for each port of each family.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Verdicts {
    v4: Vec<Answer>,
    v6: Vec<Answer>,
}

/// For ports in a row, in order.
type Answer = (RangeInclusive<u16>, Result<(), Reason>);

impl Verdicts {
    /// Asks for one port of each kind: ports that no rule tells apart fare the same.
    pub fn of(judge: &Judge) -> Self {
        let ranges = ranges(&judge.rules);
        let answers = |family| {
            let mut spent = 0;
            let mut answers: Vec<Answer> = Vec::new();
            for range in &ranges {
                let answer = match spent < PATIENCE {
                    true => judge.ask(*range.start(), family, &mut spent),
                    false => Err(Reason::new("the rules are too many to follow them for each port")),
                };
                match answers.last_mut() {
                    Some((ports, same)) if *same == answer => *ports = *ports.start()..=*range.end(),
                    _ => answers.push((range.clone(), answer)),
                }
            }
            answers
        };
        Self { v4: answers(Family::V4), v6: answers(Family::V6) }
    }

    /// Whether clients of the port fare the same if they are challenged. Fails with the rule that is in
    /// the way.
    pub fn challengeable(&self, port: u16, family: Family) -> Result<(), &Reason> {
        let answers = self.all(family);
        let at = answers.partition_point(|(ports, _)| *ports.end() < port);
        answers.get(at).map_or(Ok(()), |(_, answer)| answer.as_ref().copied())
    }

    /// Ports that are not challengeable, in order, with the reason.
    pub fn obstacles(&self, family: Family) -> impl Iterator<Item = (&RangeInclusive<u16>, &Reason)> {
        self.all(family).iter().filter_map(|(ports, answer)| Some((ports, answer.as_ref().err()?)))
    }

    fn all(&self, family: Family) -> &[Answer] {
        match family {
            Family::V4 => &self.v4,
            Family::V6 => &self.v6,
        }
    }
}

/// All ports, cut where a rule may begin to treat them otherwise.
fn ranges(rules: &Ruleset) -> Vec<RangeInclusive<u16>> {
    let mut begins = BTreeSet::from([0]);
    for step in rules.chains.iter().flat_map(|chain| &chain.rules).flat_map(|rule| &rule.steps) {
        match step {
            Step::Test(Test::In { operands, elements, .. }) => {
                elements.iter().for_each(|element| cut(&mut begins, operands, element));
            }
            Step::Map { operands, entries } => {
                entries.iter().for_each(|(element, _)| cut(&mut begins, operands, element));
            }
            _ => {}
        }
    }
    let ends = begins.iter().skip(1).map(|begin| begin - 1).chain([u16::MAX]);
    begins.iter().zip(ends).map(|(&begin, end)| begin..=end).collect()
}

fn cut(begins: &mut BTreeSet<u16>, operands: &[Operand], element: &[Item]) {
    for (operand, item) in operands.iter().zip(element) {
        let Item::Range(low, high) = item else { continue };
        match (&operand.key, operand.mask) {
            (Key::SourcePort | Key::DestinationPort | Key::CtPort, None) => {
                let after = high.checked_add(1);
                let cuts = [Some(*low), after].into_iter().flatten();
                begins.extend(cuts.filter_map(|port| u16::try_from(port).ok()));
            }
            // Bits of ports: each may differ from the next.
            (Key::SourcePort | Key::DestinationPort | Key::CtPort, Some(_))
            | (Key::TcpHeader { offset: 0..32, .. }, _) => begins.extend(0..=u16::MAX),
            _ => {}
        }
    }
}
