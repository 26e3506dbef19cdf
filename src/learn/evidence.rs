// SPDX-License-Identifier: GPL-2.0-only
//! Which bytes of a SYN say what has made it.
//!
//! Honest clients who were never seen before may share a lot that no client before them had: they come for another
//! port, over another network, from another distance. So these say nothing about a tool, however rare they were, and
//! a rule must do without them; they may only narrow one:
//!
//! - the TTL, which is the distance;
//! - the TOS, which networks set, as they clear "don't fragment", and ECN's flags, which a new release turns on;
//! - the destination port, which is the service, and the upper byte of the source port, which is a range that a
//!   NAT or a system takes ports from;
//! - the lower byte of the length, which follows from the options;
//! - the MSS, which is the network's (but for one that seems drawn by lot: the search sees to that), and a window that is a multiple of it;
//! - a timestamp, which is the time since a device was switched on;
//! - an identification or a flow label of zero, which RFC 6864 and RFC 6437 allow.
//!
//! What remains is what a program chose: window, options and their order, flags, and what honest systems draw by lot.
//! A new kind of device shares these too. That no sample can tell: probation and canaries do.

use super::syn::{
    DATA_OFFSET, FLAGS, FRAGMENT, Family, ID, LENGTH, OPTIONS, PORT, SOURCE_PORT, SYN_LEN, Syn, TOS,
    TTL, WINDOW,
};

const END_OF_OPTIONS: u8 = 0;
const NO_OPERATION: u8 = 1;
const MAXIMUM_SEGMENT_SIZE: u8 = 2;
const TIMESTAMPS: u8 = 8;

const DONT_FRAGMENT: u8 = 0x40;
/// A SYN that offers ECN (RFC 3168) has both; one that offers accurate ECN has AE too, beside the data offset.
const SYN_WITH_ECN: u8 = 0xc2;
const ACCURATE_ECN: u8 = 0x01;

/// A set of byte offsets in a SYN.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Offsets(u64);

impl Offsets {
    pub fn contains(self, at: usize) -> bool {
        self.0 >> at & 1 == 1
    }

    fn remove(&mut self, at: usize) {
        self.0 &= !(1 << at);
    }
}

/// The bytes of this SYN that say what has made it.
pub fn evidence(syn: &Syn) -> Offsets {
    let bytes = &syn.bytes;
    let mut evident = Offsets((1 << SYN_LEN) - 1);
    for at in [TTL, TOS, LENGTH + 1, PORT, PORT + 1, SOURCE_PORT] {
        evident.remove(at);
    }
    if bytes[FLAGS] == SYN_WITH_ECN {
        evident.remove(FLAGS);
    }
    if bytes[DATA_OFFSET] & 0x0f == ACCURATE_ECN {
        evident.remove(DATA_OFFSET);
    }
    let identification = match syn.family {
        Family::Ipv4 => ID..FRAGMENT,
        Family::Ipv6 => ID..SOURCE_PORT,
    };
    if bytes[identification.clone()].iter().all(|byte| *byte == 0) {
        identification.for_each(|at| evident.remove(at));
    }
    if syn.family == Family::Ipv4 && bytes[FRAGMENT] & !DONT_FRAGMENT == 0 {
        evident.remove(FRAGMENT);
    }
    let mss = remove_values(syn, &mut evident);
    if mss.is_some_and(|mss| follows(syn.number16(WINDOW), mss)) {
        evident.remove(WINDOW);
        evident.remove(WINDOW + 1);
    }
    evident
}

/// Removes what the options say about network and time. The MSS, if there is one.
fn remove_values(syn: &Syn, evident: &mut Offsets) -> Option<u16> {
    let mut mss = None;
    let end = syn.end();
    let mut at = OPTIONS;
    while at + 1 < end {
        let kind = syn.bytes[at];
        if kind == END_OF_OPTIONS {
            break;
        }
        if kind == NO_OPERATION {
            at += 1;
            continue;
        }
        let length = usize::from(syn.bytes[at + 1]).max(2);
        let value = (at + 2..(at + length).min(end))
            .filter(|_| matches!(kind, MAXIMUM_SEGMENT_SIZE | TIMESTAMPS));
        if kind == MAXIMUM_SEGMENT_SIZE && length == 4 && at + 4 <= end {
            mss = Some(syn.number16(at + 2));
        }
        // Only the time itself: what it echoes is zero in a SYN.
        value.take(4).for_each(|at| evident.remove(at));
        at += length;
    }
    mss
}

/// Systems offer a multiple of what one segment holds: with or without timestamps (12 bytes), or headers (40, 60).
fn follows(window: u16, mss: u16) -> bool {
    let segments = [mss, mss.saturating_sub(12), mss.saturating_add(40), mss.saturating_add(60)];
    mss >= 64 && window > 0 && segments.iter().any(|segment| window.is_multiple_of(*segment))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::learn::syn::SEQUENCE;
    use crate::learn::tools::{Maker, linux, set};

    fn said_by(change: impl Fn(&mut Syn)) -> Offsets {
        let mut syn = linux(&mut Maker::new(1));
        change(&mut syn);
        evidence(&syn)
    }

    #[test]
    fn where_a_client_is_and_what_it_wants_say_nothing() {
        let evident = said_by(|_| ());
        for at in [TTL, TOS, LENGTH + 1, PORT, PORT + 1, SOURCE_PORT, FRAGMENT] {
            assert!(!evident.contains(at), "{at}");
        }
        for at in [LENGTH, SOURCE_PORT + 1, DATA_OFFSET, SEQUENCE, OPTIONS, SYN_LEN - 1] {
            assert!(evident.contains(at), "{at}");
        }
    }

    #[test]
    fn the_values_of_options_are_the_networks() {
        let evident = said_by(|_| ());
        // MSS, SACK permitted, timestamps, no operation, window scale.
        let values = [2, 3, 8, 9, 10, 11].map(|at| OPTIONS + at);
        for at in OPTIONS..SYN_LEN {
            assert_eq!(evident.contains(at), !values.contains(&at), "{at}");
        }
    }

    #[test]
    fn a_window_that_follows_from_the_mss_is_the_networks() {
        let window = |window: u16| {
            let evident = said_by(|syn| {
                set(syn, OPTIONS + 2, 1460);
                set(syn, WINDOW, window);
            });
            evident.contains(WINDOW)
        };
        assert!(!window(44 * 1460));
        assert!(!window(20 * 1448));
        assert!(window(1024));
        assert!(window(0));
        assert!(window(u16::MAX));
    }

    #[test]
    fn ecn_says_nothing_and_odd_flags_do() {
        assert!(!said_by(|syn| syn.bytes[FLAGS] = 0xc2).contains(FLAGS));
        assert!(said_by(|syn| syn.bytes[FLAGS] = 0x22).contains(FLAGS));
        assert!(!said_by(|syn| syn.bytes[DATA_OFFSET] |= 1).contains(DATA_OFFSET));
        assert!(said_by(|syn| syn.bytes[DATA_OFFSET] |= 4).contains(DATA_OFFSET));
    }

    #[test]
    fn an_identification_of_zero_says_nothing() {
        let id = |id: u16| {
            said_by(|syn| syn.bytes[ID..FRAGMENT].copy_from_slice(&id.to_be_bytes())).contains(ID)
        };
        assert!(!id(0));
        assert!(id(54321));
        assert!(said_by(|syn| syn.bytes[FRAGMENT] = 0x80).contains(FRAGMENT), "a reserved bit");
    }

    #[test]
    fn odd_options_are_read_to_their_end() {
        let syn = said_by(|syn| syn.bytes[OPTIONS..].copy_from_slice(&[8; 24]));
        assert!(syn.contains(OPTIONS));
        let syn = said_by(|syn| syn.bytes[OPTIONS..].copy_from_slice(&[[8, 0]; 12].concat()));
        assert!(syn.contains(OPTIONS));
    }
}
