// SPDX-License-Identifier: GPL-2.0-only
//! The floods of single tools, and of several.

use lab::captures::TOOLS;

use crate::floods::{self, RATE};
use crate::gauge::{Course, HEAD, Row, UNTIL, observe, observe_until};
use crate::peace::{in_peace, new_server, newcomers};
use crate::visitors::Tally;

/// Longer than a trial needs, so that no SYN comes twice.
const SECONDS: usize = UNTIL as usize + 10;

/// That of bots: 1,000 times 12.5 SYNs a second.
const LEAST_RATE: f64 = 12_500.0;

/// What is to be matched of a tool and of a mixture. Mirai's bots send Linux' options, and draw the window by lot: some
/// have one that honest clients have.
fn least(tools: &[&str]) -> f64 {
    match tools {
        tools if tools.contains(&"mirai-like") => 0.85,
        [_] => 0.99,
        _ => 0.95,
    }
}

fn assert_held(name: &str, course: &Course, least: f64) {
    println!("{}\n    {}", Row(name, course), course.rules.join("\n    "));
    assert!(course.rate > 0.9 * LEAST_RATE, "{name}: {:.0} SYNs/s are no trial", course.rate);
    assert!(course.share >= least, "{name}: {:.2} % matched", course.share * 100.0);
    assert!(
        course.learner < 0.05,
        "{name}: the learner takes {:.1} % of a core",
        course.learner * 100.0
    );
    assert_eq!(course.visitors.beyond, 0, "{name}: {}", course.visitors);
}

#[test]
#[ignore = "takes minutes: make trials"]
fn one_tool() {
    println!("\n{HEAD}");
    let mut all = Tally::default();
    for (tool, seed) in TOOLS.iter().zip(3..) {
        let field = in_peace();
        let course = observe(&field, field.flood(floods::of(tool, SECONDS), RATE), newcomers(seed));
        all.add(&course.visitors);
        assert_held(tool, &course, least(&[tool]));
    }
    println!("{:63}{all}", "all");
    assert!(1000 * all.late < all.came, "{all}");
}

/// Of whose clients a thousand are known, and no more.
#[test]
#[ignore = "takes minutes: make trials"]
fn one_tool_and_a_new_server() {
    let field = new_server();
    let course = observe(&field, field.flood(floods::of("hping3", SECONDS), RATE), newcomers(3));
    assert_held("hping3, new server", &course, 0.99);
}

#[test]
#[ignore = "takes minutes: make trials"]
fn four_tools_at_once() {
    for tools in [
        ["hping3", "masscan", "zmap", "scapy"],
        ["nping", "mausezahn", "t50", "trafgen"],
        ["hping3-timestamp", "hping3-ports", "scapy", "mirai-like"],
    ] {
        let field = in_peace();
        let course = observe(&field, field.flood(floods::mixed(&tools, SECONDS), RATE), newcomers(3));
        assert_held(&tools.join(" "), &course, least(&tools));
    }
}

/// Each has a second, then the next one. What was learned of one must still be there when it comes again.
#[test]
#[ignore = "takes minutes: make trials"]
fn tools_that_alternate() {
    const TWICE_AROUND: f64 = 16.0;
    let tools = ["hping3", "masscan", "zmap", "mausezahn"];
    let field = in_peace();
    let flood = field.flood(floods::alternating(&tools, 2 * TWICE_AROUND as usize), RATE);
    let course = observe_until(&field, flood, newcomers(3), TWICE_AROUND);
    println!("by seconds: {:.2?}", course.shares);
    assert_held("four alternate", &course, 0.95);
}

/// A thousand bots forge no address.
#[test]
#[ignore = "takes minutes: make trials"]
fn bots() {
    for tool in ["hping3", "mirai-like"] {
        let field = in_peace();
        let frames = floods::of_bots(tool, SECONDS);
        let rate = frames.len() / SECONDS;
        let course = observe(&field, field.flood(frames, rate), newcomers(3));
        assert_held(&format!("bots: {tool}"), &course, least(&[tool]));
    }
}

#[test]
#[ignore = "takes minutes: make trials"]
fn over_ipv6() {
    let field = in_peace();
    let course = observe(&field, field.flood(floods::over_ipv6(SECONDS), RATE), newcomers(3));
    assert_held("hping3 over IPv6", &course, 0.99);
}
