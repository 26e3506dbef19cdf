// SPDX-License-Identifier: GPL-2.0-only
//! The places that the learner has for its rules.

use std::time::Duration;

use super::SLOTS;
use super::rule::Live;
use crate::learn::search::{MAX_RULES, MIN_OF_LEFT};

/// For further rules.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Room {
    /// So many places.
    Free(usize),
    /// That of the rule in this slot.
    Of(usize),
}

impl Room {
    /// How many.
    pub fn count(self) -> usize {
        match self {
            Self::Free(count) => count,
            Self::Of(_) => 1,
        }
    }
}

/// Where there may be further rules. If all places are taken, one is given away whose rule matches less than another
/// would have to, for so many refused SYNs of two seconds: an attacker could hold all places by a few SYNs a second.
pub fn room(live: &[Option<Live>; SLOTS], now: Duration, refused: usize) -> Option<Room> {
    let own = live.iter().enumerate().filter_map(|(slot, live)| Some((slot, live.as_ref()?)));
    let taken = own.clone().count();
    if taken < MAX_RULES {
        return Some(Room::Free(MAX_RULES - taken));
    }
    let weights = own.filter_map(|(slot, live)| Some((slot, live.weight(now)?)));
    let (slot, weight) = weights.min_by(|a, b| a.1.total_cmp(&b.1))?;
    (weight < MIN_OF_LEFT * refused as f64).then_some(Room::Of(slot))
}
