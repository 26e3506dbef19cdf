// SPDX-License-Identifier: GPL-2.0-only
//! Whether honest clients meet a rule of the operator's.

use super::told;
use crate::kernel::maps::rules::{Counts, Slots};
use crate::learn::life::SLOTS;
use crate::note::Note;

/// An operator's rule meets honest clients if so many answers come of what it lets through,
const DOUBTED: u64 = 3;
/// and these are at least one of so many.
const DOUBTED_PART: u64 = 10;

/// A warning for each rule of the operator that turns out to meet honest clients. It is not withdrawn: the operator may
/// know better.
pub fn doubts(
    slots: &Slots,
    counts: &[Option<Counts>; SLOTS],
    is_doubted: &mut [bool; SLOTS],
) -> Vec<Note> {
    let mut notes = Vec::new();
    for (slot, is_doubted) in is_doubted.iter_mut().enumerate() {
        let own = slots[slot].filter(|entry| !entry.is_learned && entry.is_in_force);
        let Some((entry, counts)) = own.zip(counts[slot]) else {
            *is_doubted = false;
            continue;
        };
        let let_through = counts.canaries + counts.repeated + counts.spared;
        let is_honest = counts.answered >= DOUBTED && DOUBTED_PART * counts.answered >= let_through;
        if is_honest && !*is_doubted {
            *is_doubted = true;
            notes.push(told::doubted(slot, &entry.rule, counts.answered, let_through));
        }
    }
    notes
}
