// SPDX-License-Identifier: GPL-2.0-only
//! Attackers who know the learner.

use std::collections::HashMap;
use std::sync::LazyLock;

use fastrand::Rng;
use lab::stacks::STACKS;
use synflood_xdp::learn::{Family, Syn};

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

/// What a program can draw by lot in any SYN.
const HEADER: &[Step] = &[
    ("nothing", |_, _| ()),
    ("TTL", |syn, rng| syn.bytes[0] = rng.u8(20..255)),
    ("source port", |syn, rng| put(syn, 12, rng.u16(1024..))),
    ("destination port", |syn, rng| put(syn, 6, rng.u16(..))),
    ("sequence number", |syn, rng| syn.bytes[16..20].copy_from_slice(&rng.u32(..).to_be_bytes())),
    ("identification", |syn, rng| put(syn, 8, rng.u16(..))),
    ("don't fragment", |syn, rng| syn.bytes[10] = if rng.bool() { 0x40 } else { 0 }),
    ("TOS", |syn, rng| syn.bytes[1] = rng.u8(..64) << 2),
];

/// The fields become random one after the other. The share of the flood that is matched after each step.
fn one_by_one(mut flood: Vec<Syn>, further: &[Step]) -> HashMap<&'static str, f64> {
    let (answered, others) = (known(STACKS), honest(10_000, 2));
    let mut rng = Rng::with_seed(6);
    let mut step = |(field, change): &Step| {
        flood.iter_mut().for_each(|syn| change(syn, &mut rng));
        let found = learned(&flood, &answered);
        let (share, kept_out) = (share(&found, &flood), hits(&found, &others));
        println!("{field:22} {:5.1} %  {kept_out} honest  {} rules", 100.0 * share, found.len());
        assert!(kept_out <= 5, "{field}: {kept_out} honest of 10,000");
        (*field, share)
    };
    HEADER.iter().chain(further).map(&mut step).collect()
}

/// A tool that sends always the same SYN, of the shape that Linux's have. What is left in the end is the window scale.
#[test]
fn fields_of_a_syn_like_linux_become_random_one_by_one() {
    let mut flood = by_bots(&captured("mausezahn"), 2000, 3);
    // mausezahn acknowledges the 42nd byte of nobody.
    flood.iter_mut().for_each(|syn| syn.bytes[20..24].fill(0));
    let further: &[Step] = &[
        ("time stamp", |syn, rng| syn.bytes[32..36].copy_from_slice(&rng.u32(..).to_be_bytes())),
        ("MSS", |syn, rng| put(syn, 26, rng.u16(536..1461))),
        ("window", |syn, rng| put(syn, 4, rng.u16(1..))),
        ("window scale", |syn, rng| syn.bytes[43] = rng.u8(..15)),
    ];
    let shares = one_by_one(flood, further);
    let whole = shares.values().filter(|share| **share >= 0.99).count();
    assert_eq!(whole, HEADER.len() + further.len() - 2, "{shares:?}");
    assert!(shares["window"] >= 0.6, "{shares:?}");
}

/// hping3, which sends no options. In the end it has those of honest clients, beside a header that they have not.
#[test]
fn fields_of_hping3_become_random_one_by_one() {
    let mut flood = by_bots(&captured("hping3"), 2000, 3);
    // It is random, and honest clients have none: that alone would do.
    flood.iter_mut().for_each(|syn| syn.bytes[20..24].fill(0));
    let further: &[Step] = &[
        ("window", |syn, rng| put(syn, 4, rng.u16(1..))),
        ("an MSS", |syn, rng| {
            put_options(syn, &[[2, 4].as_slice(), &rng.u16(536..1461).to_be_bytes()].concat());
        }),
        ("options of some stack", |syn, rng| {
            let options = &COPIED[rng.usize(..COPIED.len())];
            put_options(syn, options);
        }),
    ];
    let shares = one_by_one(flood, further);
    let whole = shares.values().filter(|share| **share >= 0.99).count();
    assert_eq!(whole, HEADER.len() + further.len() - 2, "{shares:?}");
    assert!(shares["an MSS"] >= 0.6, "{shares:?}");
}

/// The options of honest clients' SYNs.
static COPIED: LazyLock<Vec<Vec<u8>>> = LazyLock::new(|| {
    let ipv4 = honest(2000, 9).into_iter().filter(|syn| syn.family == Family::Ipv4);
    ipv4.map(|syn| syn.bytes[24..syn.end()].to_vec()).collect()
});

/// In place of those that it has.
fn put_options(syn: &mut Syn, options: &[u8]) {
    syn.bytes[24..].fill(0);
    syn.bytes[24..24 + options.len()].copy_from_slice(options);
    put(syn, 2, 40 + options.len() as u16);
    syn.bytes[14] = (5 + options.len() as u8 / 4) << 4;
}

fn put(syn: &mut Syn, at: usize, value: u16) {
    syn.bytes[at..at + 2].copy_from_slice(&value.to_be_bytes());
}
