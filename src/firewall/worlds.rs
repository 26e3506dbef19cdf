// SPDX-License-Identifier: GPL-2.0-only
//! What is unknown about a connection is assumed, once one way and once the other. Each combination of
//! assumptions is a world; in it, the connection is followed from its beginning.

use std::collections::HashMap;
use std::collections::hash_map::DefaultHasher;
use std::hash::{Hash, Hasher};

/// Numbers, in order and apart.
pub type Ranges = Vec<(u128, u128)>;

/// The worlds, one after the other.
#[derive(Debug, Default)]
pub struct Worlds {
    /// In the order in which they were made.
    assumptions: Vec<bool>,
    /// How many of them this world has used.
    used: usize,
    facts: HashMap<u64, bool>,
    /// Where the client's address is, and where it is not.
    client: Vec<(Ranges, bool)>,
}

impl Worlds {
    /// The answer to a question, always the same in this world.
    pub fn assume(&mut self, question: impl Hash) -> bool {
        let mut hasher = DefaultHasher::new();
        question.hash(&mut hasher);
        let question = hasher.finish();
        if let Some(&known) = self.facts.get(&question) {
            return known;
        }
        let answer = self.next_assumption();
        self.facts.insert(question, answer);
        answer
    }

    /// Whether the client's address is in the ranges.
    pub fn client_in(&mut self, ranges: &Ranges) -> bool {
        for (known, is_in) in &self.client {
            match is_in {
                true if is_within(known, ranges) => return true,
                true if are_apart(known, ranges) => return false,
                false if is_within(ranges, known) => return false,
                _ => {}
            }
        }
        let answer = self.next_assumption();
        self.client.push((ranges.clone(), answer));
        answer
    }

    /// Goes on to the next world. False if all have been seen.
    pub fn advance(&mut self) -> bool {
        self.assumptions.truncate(self.used);
        while self.assumptions.last() == Some(&false) {
            self.assumptions.pop();
        }
        self.used = 0;
        self.facts.clear();
        self.client.clear();
        match self.assumptions.last_mut() {
            Some(last) => {
                *last = false;
                true
            }
            None => false,
        }
    }

    fn next_assumption(&mut self) -> bool {
        if self.used == self.assumptions.len() {
            self.assumptions.push(true);
        }
        self.used += 1;
        self.assumptions[self.used - 1]
    }
}

/// Brings ranges into the order that the other functions want.
pub fn in_order(mut ranges: Ranges) -> Ranges {
    ranges.sort_unstable();
    let mut ordered: Ranges = Vec::with_capacity(ranges.len());
    for (low, high) in ranges {
        match ordered.last_mut() {
            Some(last) if low <= last.1.saturating_add(1) => last.1 = last.1.max(high),
            _ => ordered.push((low, high)),
        }
    }
    ordered
}

fn is_within(inner: &Ranges, outer: &Ranges) -> bool {
    inner.iter().all(|&(low, high)| {
        let at = outer.partition_point(|&(_, last)| last < low);
        outer.get(at).is_some_and(|&(first, last)| first <= low && high <= last)
    })
}

fn are_apart(one: &Ranges, other: &Ranges) -> bool {
    one.iter().all(|&(low, high)| {
        let at = other.partition_point(|&(_, last)| last < low);
        other.get(at).is_none_or(|&(first, _)| high < first)
    })
}

#[cfg(test)]
mod tests {
    use super::{Worlds, in_order};

    #[test]
    fn each_combination_is_seen_once() {
        let mut worlds = Worlds::default();
        let mut seen = Vec::new();
        loop {
            let first = worlds.assume("first");
            let second = first && worlds.assume("second");
            assert_eq!(worlds.assume("first"), first);
            seen.push((first, second));
            if !worlds.advance() {
                break;
            }
        }
        assert_eq!(seen, [(true, true), (true, false), (false, false)]);
    }

    #[test]
    fn an_address_is_not_in_two_places() {
        let mut worlds = Worlds::default();
        let (small, large, other) = (vec![(10, 20)], vec![(1, 100)], vec![(200, 300)]);
        assert!(worlds.client_in(&small));
        assert!(worlds.client_in(&large));
        assert!(!worlds.client_in(&other));
        assert!(worlds.advance());
        assert!(!worlds.client_in(&small));
        assert!(!worlds.client_in(&vec![(12, 13)]));
    }

    #[test]
    fn ranges_are_joined() {
        assert_eq!(in_order(vec![(5, 9), (1, 2), (3, 4), (20, 30)]), [(1, 9), (20, 30)]);
    }
}
