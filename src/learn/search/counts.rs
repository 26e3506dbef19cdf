// SPDX-License-Identifier: GPL-2.0-only
//! How often each literal is true in a set of SYNs.

use crate::learn::evidence::Offsets;
use crate::learn::rule::Rule;
use crate::learn::syn::{OPTIONS, SYN_LEN, Syn, TTL, WINDOW};

/// What a literal looks at: an offset in the SYN, and a mask.
type Part = (usize, u8);

/// The lower byte of the MSS, which is the first option of nearly every stack.
const MSS: usize = OPTIONS + 3;
/// 16 of its values.
pub const MSS_RANGE: Part = (MSS, 0xf0);

pub fn is_mss(part: Part) -> bool {
    part.0 == MSS
}

/// More than a byte, so as to say in what range a number is: hosts that begin at 64, 128 or 255 arrive in different
/// eighths or quarters of the TTL; windows that a program draws by lot are in quarters where no system has its own, and
/// MSS values between those of networks. Smaller parts of the window would be what several tools have in common with a
/// system that nobody has seen.
const RANGES: [Part; 8] = [
    (TTL, 0xc0),
    (TTL, 0xe0),
    (WINDOW, 0x80),
    (WINDOW, 0xc0),
    MSS_RANGE,
    (MSS, 0xf8),
    (MSS, 0xfc),
    (MSS, 0xfe),
];

/// What a rule is made of.
pub const LITERALS: [Part; RANGES.len() + SYN_LEN] = {
    let mut literals = [(TTL, 0xff); RANGES.len() + SYN_LEN];
    let (ranges, bytes) = literals.split_at_mut(RANGES.len());
    ranges.copy_from_slice(&RANGES);
    let mut at = 0;
    while at < SYN_LEN {
        bytes[at] = (at, 0xff);
        at += 1;
    }
    literals
};

/// A range of 16 MSS values holds lots that a program drew if so many of them are frequent, each with at least this
/// share. A network has one value, and few networks are neighbours.
const DRAWN_VALUES: usize = 6;
const DRAWN_SHARE: f64 = 1.0 / 16.0;

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

    /// The range of MSS values that this one is in.
    pub fn range_of_mss(&self) -> Self {
        Self { part: MSS_RANGE, value: self.value & MSS_RANGE.1 }
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
        self.values(literal).sum()
    }

    /// Whether a range holds lots that a program drew, and not what a few networks have.
    pub fn is_drawn(&self, range: Literal) -> bool {
        let least = DRAWN_SHARE * self.get(range) as f64;
        self.values(range).filter(|count| *count > 0 && *count as f64 >= least).count() >= DRAWN_VALUES
    }

    /// How often each value that makes this true occurs.
    fn values(&self, literal: Literal) -> impl Iterator<Item = usize> {
        let (at, mask) = literal.part;
        let values = (0..=u8::MAX).filter(move |value| value & mask == literal.value);
        values.map(move |value| self.0[at][usize::from(value)] as usize)
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::learn::syn::Family;

    const RANGE: Literal = Literal { part: MSS_RANGE, value: 0x70 };

    fn with_mss(low: impl Iterator<Item = u8>) -> Counts {
        let syns: Vec<Syn> = low
            .map(|low| {
                let mut syn = Syn { family: Family::Ipv4, bytes: [0; SYN_LEN] };
                syn.bytes[MSS_RANGE.0] = low;
                syn
            })
            .collect();
        Counts::of(syns.iter())
    }

    #[test]
    fn a_range_counts_what_is_in_it() {
        let counts = with_mss([0x6f, 0x70, 0x7f, 0x7f, 0x80].into_iter());
        assert_eq!(counts.get(RANGE), 3);
        assert_eq!(counts.most_frequent(MSS_RANGE, 2), [0x70, 0x60]);
    }

    #[test]
    fn many_values_of_a_range_are_a_lot_and_a_few_are_networks() {
        assert!(with_mss((0..800).map(|number| 0x78 + number as u8 % 8)).is_drawn(RANGE));
        assert!(!with_mss((0..800).map(|number| 0x78 + number as u8 % 5)).is_drawn(RANGE));
        let strays =
            (0..1000_u32).map(|number| if number < 900 { 0x78 } else { 0x70 + number as u8 % 16 });
        assert!(!with_mss(strays).is_drawn(RANGE), "few of each");
        assert!(!with_mss(std::iter::empty()).is_drawn(RANGE));
    }
}
