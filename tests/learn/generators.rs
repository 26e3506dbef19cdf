// SPDX-License-Identifier: GPL-2.0-only
//! The honest stacks themselves: what is learned of them is worth as much as they are like real ones.

use std::collections::BTreeSet;

use lab::stacks::STACKS;
use synflood_xdp::learn::{Family, Syn};

use crate::samples::{captured, of};

/// Window, and the kinds of the options, in order.
fn shape(syn: &Syn) -> (u8, u16, Vec<u8>) {
    let end = usize::from(syn.bytes[14] >> 4) * 4 + 4;
    let options = &syn.bytes[24..end.min(48)];
    let mut kinds = Vec::new();
    let mut at = 0;
    while let Some(kind) = options.get(at) {
        kinds.push(*kind);
        at += match kind {
            0 | 1 => 1,
            _ => usize::from(*options.get(at + 1).unwrap_or(&2)).max(2),
        };
    }
    (syn.bytes[10] & 0x40, u16::from_be_bytes([syn.bytes[4], syn.bytes[5]]), kinds)
}

/// The one real stack that is here.
#[test]
fn linux_of_the_generator_is_linux() {
    let linux = STACKS.iter().find(|stack| stack.name == "Linux 5 and 6").unwrap();
    let made: BTreeSet<_> = of([linux], 5000, 1).iter().map(shape).collect();
    let usual: Vec<Syn> = captured("linux").into_iter().take(68).collect();
    assert_eq!(usual.len(), 68);
    for syn in &usual {
        assert!(made.contains(&shape(syn)), "{:?}", shape(syn));
    }
}

#[test]
fn hosts_of_a_stack_differ() {
    for stack in STACKS {
        let syns = of([stack], 1000, 1);
        let distances: BTreeSet<u8> = syns.iter().map(|syn| syn.bytes[0]).collect();
        let sequences: BTreeSet<&[u8]> = syns.iter().map(|syn| &syn.bytes[16..20]).collect();
        assert!(distances.len() > 20, "{}: {distances:?}", stack.name);
        assert!(
            distances.iter().all(|ttl| *ttl < stack.ttl - 1 && *ttl >= stack.ttl - 31),
            "{}",
            stack.name
        );
        assert!(sequences.len() > 900, "{}: {}", stack.name, sequences.len());
        let is_ipv6 = syns.iter().any(|syn| syn.family == Family::Ipv6);
        assert_eq!(is_ipv6, stack.ipv6, "{}", stack.name);
    }
}
