// SPDX-License-Identifier: GPL-2.0-only
//! What is known of honest clients of one family, and whether rules spare them.
//!
//! One network alone prevents no rule: an attacker who completes a connection with the tool's own SYN would. So where no
//! rule can spare all networks, one of them is not heard: that which the rules hit most. What is said of rules is then
//! said by the others.

use std::collections::HashMap;

use super::{MAX_BOUND, MIN_ANSWERED};
use crate::learn::answered::Known;
use crate::learn::bound::upper_bound;
use crate::learn::rule::Rule;
use crate::learn::syn::Family;

pub struct Honest<'a> {
    known: Vec<&'a Known>,
    /// For each, whether a rule in use or one that was found matches it.
    hit: Vec<bool>,
    /// The network that is not heard.
    unheard: Option<u128>,
}

impl<'a> Honest<'a> {
    pub fn new(answered: &'a [Known], family: Family, in_use: &[Rule]) -> Self {
        let known: Vec<&Known> = answered.iter().filter(|known| known.syn.family == family).collect();
        let is_hit = |known: &&Known| in_use.iter().any(|rule| rule.matches(&known.syn));
        let hit = known.iter().map(is_hit).collect();
        let mut honest = Self { known, hit, unheard: None };
        if !is_allowed(honest.heard(None, None)) {
            honest.unheard = honest.most_hit(None);
        }
        honest
    }

    pub fn are_enough(&self) -> bool {
        self.known.len() >= MIN_ANSWERED
    }

    pub fn all(&self) -> &[&'a Known] {
        &self.known
    }

    pub fn unheard(&self) -> Option<u128> {
        self.unheard
    }

    /// From now on this network is not heard.
    pub fn silence(&mut self, network: u128) {
        self.unheard = Some(network);
    }

    /// How many of all a rule matches.
    pub fn hits(&self, rule: &Rule) -> usize {
        self.known.iter().filter(|known| rule.matches(&known.syn)).count()
    }

    /// The bound of what this rule does to them together with all before it.
    pub fn bound(&self, rule: &Rule) -> f64 {
        let (hits, heard) = self.heard(Some(rule), self.unheard);
        upper_bound(hits, heard)
    }

    /// Whether this rule may be one, with all before it.
    pub fn are_spared_by(&self, rule: &Rule) -> bool {
        is_allowed(self.heard(Some(rule), self.unheard))
    }

    /// Whether it may be one if one network is not heard. That one.
    pub fn are_spared_but_for_one(&self, rule: &Rule) -> Option<u128> {
        let most_hit = self.most_hit(Some(rule))?;
        is_allowed(self.heard(Some(rule), Some(most_hit))).then_some(most_hit)
    }

    pub fn note(&mut self, rule: &Rule) {
        self.hit.iter_mut().zip(&self.known).for_each(|(hit, known)| *hit |= rule.matches(&known.syn));
    }

    /// Without one network, how many this rule or one before it hits, and how many there are.
    fn heard(&self, rule: Option<&Rule>, unheard: Option<u128>) -> (usize, usize) {
        let heard = self.hit.iter().zip(&self.known);
        let heard = heard.filter(|(_, known)| Some(known.network) != unheard);
        heard.fold((0, 0), |(hits, all), (hit, known)| {
            let is_hit = *hit || rule.is_some_and(|rule| rule.matches(&known.syn));
            (hits + usize::from(is_hit), all + 1)
        })
    }

    /// The network of most of those that this rule or one before it hits.
    fn most_hit(&self, rule: Option<&Rule>) -> Option<u128> {
        let mut hits: HashMap<u128, usize> = HashMap::new();
        for (hit, known) in self.hit.iter().zip(&self.known) {
            if *hit || rule.is_some_and(|rule| rule.matches(&known.syn)) {
                *hits.entry(known.network).or_default() += 1;
            }
        }
        hits.into_iter().max_by_key(|(network, hits)| (*hits, *network)).map(|(network, _)| network)
    }
}

fn is_allowed((hits, heard): (usize, usize)) -> bool {
    heard >= MIN_ANSWERED && upper_bound(hits, heard) <= bound_allowed(heard)
}

/// The highest bound that rules may have with this many answered SYNs.
pub fn bound_allowed(answered: usize) -> f64 {
    MAX_BOUND.max(upper_bound(0, answered))
}
