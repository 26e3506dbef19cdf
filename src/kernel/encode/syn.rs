// SPDX-License-Identifier: GPL-2.0-only
//! SYNs as the program's rules see them.

use crate::kernel::skel::types;
use crate::learn::{Family, SYN_LEN};

/// enum family.
const IPV4: u8 = 4;
const IPV6: u8 = 6;

/// In the words' memory is what is in the bytes.
pub fn syn_words(bytes: &[u8; SYN_LEN]) -> types::syn_words {
    let mut words = types::syn_words::default();
    for (word, chunk) in words.word.iter_mut().zip(bytes.as_chunks().0) {
        *word = u64::from_ne_bytes(*chunk);
    }
    words
}

pub fn syn_bytes(words: &types::syn_words) -> [u8; SYN_LEN] {
    let mut bytes = [0; SYN_LEN];
    for (word, chunk) in words.word.iter().zip(bytes.as_chunks_mut().0) {
        *chunk = word.to_ne_bytes();
    }
    bytes
}

pub fn family_of_syn(family: Family) -> u8 {
    match family {
        Family::Ipv4 => IPV4,
        Family::Ipv6 => IPV6,
    }
}

/// None: there is no such family.
pub fn syn_family(family: u8) -> Option<Family> {
    match family {
        IPV4 => Some(Family::Ipv4),
        IPV6 => Some(Family::Ipv6),
        _ => None,
    }
}
