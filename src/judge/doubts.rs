// SPDX-License-Identifier: GPL-2.0-only
//! What nobody outside of the program can know at the moment of a SYN, and what it would change.

use super::{Facts, Reason, Refused, State, Syn, Way, judge};

/// Something that may be otherwise than the [`Facts`] have it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Doubt {
    /// Half of the listener's queue or more is in use.
    QueueHalfFull,
    /// A CPU remembers that it refused the source.
    Remembered(Refused),
    /// The source had its share of answers just now.
    RationSpent,
    /// It comes from another neighbour than the gateway.
    NotByGateway(Way),
    /// The listener is at other addresses of this host.
    OtherAddress,
    NoKernelCookie,
    /// The SYN looks like a rule in force.
    LooksLikeRule,
}

/// What becomes of a SYN where a doubt is right.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Otherwise {
    pub doubt: Doubt,
    pub reason: Reason,
}

/// Those of the possible doubts that change the reason, each by itself.
pub fn doubts(facts: &Facts<'_>, syn: &Syn, state: State, possible: &[Doubt]) -> Vec<Otherwise> {
    let usual = judge(facts, syn, &mut state.clone()).reason;
    let otherwise = |&doubt: &Doubt| {
        let reason = judge(&doubt.applied(*facts), syn, &mut state.clone()).reason;
        (reason != usual).then_some(Otherwise { doubt, reason })
    };
    possible.iter().filter_map(otherwise).collect()
}

impl Doubt {
    fn applied(self, mut facts: Facts<'_>) -> Facts<'_> {
        match self {
            Self::QueueHalfFull => facts.has_queue_room = false,
            Self::Remembered(why) => facts.remembered = Some(why),
            Self::RationSpent => facts.has_ration = false,
            Self::NotByGateway(way) => facts.way = way,
            Self::OtherAddress => facts.port.listens = false,
            Self::NoKernelCookie => facts.has_kernel_cookie = false,
            Self::LooksLikeRule => facts.rules.is_matched = true,
        }
        facts
    }
}
