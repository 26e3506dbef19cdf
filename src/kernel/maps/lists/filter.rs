// SPDX-License-Identifier: GPL-2.0-only
//! The filter in front of the lists, see `bpf/listed.bpf.h`.

use std::net::{Ipv4Addr, Ipv6Addr};
use std::ops::RangeInclusive;
use std::sync::atomic::{AtomicU64, Ordering};

use anyhow::{Context, Result, ensure};
use ipnet::{IpNet, Ipv4Net, Ipv6Net};
use libbpf_rs::MapHandle;

use crate::kernel::sys::MappedWords;

/// LIST_COARSE_BITS and so on of `bpf/intf.h`.
const COARSE_BITS: u32 = 18;
const COARSE6_BITS: u32 = 14;
const BLOCKS_BITS: u32 = 17;
const SURE_BITS: u32 = 19;

/// Where its parts begin, in words.
const COARSE4_SHORT: usize = 0;
const COARSE4_LONG: usize = COARSE4_SHORT + (1 << COARSE_BITS) / 64;
const COARSE6: usize = COARSE4_LONG + (1 << COARSE_BITS) / 64;
const SHORT6: usize = COARSE6 + (1 << COARSE6_BITS);
const SHORT4: usize = SHORT6 + (1 << 16) / 64;
const BLOCKS: usize = SHORT4 + (1 << 24) / 64;
const SURE: usize = BLOCKS + (1 << BLOCKS_BITS);
const WORDS: usize = SURE + (1 << SURE_BITS);

/// What the first bits of an address stand for in [`hash`]: the word of a block, or a network. Of an IPv6 network it is
/// their number.
const WORD4: u32 = 1;
const FIRST_28: u32 = 2;
const FIRST_32: u32 = 3;
const WORD6_32: u32 = 5;
const WORD6_48: u32 = 6;

/// Bits of struct lists.levels.
const HAS_28: u32 = 1 << 0;
const HAS_32: u32 = 1 << 1;
/// Of the first 32 bits; then for each four bits one.
const HAS_IPV6: u32 = 1 << 2;

/// The filter of a program.
pub struct Filter(MappedWords);

impl std::fmt::Debug for Filter {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Filter(…)")
    }
}

/// The bits that some networks need.
pub struct Bits(Vec<u64>);

impl Default for Bits {
    fn default() -> Self {
        Self(vec![0; WORDS])
    }
}

impl Filter {
    pub fn new(map: &MapHandle) -> Result<Self> {
        let words = MappedWords::new(map).context("cannot reach the filter of the lists")?;
        ensure!(words.as_slice().len() == WORDS, "the filter of the lists is not that of this version");
        Ok(Self(words))
    }

    /// Sets the bits of a network. Returns its level, as a bit of struct lists.levels.
    pub fn enter(&self, network: &IpNet) -> u32 {
        let words = self.0.as_slice();
        enter(network, |word, bits| {
            words[word].fetch_or(bits, Ordering::SeqCst);
        })
    }

    /// Makes it hold these bits and no others. A bit that was set and stays is never clear meanwhile.
    pub fn set(&self, bits: &Bits) {
        for (word, &wanted) in self.0.as_slice().iter().zip(&bits.0) {
            set(word, wanted);
        }
    }
}

/// Most words stay as they are, and keep their place in the caches.
fn set(word: &AtomicU64, wanted: u64) {
    if word.load(Ordering::Relaxed) != wanted {
        word.store(wanted, Ordering::SeqCst);
    }
}

impl Bits {
    /// As [`Filter::enter`].
    pub fn enter(&mut self, network: &IpNet) -> u32 {
        enter(network, |word, bits| self.0[word] |= bits)
    }
}

/// Gives the words that a network needs and their bits to `set`. Returns its level, as a bit of struct lists.levels.
fn enter(network: &IpNet, set: impl FnMut(usize, u64)) -> u32 {
    match network {
        IpNet::V4(network) => enter4(network, set),
        IpNet::V6(network) => enter6(network, set),
    }
}

fn enter4(network: &Ipv4Net, mut set: impl FnMut(usize, u64)) -> u32 {
    let blocks = |bits| {
        let block = |ip: Ipv4Addr| u64::from(ip.to_bits() >> (32 - bits));
        block(network.network())..=block(network.broadcast())
    };
    if network.prefix_len() <= 24 {
        enter_range(COARSE4_SHORT, blocks(COARSE_BITS), &mut set);
        enter_range(SHORT4, blocks(24), &mut set);
        return 0;
    }
    enter_range(COARSE4_LONG, blocks(COARSE_BITS), &mut set);
    let block = hash(*blocks(24).start(), WORD4);
    let (bits, what, level) =
        if network.prefix_len() <= 28 { (28, FIRST_28, HAS_28) } else { (32, FIRST_32, HAS_32) };
    blocks(bits).for_each(|prefix| enter_in_block(block, hash(prefix, what), &mut set));
    level
}

fn enter6(network: &Ipv6Net, mut set: impl FnMut(usize, u64)) -> u32 {
    let first_bits = |ip: Ipv6Addr, bits: u32| (ip.to_bits() >> (128 - bits)) as u64;
    let prefixes = |bits| first_bits(network.network(), bits)..=first_bits(network.broadcast(), bits);
    let len = u32::from(network.prefix_len());
    if len <= 16 {
        enter_range(SHORT6, prefixes(16), &mut set);
        return 0;
    }
    let level = len.next_multiple_of(4).clamp(32, 64);
    for prefix in prefixes(level) {
        let first_32 = hash(prefix >> (level - 32), WORD6_32);
        set(bloom_word(COARSE6, COARSE6_BITS, first_32), bloom_bits(first_32));
        let block = if level < 48 { first_32 } else { hash(prefix >> (level - 48), WORD6_48) };
        enter_in_block(block, hash(prefix, level), &mut set);
    }
    HAS_IPV6 << ((level - 32) / 4)
}

/// What `list_block_holds()` of the program looks for.
fn enter_in_block(block: u64, network: u64, set: &mut impl FnMut(usize, u64)) {
    set(bloom_word(BLOCKS, BLOCKS_BITS, block), bloom_bits(network));
    set(bloom_word(SURE, SURE_BITS, network), bloom_bits(network << 38));
}

/// Of a part of 2^`bits` words.
fn bloom_word(part: usize, bits: u32, hash: u64) -> usize {
    part + (hash >> 26 & ((1 << bits) - 1)) as usize
}

fn bloom_bits(hash: u64) -> u64 {
    1 << (hash >> 58) | 1 << ((hash >> 52) & 63) | 1 << ((hash >> 46) & 63)
}

/// Whole words at once.
fn enter_range(part: usize, bits: RangeInclusive<u64>, set: &mut impl FnMut(usize, u64)) {
    let (first, last) = bits.into_inner();
    for word in first / 64..=last / 64 {
        let from = if word == first / 64 { u64::MAX << (first % 64) } else { u64::MAX };
        let to = if word == last / 64 { u64::MAX >> (63 - last % 64) } else { u64::MAX };
        set(part + word as usize, from & to);
    }
}

/// `list_hash()` of the program.
fn hash(bits: u64, what: u32) -> u64 {
    let hash = (bits ^ (u64::from(what) << 57)).wrapping_mul(0xff51_afd7_ed55_8ccd);
    (hash ^ (hash >> 33)).wrapping_mul(0xc4ce_b9fe_1a85_ec53)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    fn bits_of(network: &str) -> (u32, BTreeMap<usize, u64>) {
        let mut found = BTreeMap::new();
        let levels =
            enter(&network.parse().unwrap(), |word, bits| *found.entry(word).or_default() |= bits);
        (levels, found)
    }

    #[test]
    fn a_short_ipv4_network_needs_a_bit_for_each_24() {
        for (network, coarse, fine) in [
            ("192.0.2.0/24", 1, 1),
            ("192.0.0.0/18", 1, 1 << 6),
            ("10.0.0.0/8", 1 << 10, 1 << 16),
            ("0.0.0.0/0", 1 << 18, 1 << 24),
        ] {
            let (levels, words) = bits_of(network);
            let count = |part: std::ops::Range<usize>| -> u32 {
                words.range(part).map(|(_, bits)| bits.count_ones()).sum()
            };
            let found = (levels, count(COARSE4_SHORT..COARSE4_LONG), count(SHORT4..BLOCKS));
            assert_eq!(found, (0, coarse, fine), "{network}");
            assert_eq!(words.range(COARSE4_LONG..SHORT4).count() + words.range(BLOCKS..).count(), 0);
        }
    }

    #[test]
    fn longer_networks_stand_at_the_next_level() {
        let ipv6 = |len: u32| HAS_IPV6 << ((len - 32) / 4);
        for (network, level, prefixes) in [
            ("192.0.2.7/32", HAS_32, 1),
            ("192.0.2.0/25", HAS_28, 8),
            ("2001::/16", 0, 0),
            ("2001:d00::/28", ipv6(32), 16),
            ("2001:db8::/32", ipv6(32), 1),
            ("2001:db8::/33", ipv6(36), 8),
            ("2001:db8::/45", ipv6(48), 8),
            ("2001:db8:7::/48", ipv6(48), 1),
            ("2001:db8:7:8::/64", ipv6(64), 1),
            ("2001:db8:7:8::9/128", ipv6(64), 1),
        ] {
            let (levels, words) = bits_of(network);
            assert_eq!((levels, words.range(SURE..).count()), (level, prefixes), "{network}");
        }
    }

    /// Networks of one word have bits of their own.
    #[test]
    fn the_bits_do_not_follow_from_the_word() {
        let bits = |network: &str| bits_of(network).1.range(BLOCKS..SURE).map(|(_, bits)| *bits).next();
        let of_one_word: std::collections::BTreeSet<_> =
            (0..16).map(|host| bits(&format!("192.0.2.{host}/32"))).collect();
        assert!(of_one_word.len() > 12);
        let own = |hash: u64, word: u64| bloom_bits(hash) == bloom_bits(word);
        assert!((0..64).all(|first| !own(hash(first, 32), hash(first, WORD6_32))));
    }

    /// Few networks of a list share a word, or bits in it.
    #[test]
    fn hashes_spread() {
        let fields: [fn(u64) -> u64; 3] = [|hash| hash >> 46, |hash| hash >> 28, |hash| hash >> 8];
        for (field, shift) in fields.iter().flat_map(|field| [0, 16, 32].map(|shift| (field, shift))) {
            let places: std::collections::BTreeSet<_> =
                (0..10_000_u64).map(|n| field(hash(n << shift, 64)) % (1 << 18)).collect();
            // By chance 9,812.
            assert!(places.len() > 9_700, "{} with {shift}", places.len());
        }
    }
}
