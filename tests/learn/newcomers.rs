// SPDX-License-Identifier: GPL-2.0-only
//! Honest clients that no sample has: a rule must not fit them by chance.

use lab::captures::TOOLS;
use lab::stacks::{STACKS, Stack};
use synflood_xdp::learn::Syn;

use crate::samples::{by_bots, captured, hits, honest, known, learned, of};

/// SYNs of each stack that are tried.
const TRIED: usize = 500;

fn all_but(stack: &Stack) -> impl Iterator<Item = &'static Stack> {
    let name = stack.name;
    STACKS.iter().filter(move |other| other.name != name)
}

/// Floods of four tools each, which have all tools together.
fn floods() -> Vec<(&'static [&'static str], Vec<Syn>)> {
    let flood = |tools: &'static [&'static str]| {
        (tools, tools.iter().flat_map(|tool| by_bots(&captured(tool), 500, 3)).collect())
    };
    TOOLS.chunks(4).map(flood).collect()
}

/// Mirai's SYNs are Linux' but for their numbers. So a host of a rare Linux may fall under a rule for them: fewer than one
/// in a thousand of all strangers, and its next SYN is challenged.
#[test]
fn a_stack_that_was_never_seen_is_not_matched() {
    let floods = floods();
    let mut matched = Vec::new();
    for stack in STACKS {
        let answered = known(all_but(stack));
        let strangers = of([stack], TRIED, 2);
        for (tools, flood) in &floods {
            let hits = hits(&learned(flood, &answered), &strangers);
            if hits > 0 {
                matched.push((stack.name, hits, tools));
            }
        }
    }
    let total: usize = matched.iter().map(|(_, hits, _)| hits).sum();
    let tried = STACKS.len() * TRIED;
    println!("{total} of {tried} strangers, {} floods each: {matched:?}", floods.len());
    assert!(matched.iter().all(|(_, _, tools)| tools.contains(&"mirai-like")), "{matched:?}");
    assert!(1000 * total < tried, "{matched:?}");
}

#[test]
fn a_crowd_of_known_stacks_gives_no_rule() {
    let answered = known(STACKS);
    for seed in 10..20 {
        let found = learned(&honest(2000, seed), &answered);
        assert_eq!(found, [], "crowd {seed}");
    }
}

/// Nothing in a SYN tells a new kind of device that comes in masses from a new tool. So the search may give a rule, and
/// it is for probation to see that the device answers. The figure is what probation has to do.
#[test]
fn a_crowd_with_a_new_stack_may_give_a_rule() {
    const OTHERS: usize = 2000;
    let mut given = Vec::new();
    for stack in STACKS {
        let answered = known(all_but(stack));
        let crowd = [of(all_but(stack), 1400, 20), of([stack], 600, 21)].concat();
        let found = learned(&crowd, &answered);
        if !found.is_empty() {
            given.push((stack.name, hits(&found, &of(all_but(stack), OTHERS, 22))));
        }
    }
    println!("rules for {} of {} new stacks in masses: {given:?}", given.len(), STACKS.len());
    // At least, a rule for one stack fits no other.
    assert!(given.iter().all(|(_, others)| *others <= OTHERS / 1000), "{given:?}");
}
