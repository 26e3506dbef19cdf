// SPDX-License-Identifier: GPL-2.0-only
//! Attackers who know the learner.

use std::collections::HashMap;

use fastrand::Rng;
use lab::stacks::STACKS;
use synflood_xdp::learn::Syn;

use crate::samples::{by_bots, captured, hits, honest, known, learned, of, share};

/// A SYN and what is changed in it.
type Step = (&'static str, fn(&mut Syn, &mut Rng));

/// An attacker who sends what many clients send is not told from them.
#[test]
fn a_copy_of_a_frequent_stack_gives_no_rule() {
    let answered = known(STACKS);
    for stack in STACKS {
        let found = learned(&of([stack], 2000, 30), &answered);
        println!("{:30} {:4} per mille: {} rules", stack.name, stack.per_mille, found.len());
        if stack.per_mille >= 20 {
            assert_eq!(found, [], "{}", stack.name);
        }
    }
}

/// A tool that sends always the same SYN, of the shape that Linux's have. Its fields become random one after the other,
/// as a program draws them. What is left in the end is the window scale.
#[test]
fn fields_become_random_one_by_one() {
    const STEPS: &[Step] = &[
        ("as it is", |_, _| ()),
        ("TTL", |syn, rng| syn.bytes[0] = rng.u8(20..255)),
        ("source port", |syn, rng| put(syn, 12, rng.u16(1024..))),
        ("destination port", |syn, rng| put(syn, 6, rng.u16(..))),
        ("sequence number", |syn, rng| syn.bytes[16..20].copy_from_slice(&rng.u32(..).to_be_bytes())),
        ("identification", |syn, rng| put(syn, 8, rng.u16(..))),
        ("don't fragment", |syn, rng| syn.bytes[10] = if rng.bool() { 0x40 } else { 0 }),
        ("TOS", |syn, rng| syn.bytes[1] = rng.u8(..64) << 2),
        ("time stamp", |syn, rng| syn.bytes[32..36].copy_from_slice(&rng.u32(..).to_be_bytes())),
        ("MSS", |syn, rng| put(syn, 26, rng.u16(536..1461))),
        ("window", |syn, rng| put(syn, 4, rng.u16(1..))),
        ("window scale", |syn, rng| syn.bytes[43] = rng.u8(..15)),
    ];
    let answered = known(STACKS);
    let others = honest(10_000, 2);
    let mut rng = Rng::with_seed(6);
    let mut flood = by_bots(&captured("mausezahn"), 2000, 3);
    // mausezahn acknowledges the 42nd byte of nobody.
    flood.iter_mut().for_each(|syn| syn.bytes[20..24].fill(0));
    let mut shares = HashMap::new();
    for (field, change) in STEPS {
        flood.iter_mut().for_each(|syn| change(syn, &mut rng));
        let found = learned(&flood, &answered);
        let (share, kept_out) = (share(&found, &flood), hits(&found, &others));
        println!("{field:18} {:5.1} %  {kept_out} honest  {} rules", 100.0 * share, found.len());
        assert!(kept_out <= 5, "{field}: {kept_out} honest of 10,000");
        shares.insert(*field, share);
    }
    let whole = shares.values().filter(|share| **share >= 0.99).count();
    assert_eq!(whole, STEPS.len() - 2, "{shares:?}");
    assert!(shares["window"] >= 0.6, "{shares:?}");
}

fn put(syn: &mut Syn, at: usize, value: u16) {
    syn.bytes[at..at + 2].copy_from_slice(&value.to_be_bytes());
}
