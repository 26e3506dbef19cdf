// SPDX-License-Identifier: GPL-2.0-only
//! From two samples to rules: what refused SYNs have in common and answered ones have not.
//!
//! A rule is a conjunction of literals: one byte, or the top bits of one, has one value. The literal that spares
//! most answered SYNs for each refused one that it gives up is added first, until the bound of what all rules
//! together do to honest clients is low enough. Only what is [`evidence`] is chosen so. Then the rule is closed:
//! whatever the refused SYNs that match it share is demanded too. So it matches no more than was seen.

mod counts;
mod honest;
mod split;
mod widen;

use super::answered::Known;
use super::evidence::{Offsets, evidence};
use super::rule::Rule;
use super::syn::{Family, Syn};
use counts::{Counts, LITERALS, Literal, is_mss};
use honest::Honest;
pub use widen::widened;

/// Fewer refused SYNs that no rule in use matches give no rule.
pub const MIN_REFUSED: usize = 200;
/// Fewer answered SYNs of its family give no rule.
pub const MIN_ANSWERED: usize = 500;
/// What all rules together may do to honest clients: the upper bound of the share of answered SYNs that they match.
/// Fewer than about 3,000 answered SYNs cannot show so little: there, rules may match none of them, which is the
/// most that so few can show. [`Found::bound`] tells.
pub const MAX_BOUND: f64 = 0.001;
/// Of the refused SYNs of its family that no rule before it matches, a rule must match this share.
pub const MIN_OF_LEFT: f64 = 0.1;
/// Of all refused SYNs it must match this share: for less, no honest client is to fall under a rule by mistake.
pub const MIN_OF_ALL: f64 = 0.01;
/// Of fewer SYNs too much is the same by chance.
pub const MIN_MATCHED: usize = 20;
/// What is demanded of a rule beyond what tells floods from honest clients must keep this share of what it matched.
pub const CLOSURE: f64 = 0.999;
/// Learned rules in use at the same time.
pub const MAX_RULES: usize = 8;

/// For each literal, this many of its most frequent values are tried.
const VALUES_TRIED: usize = 3;
/// The price of a literal that gives up nothing, so that of several such the one that spares most is taken.
const LEAST_PRICE: f64 = 0.02;

/// A rule that was found.
#[derive(Debug, Clone, PartialEq)]
pub struct Found {
    pub rule: Rule,
    /// The share of the refused SYNs that it matches, 0 to 1.
    pub covered: f64,
    /// The answered SYNs that it matches.
    pub hits: usize,
    /// The upper bound, at [`CONFIDENCE`](super::bound::CONFIDENCE), of the share of answered SYNs of this family
    /// that it, those found before it and those in use match together, 0 to 1. Without those of one network, if no rule
    /// spares it.
    pub bound: f64,
}

/// The rules that match refused SYNs and, as far as the answered ones can show, no honest client. What a rule in
/// use matches needs no other. The one that covers most is not always first. None is barred.
pub fn search(
    refused: &[Syn],
    answered: &[Known],
    in_use: &[Rule],
    is_barred: &dyn Fn(&Rule) -> bool,
) -> Vec<Found> {
    let is_ruled = |syn: &Syn| in_use.iter().any(|rule| rule.matches(syn));
    let left: Vec<&Syn> = refused.iter().filter(|syn| !is_ruled(syn)).collect();
    if left.len() < MIN_REFUSED {
        return Vec::new();
    }
    let mut found = Vec::new();
    for family in Family::ALL {
        let honest = Honest::new(answered, family, in_use);
        let left = left.iter().filter(|syn| syn.family == family).map(|syn| (*syn, evidence(syn)));
        let room = MAX_RULES.saturating_sub(in_use.len() + found.len());
        if honest.are_enough() {
            let mut search = Search::new(family, refused.len(), honest, left.collect());
            search.run(room, is_barred, &mut found);
        }
    }
    found
}

/// How many of those that are left a rule must match.
fn least(left: usize, all: usize) -> usize {
    let of_left = (MIN_OF_LEFT * left as f64).ceil() as usize;
    let of_all = (MIN_OF_ALL * all as f64).ceil() as usize;
    of_left.max(of_all).max(MIN_MATCHED)
}

/// Refused SYNs, and which of their bytes are evidence.
type Kept<'a> = Vec<(&'a Syn, Offsets)>;

struct Search<'a> {
    family: Family,
    /// How many were refused, of both families.
    refused: usize,
    honest: Honest<'a>,
    /// Those refused that no rule in use matches.
    unruled: Vec<&'a Syn>,
    /// Those of them that no rule that was found matches either.
    left: Kept<'a>,
    /// Of which the next rule must match so many.
    least: usize,
}

impl<'a> Search<'a> {
    fn new(family: Family, refused: usize, honest: Honest<'a>, left: Kept<'a>) -> Self {
        let unruled = left.iter().map(|(syn, _)| *syn).collect();
        Self { family, refused, honest, unruled, left, least: 0 }
    }

    fn run(&mut self, mut room: usize, is_barred: &dyn Fn(&Rule) -> bool, found: &mut Vec<Found>) {
        while room > 0 {
            self.least = least(self.left.len(), self.refused);
            let Some((chosen, unheard)) = self.choose_for_all().or_else(|| self.choose_but_for_one())
            else {
                return;
            };
            let before = self.left.len();
            for rule in self.split(self.close(chosen), room) {
                // The SYNs of a rule that is barred are left to nobody: the search would find it again.
                let matched = self.take(&rule);
                if self.is_enough(matched) && !is_barred(&rule) {
                    found.push(self.accept(rule, matched, unheard));
                    room -= 1;
                }
            }
            if !self.is_enough(before - self.left.len()) {
                return;
            }
        }
    }

    /// How many refused SYNs that no other rule has matched this one matches.
    fn take(&mut self, rule: &Rule) -> usize {
        let before = self.left.len();
        self.left.retain(|(syn, _)| !rule.matches(syn));
        before - self.left.len()
    }

    /// `unheard`: the network that is not heard, if the rule needs that.
    fn accept(&mut self, rule: Rule, matched: usize, unheard: Option<u128>) -> Found {
        if let Some(network) = unheard.filter(|_| !self.honest.are_spared_by(&rule)) {
            self.honest.silence(network);
        }
        let (hits, bound) = (self.honest.hits(&rule), self.honest.bound(&rule));
        self.honest.note(&rule);
        Found { rule, covered: matched as f64 / self.refused as f64, hits, bound }
    }

    fn is_enough(&self, refused: usize) -> bool {
        refused >= self.least
    }

    fn choose_for_all(&self) -> Option<(Rule, Option<u128>)> {
        Some((self.choose(&|rule| self.honest.are_spared_by(rule))?, None))
    }

    /// What is worth that a network is not heard must be much of all that is refused. That network too.
    fn choose_but_for_one(&mut self) -> Option<(Rule, Option<u128>)> {
        if self.honest.unheard().is_some() {
            return None;
        }
        self.least = least(self.refused, self.refused);
        let chosen = self.choose(&|rule| self.honest.are_spared_but_for_one(rule).is_some())?;
        Some((chosen, self.honest.are_spared_but_for_one(&chosen)))
    }

    /// Literals, of evidence only, until enough of the answered SYNs are spared.
    fn choose(&self, is_spared_by: &dyn Fn(&Rule) -> bool) -> Option<Rule> {
        let mut rule = Rule::any(self.family);
        let mut spared_not: Vec<&Syn> = self.honest.all().iter().map(|known| &known.syn).collect();
        let mut matched = self.left.clone();
        // Rules before this one may have left a part of the MSS values that a program draws.
        let mut with_any_mss = self.unruled.clone();
        while !is_spared_by(&rule) {
            let literal = self.best(&matched, &spared_not, &with_any_mss)?;
            rule = literal.add_to(rule);
            matched.retain(|(syn, _)| literal.matches(syn));
            spared_not.retain(|syn| literal.matches(syn));
            with_any_mss.retain(|syn| is_mss(literal.part) || literal.matches(syn));
        }
        Some(rule)
    }

    fn best(
        &self,
        matched: &[(&Syn, Offsets)],
        spared_not: &[&Syn],
        with_any_mss: &[&Syn],
    ) -> Option<Literal> {
        let all = Counts::of(matched.iter().map(|(syn, _)| *syn));
        let evident = Counts::of_evident(matched);
        let honest = Counts::of(spared_not.iter().copied());
        let drawn = Counts::of(with_any_mss.iter().copied());
        let mut best: Option<(f64, Literal)> = None;
        for part in LITERALS {
            let said = if is_mss(part) { &all } else { &evident };
            for value in said.most_frequent(part, VALUES_TRIED) {
                let literal = Literal { part, value };
                let (refused, hit) = (all.get(literal), honest.get(literal));
                if is_mss(part) && !drawn.is_drawn(literal.range_of_mss())
                    || !self.is_enough(said.get(literal))
                    || hit == spared_not.len()
                {
                    continue;
                }
                let gain = ((spared_not.len() as f64 + 0.5) / (hit as f64 + 0.5)).ln();
                let price = LEAST_PRICE - (refused as f64 / matched.len() as f64).ln();
                if best.as_ref().is_none_or(|(score, _)| gain / price > *score) {
                    best = Some((gain / price, literal));
                }
            }
        }
        best.map(|(_, literal)| literal)
    }

    /// The rule with all that the refused SYNs that match it share. What costs least is added first, so that all
    /// of it together costs no more than [`CLOSURE`] allows.
    fn close(&self, chosen: Rule) -> Rule {
        let mut rule = chosen;
        let mut kept: Vec<&Syn> =
            self.left.iter().map(|(syn, _)| *syn).filter(|syn| rule.matches(syn)).collect();
        let least = (CLOSURE * kept.len() as f64).ceil() as usize;
        let counts = Counts::of(kept.iter().copied());
        let mut shared: Vec<(usize, Literal)> = LITERALS
            .into_iter()
            .flat_map(|part| {
                counts.most_frequent(part, 1).into_iter().map(move |value| Literal { part, value })
            })
            .map(|literal| (counts.get(literal), literal))
            .filter(|(count, _)| *count >= least)
            .collect();
        shared.sort_by_key(|(count, _)| std::cmp::Reverse(*count));
        for (_, literal) in shared {
            let with = kept.iter().filter(|syn| literal.matches(syn)).count();
            if with >= least {
                kept.retain(|syn| literal.matches(syn));
                rule = literal.add_to(rule);
            }
        }
        rule
    }
}

#[cfg(test)]
mod tests;
