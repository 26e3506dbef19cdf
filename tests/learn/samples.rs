// SPDX-License-Identifier: GPL-2.0-only
//! SYNs of tools and of honest clients.

use std::net::IpAddr;

use fastrand::Rng;
use lab::captures;
use lab::frames::ETHERNET_LEN;
use lab::stacks::{Crowd, STACKS, Stack};
use synflood_xdp::learn::answered::{Entry, Known, Time};
use synflood_xdp::learn::{Found, Syn, search};

/// Answered SYNs that the program keeps.
const ANSWERED: usize = 8192;

/// Clients of the server.
const HOSTS: usize = 5000;

/// Where a SYN has the TTL, as one less.
const TTL: usize = 0;

/// The SYNs of a capture, in order.
pub fn captured(name: &str) -> Vec<Syn> {
    let syn = |frame: &Vec<u8>| Syn::of_packet(&frame[ETHERNET_LEN..]).map(|(_, syn)| syn);
    captures::frames(name).iter().filter_map(syn).collect()
}

/// So many of these SYNs, drawn at random, from 1,000 bots, each at its own distance.
pub fn by_bots(syns: &[Syn], count: usize, seed: u64) -> Vec<Syn> {
    let mut rng = Rng::with_seed(seed);
    let hops: Vec<u8> = (0..1000).map(|_| rng.u8(1..=30)).collect();
    let draw = |_| {
        let mut syn = syns[rng.usize(..syns.len())];
        syn.bytes[TTL] -= hops[rng.usize(..hops.len())];
        syn
    };
    (0..count).map(draw).collect()
}

/// Every second SYN of a capture, to learn from, and the others, to try the rules on.
pub fn halves(name: &str) -> (Vec<Syn>, Vec<Syn>) {
    let all = captured(name);
    let every_second = |first| all.iter().skip(first).step_by(2).copied().collect();
    (every_second(0), every_second(1))
}

/// SYNs of honest clients of these stacks.
pub fn of<'a>(stacks: impl IntoIterator<Item = &'a Stack>, count: usize, seed: u64) -> Vec<Syn> {
    sent(stacks, seed).take(count).map(|(_, syn)| syn).collect()
}

/// What the program knows of clients of these stacks.
pub fn known<'a>(stacks: impl IntoIterator<Item = &'a Stack>) -> Vec<Known> {
    let entries = sent(stacks, 1).map(|(source, syn)| Entry::seen(syn, source, Time::Peace));
    entries.take(ANSWERED).map(|entry| entry.known()).collect()
}

fn sent<'a>(
    stacks: impl IntoIterator<Item = &'a Stack>,
    seed: u64,
) -> impl Iterator<Item = (IpAddr, Syn)> {
    let crowd = Crowd::new(stacks, HOSTS, seed);
    crowd.map(|packet| Syn::of_packet(&packet).expect("a stack sends SYNs"))
}

/// SYNs of honest clients as a server has them.
pub fn honest(count: usize, seed: u64) -> Vec<Syn> {
    of(STACKS, count, seed)
}

/// What a search finds, with nothing in use and nothing barred.
pub fn learned(refused: &[Syn], answered: &[Known]) -> Vec<Found> {
    search(refused, answered, &[], &|_| false)
}

pub fn hits(found: &[Found], syns: &[Syn]) -> usize {
    syns.iter().filter(|syn| found.iter().any(|found| found.rule.matches(syn))).count()
}

pub fn share(found: &[Found], syns: &[Syn]) -> f64 {
    hits(found, syns) as f64 / syns.len() as f64
}
