// SPDX-License-Identifier: GPL-2.0-only
//! Who is named as an attacker, and who is not.

use serde_json::json;

use super::super::{BEGINNING, Story};
use super::{assert_has, line, page_of, start, status, told};

fn over(fields: serde_json::Value) -> String {
    let mut over =
        json!({"lasted_s": 10.0, "challenged": 400, "dropped": 600, "connected": 5, "by_cookie": 5});
    over.as_object_mut().unwrap().extend(fields.as_object().unwrap().clone());
    line(40, "flood_over", over)
}

/// What the page has from this heading to the next.
fn section<'a>(page: &'a str, heading: &str) -> &'a str {
    let (_, rest) = page.split_once(&format!("<h2>{heading}</h2>")).unwrap_or_else(|| panic!("{page}"));
    rest.split("<h2>").next().unwrap()
}

#[test]
fn who_answers_stands_apart_and_bars_are_true_shares() {
    let page = page_of(&over(json!({
        "top_sources": [
            {"source": "192.0.2.1", "share": 0.3, "connected": 1234},
            {"source": "203.0.113.9", "share": 0.25, "connected": 0},
        ],
        "top_networks": [{"network": "203.0.113.0/24", "share": 0.4}],
    })));
    let worst = section(&page, "Worst sources");
    assert_has(worst, &["203.0.113.9</code></td><td class=\"n\">25.0\u{a0}%", "width:25.0%"]);
    assert!(!worst.contains("192.0.2.1"), "{worst}");
    let answering = section(&page, "Sources that answer: visitors, proxies, or bots that connect");
    assert_has(
        answering,
        &[
            "<th class=\"n\">answers</th>",
            "192.0.2.1</code></td><td class=\"n\">1,234</td><td class=\"n\">30.0",
            "width:30.0%",
        ],
    );
    assert!(!answering.contains("203.0.113.9"), "{answering}");
    assert_has(section(&page, "Worst networks"), &["width:40.0%"]);
}

#[test]
fn where_nobody_stands_out_nobody_is_named() {
    let page = page_of(&over(json!({
        "top_sources": [
            {"source": "192.0.2.1", "share": 0.0099, "connected": 3},
            {"source": "203.0.113.9", "share": 0.0099, "connected": 0},
        ],
        "top_networks": [{"network": "203.0.113.0/24", "share": 0.0099}],
    })));
    for (heading, words) in [
        ("Worst sources", "no source stands out"),
        ("Sources that answer: visitors, proxies, or bots that connect", "no source stands out"),
        ("Worst networks", "no network stands out"),
    ] {
        let section = section(&page, heading);
        assert!(section.contains(words) && !section.contains("<table"), "{section}");
    }
    assert!(!page.contains("192.0.2.1") && !page.contains("203.0.113"), "{page}");
    let unnamed = page_of(&over(json!({"top_sources": []})));
    assert_has(section(&unnamed, "Worst sources"), &["no source stands out"]);
}

/// A log that ends 20 s after the begin of a flood.
fn cut() -> String {
    let mut log = line(0, "start", start(1000));
    log += &line(30, "flood_begun", json!({"syn_per_s": 41_000}));
    log +=
        &line(31, "flood_kind", json!({"kind": "random", "heavy": ["203.0.113.9"], "sources": 9000}));
    (31..50).for_each(|second| log += &status(second, 39_985, Some((second - 30) as f64)));
    log
}

#[test]
fn a_log_that_is_cut_in_the_attack_names_the_heavy_sources() {
    let log = cut();
    let page = page_of(&log);
    assert_has(
        section(&page, "Worst sources"),
        &["203.0.113.9</code></td><td class=\"n\">5\u{a0}% or more"],
    );
    assert_has(&page, &["random sources and 1 address, 203.0.113.9", "The log ends in the attack"]);
    // What the run says in between has shares.
    let so_far = json!({"lasted_s": 20.0, "top_sources": [{"source": "203.0.113.9", "share": 0.5}]});
    let page = page_of(&(log + &line(50, "flood_goes_on", so_far)));
    assert_has(section(&page, "Worst sources"), &["203.0.113.9</code></td><td class=\"n\">50.0"]);
    assert_has(&page, &["The log ends in the attack"]);
}

#[test]
fn a_run_that_ends_with_the_flood_tells_of_it_in_its_summary() {
    let last = json!({
        "lasted_s": 19.0, "peak_syn_per_s": 42_000, "dropped": 777_000, "connected": 77, "refused": 3, "kind": "random",
        "heavy": [], "top_sources": [{"source": "203.0.113.9", "share": 0.5, "connected": 0}],
    });
    let summary =
        |second: i64, last| line(second, "summary", json!({"elapsed_s": second, "last_flood": last}));
    let page = page_of(&(cut() + &summary(50, last.clone())));
    assert_has(
        &page,
        &["attack of 19s on", "Visitors during the attack: 77 connected, 3 refused", "50.0\u{a0}%"],
    );
    // The same flood is not told twice, and one of before the log is not of the log.
    let twice = told(&(cut() + &line(50, "flood_over", last.clone()) + &summary(52, last.clone())));
    assert_eq!((twice.floods.count, twice.floods.counts.dropped), (1, 777_000.0));
    let before = told(&(status(1, 0, None) + &summary(2, last)));
    assert_eq!(before.floods.count, 0);
    assert_eq!(told(&(cut() + &summary(50, json!(null)))).floods.count, 1);
}

#[test]
fn an_end_alone_has_the_words_of_the_run_too() {
    let page = page_of(&over(json!({"kind": "random", "heavy": ["203.0.113.9"], "sources": null})));
    assert_has(&page, &["<dt>from</dt><dd>random sources and 1 address, 203.0.113.9</dd>"]);
}

#[test]
fn reasons_of_two_runs_are_added() {
    let run = |begin: i64, count: u64| {
        let reasons = json!({"drop_denied": count});
        line(begin, "start", start(1000))
            + &line(begin + 50, "summary", json!({"elapsed_s": 50.0, "reasons": reasons}))
    };
    let story: Story = told(&(run(0, 5) + &run(100, 37)));
    assert_eq!(story.reasons(), [("drop_denied".to_owned(), 42.0)]);
}

/// By its beginning a page is known as one, and replaced.
#[test]
fn a_page_begins_as_all_do() {
    assert!(page_of(&cut()).starts_with(BEGINNING));
}

#[test]
fn what_is_stopped_is_said_as_it_is_reckoned() {
    assert_has(&page_of(&over(json!({}))), &["neither passed nor became a connection by cookie"]);
}
