// SPDX-License-Identifier: GPL-2.0-only
//! How often each literal is true in a set of SYNs.

use crate::learn::evidence::Offsets;
use crate::learn::rule::Rule;
use crate::learn::syn::{SYN_LEN, Syn, TTL};

/// What a literal looks at: an offset in the SYN, and a mask.
type Part = (usize, u8);

const TTL_PARTS: usize = 2;

/// Every byte, and the TTL's top bits: hosts that begin at 64, 128 or 255 arrive in different eighths or quarters.
pub const LITERALS: [Part; SYN_LEN + TTL_PARTS] = {
    let mut literals = [(TTL, 0xc0); SYN_LEN + TTL_PARTS];
    literals[1] = (TTL, 0xe0);
    let mut at = 0;
    while at < SYN_LEN {
        literals[TTL_PARTS + at] = (at, 0xff);
        at += 1;
    }
    literals
};

/// One part of a SYN has one value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Literal {
    pub part: Part,
    pub value: u8,
}

impl Literal {
    pub fn matches(&self, syn: &Syn) -> bool {
        syn.bytes[self.part.0] & self.part.1 == self.value
    }

    pub fn add_to(&self, rule: Rule) -> Rule {
        rule.with(self.part.0, self.part.1, self.value)
    }
}

/// For each byte of SYNs, how often it has each value.
pub struct Counts(Box<[[u32; 256]; SYN_LEN]>);

impl Counts {
    pub fn of<'a>(syns: impl Iterator<Item = &'a Syn>) -> Self {
        let mut counts = Box::new([[0; 256]; SYN_LEN]);
        for syn in syns {
            for (count, byte) in counts.iter_mut().zip(syn.bytes) {
                count[usize::from(byte)] += 1;
            }
        }
        Self(counts)
    }

    /// Only bytes that are evidence in their SYN.
    pub fn of_evident(syns: &[(&Syn, Offsets)]) -> Self {
        let mut counts = Box::new([[0; 256]; SYN_LEN]);
        for (syn, evident) in syns {
            for (at, (count, byte)) in counts.iter_mut().zip(syn.bytes).enumerate() {
                count[usize::from(byte)] += u32::from(evident.contains(at));
            }
        }
        Self(counts)
    }

    /// SYNs for which this is true.
    pub fn get(&self, literal: Literal) -> usize {
        let (at, mask) = literal.part;
        if mask == u8::MAX {
            return self.0[at][usize::from(literal.value)] as usize;
        }
        let values = (0..=u8::MAX).filter(|value| value & mask == literal.value);
        values.map(|value| self.0[at][usize::from(value)] as usize).sum()
    }

    /// The values that a part has most often, the most frequent first, none that it never has.
    pub fn most_frequent(&self, part: Part, how_many: usize) -> Vec<u8> {
        let mut values: Vec<(usize, u8)> = (0..=u8::MAX)
            .filter(|value| value & part.1 == *value)
            .map(|value| (self.get(Literal { part, value }), value))
            .filter(|(count, _)| *count > 0)
            .collect();
        values.sort_unstable_by_key(|(count, value)| (std::cmp::Reverse(*count), *value));
        values.truncate(how_many);
        values.into_iter().map(|(_, value)| value).collect()
    }
}
