// SPDX-License-Identifier: GPL-2.0-only
//! Who or what had how much, with a bound on how many are remembered.

use std::collections::HashMap;

use super::figures;

/// Names are kept up to this number; then only those that had most.
const MAX_KEPT: usize = 8192;
const KEPT: usize = 1024;

#[derive(Debug, Default)]
pub struct Shares {
    weights: HashMap<String, f64>,
    /// Of all, also of what is not named.
    total: f64,
}

impl Shares {
    /// `all` more, of which these names had these shares.
    pub fn add(&mut self, all: f64, shares: impl IntoIterator<Item = (String, f64)>) {
        self.total += all;
        for (name, share) in shares {
            *self.weights.entry(figures::text(&name)).or_default() += share.clamp(0.0, 1.0) * all;
        }
        if self.weights.len() > MAX_KEPT {
            let worst = self.worst(KEPT);
            let kept = worst.into_iter().map(|(name, weight)| (name.to_owned(), weight));
            self.weights = kept.collect();
        }
    }

    pub fn is_empty(&self) -> bool {
        self.weights.is_empty()
    }

    /// The names that had most, with their share of all.
    pub fn top(&self, count: usize) -> Vec<(&str, f64)> {
        let worst = self.worst(count).into_iter();
        worst.map(|(name, weight)| (name, weight / self.total.max(f64::MIN_POSITIVE))).collect()
    }

    fn worst(&self, count: usize) -> Vec<(&str, f64)> {
        let mut all: Vec<(&str, f64)> =
            self.weights.iter().map(|(name, &weight)| (name.as_str(), weight)).collect();
        all.sort_by(|a, b| b.1.total_cmp(&a.1).then_with(|| a.0.cmp(b.0)));
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
        shares.add(900.0, [("a".into(), 1.0)]);
        shares.add(100.0, [("b".into(), 0.5), ("a".into(), 0.5)]);
        assert_eq!(shares.top(9), [("a", 0.95), ("b", 0.05)]);
    }

    #[test]
    fn the_worst_is_not_forgotten_among_many() {
        let mut shares = Shares::default();
        shares.add(1000.0, [("worst".into(), 0.9)]);
        for number in 0..3 * MAX_KEPT {
            shares.add(1.0, [(number.to_string(), 1.0)]);
        }
        assert!(shares.weights.len() <= MAX_KEPT);
        assert_eq!(shares.top(1)[0].0, "worst");
    }
}
