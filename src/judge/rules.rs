// SPDX-License-Identifier: GPL-2.0-only
//! Whether a rule drops a SYN, as in `bpf/rules.bpf.h`. Its first one: what a client repeats gets in, as does the canary.

use super::case::Case;
use super::{Entry, Reason, Step};

/// CONNECTED_LATELY_S of the program.
const CONNECTED_LATELY_S: u32 = 3600;

const SECOND: u64 = 1_000_000_000;

/// The rules in force.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Rules {
    pub in_force: usize,
    /// The SYN looks like one of them.
    pub is_matched: bool,
}

impl Case<'_> {
    pub(super) fn ask_rules(&mut self) -> Option<Reason> {
        let Rules { in_force, is_matched } = self.facts.rules;
        if in_force == 0 || self.is_allowed() || self.facts.host.is_stale {
            return None;
        }
        let is_spared = self.state.entry.is_some_and(|entry| entry.connected_lately(self.facts.now));
        self.note(Step::Rules { in_force, is_spared });
        (is_matched && !is_spared).then_some(Reason::DropLearnedRule)
    }
}

impl Entry {
    fn connected_lately(&self, now: u64) -> bool {
        let second = (now / SECOND) as u32 + 1;
        self.last_connected != 0 && second.wrapping_sub(self.last_connected) < CONNECTED_LATELY_S
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_connected_within_the_hour_is_spared() {
        let connected = |last_connected| Entry { last_connected, ..Entry::default() };
        let now = 5_000 * SECOND;
        for (last, is_lately) in [(0, false), (1_401, false), (1_402, true), (5_001, true)] {
            assert_eq!(connected(last).connected_lately(now), is_lately, "{last}");
        }
    }
}
