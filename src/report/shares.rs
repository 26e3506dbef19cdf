// SPDX-License-Identifier: GPL-2.0-only
//! Who or what had how much, with a bound on how many are remembered.

use std::collections::HashMap;

use super::figures;

/// Names are kept up to this number; then only those that had most.
const MAX_KEPT: usize = 8192;
const KEPT: usize = 1024;

#[derive(Debug, Default)]
pub struct Shares {
    parts: HashMap<String, Part>,
    /// Of all, also of what is not named.
    total: f64,
}

#[derive(Debug, Clone, Copy, Default)]
struct Part {
    weight: f64,
    connected: u64,
}

#[derive(Debug, PartialEq)]
pub struct Share<'a> {
    pub name: &'a str,
    /// Of all, 0 to 1.
    pub share: f64,
    /// Connections of a source, if it answers.
    pub connected: u64,
}

impl Shares {
    /// `all` more, of which these names had these shares, and have so many connections since they are remembered.
    pub fn add(&mut self, all: f64, shares: impl IntoIterator<Item = (String, f64, u64)>) {
        self.total += all;
        for (name, share, connected) in shares {
            let part = self.parts.entry(figures::text(&name)).or_default();
            part.weight += share.clamp(0.0, 1.0) * all;
            part.connected = part.connected.max(connected);
        }
        if self.parts.len() > MAX_KEPT {
            let worst = self.worst(KEPT, |_| true);
            let kept = worst.into_iter().map(|(name, part)| (name.to_owned(), part));
            self.parts = kept.collect();
        }
    }

    /// The names that had most.
    pub fn top(&self, count: usize) -> Vec<Share<'_>> {
        self.shares(self.worst(count, |_| true))
    }

    /// The same of those that answer, or of those that do not.
    pub fn top_that(&self, answers: bool, count: usize) -> Vec<Share<'_>> {
        self.shares(self.worst(count, |part| (part.connected > 0) == answers))
    }

    fn shares<'a>(&self, worst: Vec<(&'a str, Part)>) -> Vec<Share<'a>> {
        let total = self.total.max(f64::MIN_POSITIVE);
        let share = |(name, part): (&'a str, Part)| Share {
            name,
            share: part.weight / total,
            connected: part.connected,
        };
        worst.into_iter().map(share).collect()
    }

    fn worst(&self, count: usize, is_meant: impl Fn(&Part) -> bool) -> Vec<(&str, Part)> {
        let meant = self.parts.iter().filter(|(_, part)| is_meant(part));
        let mut all: Vec<_> = meant.map(|(name, &part)| (name.as_str(), part)).collect();
        all.sort_by(|a, b| b.1.weight.total_cmp(&a.1.weight).then_with(|| a.0.cmp(b.0)));
        all.truncate(count);
        all
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shares_of_floods_are_weighed_by_their_size() {
        let mut shares = Shares::default();
        shares.add(900.0, [("a".into(), 1.0, 0)]);
        shares.add(100.0, [("b".into(), 0.5, 7), ("a".into(), 0.5, 0)]);
        let a = || Share { name: "a", share: 0.95, connected: 0 };
        let b = || Share { name: "b", share: 0.05, connected: 7 };
        assert_eq!(shares.top(9), [a(), b()]);
        assert_eq!((shares.top_that(false, 9), shares.top_that(true, 9)), (vec![a()], vec![b()]));
    }

    #[test]
    fn the_worst_is_not_forgotten_among_many() {
        let mut shares = Shares::default();
        shares.add(1000.0, [("worst".into(), 0.9, 0)]);
        for number in 0..3 * MAX_KEPT {
            shares.add(1.0, [(number.to_string(), 1.0, 0)]);
        }
        assert!(shares.parts.len() <= MAX_KEPT);
        assert_eq!(shares.top(1)[0].name, "worst");
    }
}
