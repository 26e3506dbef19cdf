// SPDX-License-Identifier: GPL-2.0-only
//! Floods of real tools: what of them the rules match, and that no honest client does.

use fastrand::Rng;

use crate::samples::{ANSWERED, TOOLS, by_bots, halves, hits, honest, learned, share};

/// SYNs of honest clients that no search has seen.
const TRIED: usize = 10_000;

/// Of refused SYNs, honest ones: whoever comes while the pass rate is spent is refused too.
const HONEST_AMONG_REFUSED: usize = 100;

/// The share of a tool's SYNs that the rules must match. Mirai's bots draw window and MSS by lot, and send Linux' options:
/// the values of which many honest hosts have one are left to the challenge.
fn least(tool: &str) -> f64 {
    if tool == "mirai-like" { 0.75 } else { 0.99 }
}

#[test]
fn each_tool_is_matched_and_no_honest_client() {
    let answered = honest(ANSWERED, 1);
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
    let answered = honest(ANSWERED, 1);
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
        // Of a tool that is not matched whole, a part may be under the tenth of the flood that a rule has to match.
        let least = if tools[..4].contains(&"mirai-like") { 0.85 } else { 0.95 };
        assert!(share >= least, "{:?}: {share}", &tools[..4]);
        assert_eq!(kept_out, 0, "{:?}", &tools[..4]);
    }
}
