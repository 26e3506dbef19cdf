// SPDX-License-Identifier: GPL-2.0-only
//! One rule for a tool that changes a field every few seconds.
//!
//! A rule is closed over what was refused in two seconds. A tool that keeps a field for longer and then changes it
//! leaves it behind, and a rule for the next value would come too late again. So where a rule that was found is one
//! in use but for a field or two, both give way to what they have in common.

use super::Found;
use super::honest::Honest;
use crate::learn::answered::Known;
use crate::learn::evidence::evidence;
use crate::learn::field::fields;
use crate::learn::rule::Rule;
use crate::learn::syn::{OPTIONS, SYN_LEN, Syn};

/// Rules that differ in more fields are of two tools.
const MAX_FIELDS: usize = 2;

/// What a rule has in common with one in use, if that spares honest clients as a rule must.
pub fn widened(found: &Found, in_use: &[Rule], refused: &[Syn], answered: &[Known]) -> Option<Found> {
    let example = refused.iter().find(|syn| found.rule.matches(syn))?;
    let family = found.rule.family;
    let honest = Honest::new(answered, family, in_use);
    // By evidence alone it must spare them, as the search does.
    let mut alone = Honest::new(answered, family, &[]);
    honest.unheard().into_iter().for_each(|network| alone.silence(network));
    in_use.iter().find_map(|other| {
        let rule = without_differences(&found.rule, other)?;
        let covered =
            refused.iter().filter(|syn| rule.matches(syn)).count() as f64 / refused.len() as f64;
        let wide = Found { rule, covered, hits: honest.hits(&rule), bound: honest.bound(&rule) };
        (honest.are_spared_by(&rule) && alone.are_spared_by(&evident(&rule, example))).then_some(wide)
    })
}

/// The rule without the fields in which the other demands something else: what the next value of a number has in
/// common with the last two, nobody knows. None: they are the same, or of two tools.
fn without_differences(one: &Rule, other: &Rule) -> Option<Rule> {
    let differs = |at: &usize| (one.mask[*at], one.value[*at]) != (other.mask[*at], other.value[*at]);
    let numbers = fields(one.family).iter().map(|field| field.at..field.at + field.length);
    let places = numbers.chain((OPTIONS..SYN_LEN).map(|at| at..at + 1));
    let different: Vec<_> = places.filter(|place| place.clone().any(|at| differs(&at))).collect();
    let mut rule = *one;
    for place in &different {
        rule.mask[place.clone()].fill(0);
        rule.value[place.clone()].fill(0);
    }
    let is_one_tool = one.family == other.family && (1..=MAX_FIELDS).contains(&different.len());
    is_one_tool.then_some(rule)
}

/// What a rule demands of bytes that are evidence in a SYN that it matches.
fn evident(rule: &Rule, example: &Syn) -> Rule {
    let evident = evidence(example);
    let offsets = (0..SYN_LEN).filter(|at| evident.contains(*at));
    offsets.fold(Rule::any(rule.family), |kept, at| kept.with(at, rule.mask[at], rule.value[at]))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::learn::search::{MAX_BOUND, search};
    use crate::learn::syn::{PORT, SEQUENCE};
    use crate::learn::tools::{Maker, apart, honest, hping3, linux, set, zmap};

    fn found(kind: impl Fn(&mut Maker) -> Syn, answered: &[Known]) -> (Found, Vec<Syn>) {
        let refused = Maker::many(2, 1000, kind);
        (search(&refused, answered, &[], &|_| false).remove(0), refused)
    }

    #[test]
    fn a_field_that_changes_is_no_longer_demanded() {
        let answered = apart(&Maker::many(1, 8192, honest));
        let at_port = |port| {
            move |maker: &mut Maker| {
                let mut syn = hping3(maker);
                set(&mut syn, PORT, port);
                syn
            }
        };
        let (first, _) = found(at_port(80), &answered);
        let (second, refused) = found(at_port(443), &answered);
        let wide = widened(&second, &[first.rule], &refused, &answered).unwrap();
        assert!(first.rule.implies(&wide.rule) && second.rule.implies(&wide.rule));
        assert!(wide.bound < MAX_BOUND && wide.covered == 1.0, "{wide:?}");
        assert!(Maker::many(4, 500, at_port(22)).iter().all(|syn| wide.rule.matches(syn)));
    }

    #[test]
    fn two_tools_are_not_made_one() {
        let answered = apart(&Maker::many(1, 8192, honest));
        let (first, _) = found(hping3, &answered);
        let (second, refused) = found(zmap, &answered);
        assert_eq!(widened(&second, &[first.rule], &refused, &answered), None);
        assert_eq!(widened(&second, &[second.rule], &refused, &answered), None);
    }

    /// Without the number that changes it would be a copy of honest hosts, who come for a new port.
    #[test]
    fn what_honest_clients_have_is_not_widened_to() {
        let answered = apart(&Maker::many(1, 8192, honest));
        let with_number = |number: u8| {
            move |maker: &mut Maker| {
                let mut syn = linux(maker);
                syn.bytes[SEQUENCE..SEQUENCE + 4].fill(number);
                set(&mut syn, PORT, 9);
                syn
            }
        };
        let (first, _) = found(with_number(7), &answered);
        let (second, refused) = found(with_number(8), &answered);
        assert_eq!(widened(&second, &[first.rule], &refused, &answered), None);
    }
}
