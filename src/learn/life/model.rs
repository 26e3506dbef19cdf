// SPDX-License-Identifier: GPL-2.0-only
//! What the learner is told, and what it answers.

use std::collections::BTreeSet;
use std::net::IpAddr;

use super::SLOTS;
use super::rule::Why;
use crate::learn::rule::Rule;
use crate::learn::search::Found;
use crate::learn::syn::Syn;

/// A handshake that completed.
#[derive(Debug, Clone, Copy)]
pub struct Answer {
    /// None: it is not known.
    pub syn: Option<Syn>,
    pub source: IpAddr,
    /// The slot of the rule that the SYN had matched when it was challenged.
    pub slot: Option<usize>,
}

/// What one slot of the program says.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Slot {
    /// The operator's own rule: the learner leaves it alone.
    pub taken: Option<Rule>,
    /// That rule drops. What is only counted may be dropped by another.
    pub is_in_force: bool,
    /// SYNs that the rule has matched since it is in this slot.
    pub matched: u64,
}

impl Slot {
    /// The operator's rule, if it drops.
    pub fn in_force(&self) -> Option<Rule> {
        self.taken.filter(|_| self.is_in_force)
    }
}

/// What has happened since the last tick.
#[derive(Debug, Clone, Copy)]
pub struct Seen<'a> {
    /// The pass rate refuses SYNs.
    pub is_flood: bool,
    /// SYNs that it has refused, or an even sample of them.
    pub refused: &'a [Syn],
    /// Handshakes that completed, all that the program knows of.
    pub answered: &'a [Answer],
    pub slots: &'a [Slot; SLOTS],
    /// Ports at which an answer comes to something: somebody listens, and takes connections. None: all.
    pub open_ports: Option<&'a BTreeSet<u16>>,
}

/// What the caller has to do, in this order.
#[derive(Debug, Clone, PartialEq)]
pub enum Action {
    /// Put the rule into the slot: it counts, and what it matches is challenged.
    Watch { slot: usize, found: Found },
    /// The rule has stood its probation, but the mode is [`Learn::Suggest`](crate::policy::Learn::Suggest): tell the operator.
    Suggest { slot: usize, found: Found },
    /// Drop what the rule in this slot matches, but for canaries.
    Enforce { slot: usize, found: Found },
    /// Empty the slot.
    Remove { slot: usize, rule: Rule, why: Why },
}

/// What the learner is at, as a whole.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum State {
    /// It has not looked yet.
    Starting,
    Off,
    /// Too few handshakes are known to tell honest clients from a flood: `answered` of `needed`.
    StillLearning {
        answered: usize,
        needed: usize,
    },
    /// No flood is on.
    Peace,
    /// A flood is on, and the first search is still to come, for want of time or of refused SYNs.
    Gathering {
        refused: usize,
    },
    /// A flood is on, and its SYNs have nothing in common that honest clients have not.
    NothingInCommon,
    /// A flood is on, and rules are watched or in force.
    Ruling,
}
