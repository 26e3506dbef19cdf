// SPDX-License-Identifier: GPL-2.0-only
//! Leaves only the rules that packets of one port can match, and of those only the tests that are not
//! decided yet. A long list of rules like "this client may use this port" becomes one rule.

use super::packet::{Kind, Packet, Value, compare_all};
use super::rules::{Chain, Key, Rule, Ruleset, Step, Test};
use super::simplify::merge;
use super::{Facts, Family};

/// The rules for packets to the port, or from it.
pub fn narrow(
    rules: &Ruleset,
    facts: &Facts,
    (family, port): (Family, u16),
    from_client: bool,
) -> Ruleset {
    let packet = Packet::new(if from_client { Kind::Syn } else { Kind::SynAck }, family, port);
    let chains = rules.chains.iter().map(|chain| {
        let mut rules: Vec<Rule> =
            chain.rules.iter().filter_map(|rule| narrowed(rule, &packet, facts)).collect();
        merge(&mut rules);
        Chain { name: chain.name.clone(), rules, base: chain.base.clone() }
    });
    Ruleset { chains: chains.collect() }
}

/// None if no such packet matches.
fn narrowed(rule: &Rule, packet: &Packet, facts: &Facts) -> Option<Rule> {
    let decided: Vec<Option<bool>> =
        rule.steps.iter().map(|step| decide(step, packet, facts)).collect();
    // What stands before a test that fails may have changed something.
    let acts = |step: &Step| matches!(step, Step::Do(_) | Step::Map { .. });
    let end = decided.iter().position(|answer| *answer == Some(false));
    let kept = &rule.steps[..end.unwrap_or(rule.steps.len())];
    if end.is_some() && !kept.iter().any(acts) {
        return None;
    }
    let steps = kept.iter().zip(&decided).filter(|(_, answer)| answer.is_none());
    Some(Rule { text: rule.text.clone(), steps: steps.map(|(step, _)| step.clone()).collect() })
}

/// The outcome of a test that is the same for all packets of the port in this direction.
fn decide(step: &Step, packet: &Packet, facts: &Facts) -> Option<bool> {
    let Step::Test(Test::In { operands, elements, negate, if_absent }) = step else { return None };
    if !operands.iter().all(|operand| is_same_for_all(&operand.key)) {
        return None;
    }
    let values = packet.values(operands, facts);
    if values.contains(&Value::Absent) {
        return Some(*if_absent);
    }
    let mut is_in = Some(false);
    for element in elements {
        let Some(answers) = compare_all(&values, operands, element) else { continue };
        if answers.iter().all(|answer| *answer == Some(true)) {
            return Some(!negate);
        }
        is_in = None;
    }
    is_in.map(|is_in| is_in != *negate)
}

fn is_same_for_all(key: &Key) -> bool {
    matches!(
        key,
        Key::Protocol
            | Key::NfProto
            | Key::EtherType
            | Key::Source(_)
            | Key::Destination(_)
            | Key::SourcePort
            | Key::DestinationPort
            | Key::InInterface
            | Key::OutInterface
            | Key::SourceType
            | Key::DestinationType
            | Key::Ipsec
            | Key::Never
    )
}
