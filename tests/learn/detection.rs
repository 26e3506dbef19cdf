// SPDX-License-Identifier: GPL-2.0-only
//! Floods of real tools: what of them the rules match, and that no honest client does.

use fastrand::Rng;
use lab::captures::TOOLS;
use lab::stacks::STACKS;
use synflood_xdp::learn::Syn;

use crate::samples::{by_bots, captured, halves, hits, honest, known, learned, of, share};

/// SYNs of honest clients that no search has seen.
const TRIED: usize = 10_000;

/// Of refused SYNs, honest ones: whoever comes while the pass rate is spent is refused too.
const HONEST_AMONG_REFUSED: usize = 100;

/// The share of a tool's SYNs that the rules must match. See [`what_is_left_of_mirai_is_what_honest_clients_send`].
fn least(tool: &str) -> f64 {
    if tool == "mirai-like" { 0.97 } else { 0.99 }
}

#[test]
fn each_tool_is_matched_and_no_honest_client() {
    let answered = known(STACKS);
    let others = honest(TRIED, 2);
    for tool in TOOLS {
        let (seen, unseen) = halves(tool);
        let refused = [by_bots(&seen, 1900, 3), honest(HONEST_AMONG_REFUSED, 4)].concat();
        let found = learned(&refused, &answered);
        let share = share(&found, &by_bots(&unseen, 1000, 5));
        let kept_out = hits(&found, &others);
        println!("{tool:18} {:5.1} %  {kept_out} honest  {} rules", 100.0 * share, found.len());
        assert!(share >= least(tool), "{tool}: {share}");
        assert_eq!(kept_out, 0, "{tool}");
    }
}

#[test]
fn four_tools_at_once_are_matched_and_no_honest_client() {
    let answered = known(STACKS);
    let others = honest(TRIED, 2);
    for seed in 0..12 {
        let mut tools = TOOLS;
        Rng::with_seed(seed).shuffle(&mut tools);
        let mut refused = honest(HONEST_AMONG_REFUSED, 4);
        let mut flood = Vec::new();
        for tool in &tools[..4] {
            let (seen, unseen) = halves(tool);
            refused.extend(by_bots(&seen, 475, 3));
            flood.extend(by_bots(&unseen, 250, 5));
        }
        let found = learned(&refused, &answered);
        let share = share(&found, &flood);
        let kept_out = hits(&found, &others);
        println!(
            "{:5.1} %  {kept_out} honest  {} rules  {:?}",
            100.0 * share,
            found.len(),
            &tools[..4]
        );
        assert!(share >= 0.97, "{:?}: {share}", &tools[..4]);
        assert_eq!(kept_out, 0, "{:?}", &tools[..4]);
    }
}

/// Mirai's bots draw window and MSS by lot, and send Linux' options with a window scale of 6. Of all that they draw,
/// one in 64 is left: an MSS of 1400 with a window of 49,152 or more. An old Android has just that behind a tunnel.
#[test]
fn what_is_left_of_mirai_is_what_honest_clients_send() {
    let refused = [by_bots(&captured("mirai-like"), 3800, 3), honest(200, 4)].concat();
    let found = learned(&refused, &known(STACKS));
    let android = STACKS.iter().filter(|stack| stack.name == "Android 4");
    let is_the_same = |syn: &&Syn| {
        syn.bytes[24..32] == [2, 4, 5, 120, 4, 2, 8, 10]
            && syn.bytes[40..44] == [1, 3, 3, 6]
            && syn.bytes[4] >= 0xc0
    };
    let bots: Vec<Syn> = captured("mirai-like");
    let left = bots.iter().filter(|syn| !found.iter().any(|found| found.rule.matches(syn)));
    assert!(left.clone().count() > 0, "all is matched");
    assert_eq!(left.filter(|syn| !is_the_same(syn)).count(), 0, "{found:?}");
    assert!(of(android, 10_000, 5).iter().filter(is_the_same).count() > 10);
}
