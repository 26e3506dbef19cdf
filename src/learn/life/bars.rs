// SPDX-License-Identifier: GPL-2.0-only
//! Rules that honest clients turned out to match, and their like.

use std::collections::VecDeque;
use std::time::Duration;

use crate::learn::rule::Rule;
use crate::learn::syn::Syn;

/// How long a rule is barred.
pub const BARRED_FOR: Duration = Duration::from_mins(10);
/// Beyond it, the oldest bar goes.
const CAPACITY: usize = 64;

#[derive(Debug, Default)]
pub struct Bars(VecDeque<Bar>);

#[derive(Debug)]
struct Bar {
    until: Duration,
    rule: Rule,
    /// The SYNs of those who answered.
    witnesses: Vec<Syn>,
}

impl Bars {
    pub fn add(&mut self, now: Duration, rule: Rule, witnesses: Vec<Syn>) {
        if self.0.len() == CAPACITY {
            self.0.pop_front();
        }
        self.0.push_back(Bar { until: now + BARRED_FOR, rule, witnesses });
    }

    pub fn expire(&mut self, now: Duration) {
        self.0.retain(|bar| now < bar.until);
    }

    /// Whether a rule is like one that is barred: it matches who answered then, or it is mostly the same to those who
    /// are refused now. A field that an attacker changes makes it no other rule.
    pub fn bar(&self, rule: &Rule, refused: &[Syn]) -> bool {
        self.0.iter().any(|bar| {
            let matched = refused.iter().filter(|syn| rule.matches(syn));
            let (all, same) = matched
                .fold((0, 0), |(all, same), syn| (all + 1, same + usize::from(bar.rule.matches(syn))));
            rule.implies(&bar.rule)
                || bar.witnesses.iter().any(|syn| rule.matches(syn))
                || 2 * same > all
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::learn::syn::{Family, PORT, WINDOW};
    use crate::learn::tools::{Maker, hping3};

    #[test]
    fn the_like_of_a_barred_rule_is_barred_for_ten_minutes() {
        let window = Rule::any(Family::Ipv4).with(WINDOW, 0xff, 2).with(WINDOW + 1, 0xff, 0);
        let narrower = window.with(PORT, 0xff, 9);
        let wider = Rule::any(Family::Ipv4).with(WINDOW, 0xff, 2);
        let other = Rule::any(Family::Ipv4).with(WINDOW, 0xff, 3);
        let same_to_all = Rule::any(Family::Ipv4).with(PORT, 0xff, 1);
        let refused = Maker::many(1, 100, hping3);
        let mut bars = Bars::default();
        bars.add(Duration::ZERO, window, refused[..3].to_vec());
        for rule in [window, narrower, wider, same_to_all] {
            assert!(bars.bar(&rule, &refused), "{rule}");
        }
        assert!(bars.bar(&wider, &[]), "it matches a witness");
        assert!(!bars.bar(&other, &refused));
        bars.expire(BARRED_FOR - Duration::from_nanos(1));
        assert!(bars.bar(&window, &refused));
        bars.expire(BARRED_FOR);
        assert!(!bars.bar(&window, &refused));
    }
}
