// SPDX-License-Identifier: GPL-2.0-only
//! What happened, in the order of time: the first entries and the last ones.

use std::collections::VecDeque;

/// Of the first, and of the last.
const KEPT: usize = 100;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Weight {
    /// A note or a change.
    Plain,
    /// Clients or the protection suffer.
    Warning,
    /// A flood begins or ends.
    Flood,
}

#[derive(Debug)]
pub struct Entry {
    pub at: f64,
    pub weight: Weight,
    pub text: String,
}

#[derive(Debug, Default)]
pub struct Diary {
    first: Vec<Entry>,
    last: VecDeque<Entry>,
    /// Between these two.
    pub forgotten: u64,
}

impl Diary {
    pub fn add(&mut self, at: f64, weight: Weight, text: String) {
        let entry = Entry { at, weight, text };
        if self.first.len() < KEPT {
            self.first.push(entry);
            return;
        }
        if self.last.len() == KEPT {
            self.last.pop_front();
            self.forgotten += 1;
        }
        self.last.push_back(entry);
    }

    pub fn first(&self) -> &[Entry] {
        &self.first
    }

    pub fn last(&self) -> impl Iterator<Item = &Entry> {
        self.last.iter()
    }
}

#[test]
fn the_first_and_the_last_are_kept_and_the_rest_is_counted() {
    let mut diary = Diary::default();
    (0..1000).for_each(|number| diary.add(0.0, Weight::Plain, number.to_string()));
    let shown: Vec<_> = diary.first().iter().chain(diary.last()).map(|entry| &entry.text).collect();
    assert_eq!((shown.len(), diary.forgotten), (200, 800));
    assert_eq!((shown[0].as_str(), shown[99].as_str(), shown[100].as_str()), ("0", "99", "900"));
}
