// SPDX-License-Identifier: GPL-2.0-only
//! One rule for several tools demands only what all of them share, and so spares fewer honest clients than it could.
//! Where what it matches falls into a few kinds, each kind gets a rule of its own.

use super::counts::{Counts, LITERALS, Literal};
use super::{CLOSURE, Kept, Search};
use crate::learn::rule::Rule;

/// More kinds than these, and it is one tool that draws a field by lot.
const MAX_KINDS: usize = 4;
/// Each kind must share so many bytes beside the one that tells the kinds apart: else it is one tool that alternates.
const MIN_GAIN: usize = 2;

impl<'a> Search<'a> {
    /// The rule, or up to `room` rules, each closed, that together match what it matches, but for what closing may
    /// give up.
    pub(super) fn split(&self, rule: Rule, room: usize) -> Vec<Rule> {
        let mut done = Vec::new();
        let mut open = vec![rule];
        while let Some(rule) = open.pop() {
            let room = room - done.len() - open.len();
            match self.kinds(&rule, room) {
                Some(kinds) => open.extend(kinds),
                None => done.push(rule),
            }
        }
        done.into_iter().map(Rule::without_padding).collect()
    }

    /// The best way to part what a rule matches, if there is one.
    fn kinds(&self, rule: &Rule, room: usize) -> Option<Vec<Rule>> {
        let matched: Kept<'a> =
            self.left.iter().filter(|(syn, _)| rule.matches(syn)).copied().collect();
        let evident = Counts::of_evident(&matched);
        let ways = LITERALS.into_iter().filter_map(|part| {
            let mut literals = evident.most_frequent(part, room.min(MAX_KINDS) + 1).into_iter();
            let literals: Vec<_> = literals.by_ref().map(|value| Literal { part, value }).collect();
            let counts = literals.iter().map(|literal| evident.get(*literal));
            let large = counts.take_while(|count| self.is_enough(*count)).collect::<Vec<_>>();
            let is_all = large.iter().sum::<usize>() as f64 >= CLOSURE * matched.len() as f64;
            let fits = (2..=room.min(MAX_KINDS)).contains(&large.len());
            (is_all && fits).then(|| literals[..large.len()].to_vec())
        });
        let closed = ways.filter_map(|literals| self.close_each(rule, &literals));
        closed.max_by_key(|(gain, _)| *gain).map(|(_, kinds)| kinds)
    }

    /// How many bytes the poorest kind gains, and the kinds.
    fn close_each(&self, rule: &Rule, literals: &[Literal]) -> Option<(usize, Vec<Rule>)> {
        let fixed = |rule: &Rule| rule.mask.iter().filter(|mask| **mask == u8::MAX).count();
        let kinds: Vec<Rule> =
            literals.iter().map(|literal| self.close(literal.add_to(*rule))).collect();
        let is_enough =
            |kind: &Rule| self.is_enough(self.left.iter().filter(|(syn, _)| kind.matches(syn)).count());
        let gain = kinds.iter().map(fixed).min()?.checked_sub(fixed(rule) + 1)?;
        (gain >= MIN_GAIN && kinds.iter().all(is_enough)).then_some((gain, kinds))
    }
}
