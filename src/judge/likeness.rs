// SPDX-License-Identifier: GPL-2.0-only
//! What a source looks like, from what is counted of it. When its SYNs came is not kept, so nothing is said of how fast
//! they came.

use serde::Serialize;

use super::Entry;

/// As many as a browser opens for a page or a few.
const FEW: u64 = 30;

/// SYNs for each connection that are no more than an honest client's repetitions.
const REPETITIONS: u64 = 4;

/// What a source looks like.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Likeness {
    /// It was challenged and never answered.
    NeverAnswers,
    /// It has no connection, and was not challenged: it may have asked for a port where nobody listens.
    NeverConnected,
    /// It has connections, and far more SYNs that were answered.
    ForgedToo,
    OneUser,
    ManyUsers,
}

pub fn likeness(entry: &Entry) -> Likeness {
    let Entry { passed, challenged, connected, .. } = *entry;
    match connected {
        0 if challenged > 0 => Likeness::NeverAnswers,
        0 => Likeness::NeverConnected,
        _ if passed + challenged > most_repetitions(connected) => Likeness::ForgedToo,
        1..=FEW => Likeness::OneUser,
        _ => Likeness::ManyUsers,
    }
}

/// SYNs of a client with so many connections, if all are its own.
fn most_repetitions(connected: u64) -> u64 {
    REPETITIONS * connected.max(FEW)
}

/// A burst that would never have refused the source, at whatever rate: room for everything that was counted of it,
/// however close together it came. None where that says nothing: it was refused nothing, or it is not all its own, or
/// most of it is what a client that goes on trying sends while it is refused.
pub fn harmless_burst(entry: &Entry) -> Option<u64> {
    let Entry { passed, challenged, dropped, connected, .. } = *entry;
    let is_its_own = matches!(likeness(entry), Likeness::OneUser | Likeness::ManyUsers);
    let was_refused = (1..=most_repetitions(connected)).contains(&dropped);
    (is_its_own && was_refused).then(|| (passed + challenged + dropped).max(connected))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(passed: u64, challenged: u64, dropped: u64, connected: u64) -> Entry {
        Entry { passed, challenged, dropped, connected, ..Entry::default() }
    }

    #[test]
    fn counts_tell_what_a_source_looks_like() {
        for (counts, expected) in [
            ((1, 0, 0, 0), Likeness::NeverConnected),
            ((5, 0, 90, 0), Likeness::NeverConnected),
            ((5, 1, 0, 0), Likeness::NeverAnswers),
            ((1, 0, 0, 1), Likeness::OneUser),
            ((20, 10, 7, 30), Likeness::OneUser),
            ((24, 276, 0, 300), Likeness::ManyUsers),
            ((20, 101, 0, 30), Likeness::ForgedToo),
            ((1, 1200, 0, 300), Likeness::ForgedToo),
            ((1, 0, 1201, 300), Likeness::ManyUsers),
            ((0, 0, 0, 31), Likeness::ManyUsers),
        ] {
            let (passed, challenged, dropped, connected) = counts;
            assert_eq!(
                likeness(&entry(passed, challenged, dropped, connected)),
                expected,
                "{counts:?}"
            );
        }
    }

    #[test]
    fn a_burst_has_room_for_all_that_was_counted() {
        assert_eq!(harmless_burst(&entry(20, 10, 7, 30)), Some(37));
        assert_eq!(harmless_burst(&entry(1, 0, 2, 30)), Some(30), "some came by SYNs that it forgot");
        assert_eq!(harmless_burst(&entry(20, 10, 0, 30)), None, "refused nothing");
        assert_eq!(harmless_burst(&entry(5, 120, 9, 3)), None, "not its own");
        assert_eq!(harmless_burst(&entry(5, 0, 121, 3)), None, "it tries all the time");
        assert_eq!(harmless_burst(&entry(5, 100, 900, 0)), None);
    }
}
