// SPDX-License-Identifier: GPL-2.0-only
//! A rule: which bits of a SYN must have which value.

use super::syn::{DATA_OFFSET, FLAGS, Family, SYN_LEN, Syn, header_end};

/// SYN, and none of FIN, RST and ACK: with one of them it is no SYN to the program, or dropped as an evader's.
const JUDGED_FLAGS: u8 = 0x17;
const JUDGED: u8 = 0x02;

/// Matches the SYNs of its family whose bits under the mask are those of the value. `value & !mask` is zero.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Rule {
    pub family: Family,
    pub mask: [u8; SYN_LEN],
    pub value: [u8; SYN_LEN],
}

impl Rule {
    /// Matches every SYN of a family.
    pub const fn any(family: Family) -> Self {
        Self { family, mask: [0; SYN_LEN], value: [0; SYN_LEN] }
    }

    pub fn matches(&self, syn: &Syn) -> bool {
        self.family == syn.family
            && (0..SYN_LEN).all(|at| syn.bytes[at] & self.mask[at] == self.value[at])
    }

    /// The same rule, which demands `value` under `mask` at one byte too.
    pub fn with(mut self, at: usize, mask: u8, value: u8) -> Self {
        self.mask[at] |= mask;
        self.value[at] = self.value[at] & !mask | value & mask;
        self
    }

    /// What both rules demand: it matches whatever one of the two matches. None: they are of two families.
    pub fn common(&self, other: &Self) -> Option<Self> {
        let mut common = Self::any(self.family);
        for at in 0..SYN_LEN {
            let same = self.mask[at] & other.mask[at] & !(self.value[at] ^ other.value[at]);
            common = common.with(at, same, self.value[at]);
        }
        (self.family == other.family).then_some(common)
    }

    /// Whether a SYN that matches this rule always matches the other.
    pub fn implies(&self, other: &Self) -> bool {
        self.common(other).is_some_and(|common| common == *other)
    }

    /// Why no SYN that rules judge has what this one demands. None: one may have it.
    pub fn contradiction(&self) -> Option<&'static str> {
        if (self.value[FLAGS] ^ JUDGED) & self.mask[FLAGS] & JUDGED_FLAGS != 0 {
            return Some("rules judge SYNs without FIN, RST and ACK, like flags=0x02");
        }
        let end = self.header_end()?;
        if self.value[DATA_OFFSET] < 0x50 {
            return Some("no TCP header is shorter than 20 bytes, which is offset=0x50");
        }
        let is_behind = self.value[end..].iter().any(|byte| *byte != 0);
        is_behind.then_some("its header ends before its bytes of options do")
    }

    /// Where the header that it demands ends in the bytes of a [`Syn`]. None: it demands no length.
    pub fn header_end(&self) -> Option<usize> {
        (self.mask[DATA_OFFSET] & 0xf0 == 0xf0).then(|| header_end(self.value[DATA_OFFSET]))
    }

    /// The same rule without what its data offset says already: behind the header there are zeros. Where no byte of
    /// the options is left, the program need not read them.
    pub fn without_padding(mut self) -> Self {
        if let Some(end) = self.header_end()
            && self.value[end..].iter().all(|byte| *byte == 0)
        {
            self.mask[end..].fill(0);
        }
        self
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::learn::syn::{OPTIONS, WINDOW};

    fn narrow() -> Rule {
        Rule::any(Family::Ipv4).with(WINDOW, 0xff, 2).with(WINDOW + 1, 0xff, 0).with(0, 0xe0, 0x20)
    }

    #[test]
    fn a_rule_matches_only_what_has_its_bits() {
        let mut syn = Syn { family: Family::Ipv4, bytes: [0; SYN_LEN] };
        (syn.bytes[WINDOW], syn.bytes[0]) = (2, 0x3f);
        assert!(narrow().matches(&syn));
        assert!(!narrow().matches(&Syn { family: Family::Ipv6, ..syn }));
        syn.bytes[0] = 0x40;
        assert!(!narrow().matches(&syn));
    }

    #[test]
    fn what_no_syn_has_is_a_contradiction() {
        let of = |text: &str| text.parse::<Rule>().unwrap().contradiction();
        for text in [
            "ipv4,options=none,option-bytes=0x02",
            "ipv4,offset=0x60,option-bytes=0xxxxxxxxx01",
            "ipv6,flags=0x00",
            "ipv4,flags=0x12",
            "ipv4,flags=0x10/0x10",
            "ipv4,offset=0x40",
        ] {
            assert!(of(text).is_some(), "{text}");
        }
        for text in [
            "ipv4,options=none,window=512",
            "ipv4,options=none,option-bytes=0x00",
            "ipv4,offset=0x60,option-bytes=0x020405b4",
            "ipv4,option-bytes=0x02",
            "ipv6,flags=0x02",
            "ipv4,flags=0xc2",
            "ipv4,flags=0x00/0x10",
        ] {
            assert_eq!(of(text), None, "{text}");
        }
    }

    #[test]
    fn what_is_common_is_implied_by_both() {
        let other = Rule::any(Family::Ipv4).with(WINDOW, 0xff, 2).with(0, 0xff, 0x2a);
        let common = narrow().common(&other).unwrap();
        assert_eq!(common, Rule::any(Family::Ipv4).with(WINDOW, 0xff, 2).with(0, 0xe0, 0x20));
        assert!(narrow().implies(&common) && other.implies(&common));
        assert!(!common.implies(&other));
        assert_eq!(narrow().common(&Rule::any(Family::Ipv6)), None);
    }

    #[test]
    fn zeros_behind_the_header_are_not_demanded() {
        let rule = Rule::any(Family::Ipv4).with(DATA_OFFSET, 0xff, 0x60);
        let padded = (OPTIONS..SYN_LEN).fold(rule, |rule, at| rule.with(at, 0xff, 0));
        let expected = (OPTIONS..OPTIONS + 4).fold(rule, |rule, at| rule.with(at, 0xff, 0));
        assert_eq!(padded.without_padding(), expected);
        let impossible = padded.with(SYN_LEN - 1, 0xff, 1);
        assert_eq!(
            impossible.without_padding(),
            impossible,
            "a rule that matches nothing must not match more"
        );
    }
}
