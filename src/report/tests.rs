// SPDX-License-Identifier: GPL-2.0-only
//! From the lines of a log to the page.

mod attackers;

use std::fmt::Write as _;
use std::io::{self, BufReader, Read};

use serde_json::{Value, json};

use super::{Story, page, read};

/// 2026-11-26T03:12:00Z.
const BEGIN: i64 = 1_795_662_720;

fn line(second: i64, kind: &str, mut fields: Value) -> String {
    let time = chrono::DateTime::from_timestamp(BEGIN + second, 123_000_000).unwrap();
    fields["type"] = kind.into();
    fields["time"] = time.to_rfc3339_opts(chrono::SecondsFormat::Millis, true).into();
    format!("{fields}\n")
}

fn status(second: i64, dropped: u64, flood_s: Option<f64>) -> String {
    let fields = json!({
        "elapsed_s": second, "syn_per_s": dropped + 15, "passed_per_s": 10, "challenged_per_s": 5, "dropped_per_s": dropped,
        "connected_per_s": 12, "by_cookie_per_s": 2, "refused_per_s": 1, "blocked_sources": 3, "flood_s": flood_s,
        "reasons": {"pass_within_limit": 10, "challenge_sent": 5, "drop_over_limit": dropped},
        "queues": [{"port": 443, "length": second, "limit": 4096}],
    });
    line(second, "status", fields)
}

fn start(pass_rate: u64) -> Value {
    json!({"interfaces": [{"name": "eth0", "mode": "skb"}], "pass_rate": pass_rate, "dry_run": false})
}

/// A flood of a minute in a log of two, with all that a run may tell of it.
fn log() -> String {
    let mut log = line(0, "start", start(1000));
    (1..30).for_each(|second| log += &status(second, 0, None));
    log += &line(30, "flood_begun", json!({"syn_per_s": 41_000}));
    log += &line(31, "flood_kind", json!({"kind": "few", "heavy": ["203.0.113.9"]}));
    log += &line(31, "source_blocked", json!({"source": "203.0.113.9", "service": null}));
    (31..90).for_each(|second| log += &status(second, 39_985, Some((second - 30) as f64)));
    let over = json!({
        "lasted_s": 60.0, "peak_syn_per_s": 41_000, "passed": 610, "challenged": 400, "dropped": 2_400_000,
        "connected": 52_001, "by_cookie": 390, "refused": 31, "kind": "few", "sources": 9_120,
        "top_sources": [{"source": "203.0.113.9", "share": 0.94}],
        "top_networks": [{"network": "203.0.113.0/24", "share": 0.95}],
        "ports": [{"port": 443, "share": 1.0}],
    });
    log += &line(90, "flood_over", over);
    log += &line(
        91,
        "source_released",
        json!({"source": "203.0.113.9", "service": null, "blocked_s": 59.0, "dropped": 2_300_000}),
    );
    log += &line(91, "start", start(900));
    (91..120).for_each(|second| log += &status(second, 0, None));
    let reasons = json!({"drop_over_limit": 2_359_115, "pass_within_limit": 1_234, "skip_not_tcp": 0});
    log + &line(120, "summary", json!({"elapsed_s": 120.0, "passed": 1_234, "reasons": reasons}))
}

fn told(log: &str) -> Story {
    read(log.as_bytes()).unwrap()
}

fn page_of(log: &str) -> String {
    page(&told(log), "a.jsonl").unwrap()
}

#[track_caller]
fn assert_has(page: &str, all: &[&str]) {
    for text in all {
        assert!(page.contains(text), "{text} is not in {page}");
    }
}

/// Axes and their marks are thinner.
fn curves(page: &str) -> usize {
    page.lines()
        .filter(|line| line.starts_with("<polyline") && line.contains("stroke-width=\"2\""))
        .count()
}

#[test]
fn the_page_has_what_the_log_tells() {
    let page = page_of(&log());
    assert_has(
        &page,
        &[
            "<h1>eth0: attack of 1m on 26 Nov 2026, 41.0k SYN/s at most, 99.96\u{a0}% stopped</h1>",
            "Visitors during the attack: 52,001 connected, 31 refused",
            "<code>203.0.113.9</code></td><td class=\"n\">94.0\u{a0}%",
            "<code>203.0.113.0/24</code></td><td class=\"n\">95.0\u{a0}%",
            "<code>443</code></td><td class=\"n\">100\u{a0}%",
            "<td class=\"n\">2,300,000</td>",
            "<code>drop_over_limit</code></td><td class=\"n\">2,359,115</td><td>no token in its source's connection bucket",
            "pass rate 900/s (before: 1000/s)",
            "<td>443</td><td class=\"n\">119</td><td class=\"n\">4,096</td>",
            "the flood is of 1 address, 203.0.113.9",
            "26 Nov 2026 03:13:30 UTC</td><td>the flood is over after 1m, 41.0k SYN/s at most",
        ],
    );
    assert!(!page.contains("skip_not_tcp") && !page.contains("about "), "{page}");
    assert_eq!(curves(&page), 6);
    for elsewhere in ["src=", "href=", "url(", "@import", "<script", "<link"] {
        assert!(!page.contains(elsewhere), "{elsewhere}: {page}");
    }
}

/// What an older run wrote: no times, no events of floods.
#[test]
fn an_old_log_has_a_page_too() {
    let mut log =
        String::from("{\"type\":\"start\",\"interfaces\":[{\"name\":\"eth0\",\"mode\":\"skb\"}]}\n");
    for second in 1..100 {
        let flood_s = if (20..80).contains(&second) { json!(second - 19) } else { Value::Null };
        let fields = json!({
            "type": "status", "elapsed_s": second, "syn_per_s": 5000, "passed_per_s": 50, "challenged_per_s": 4000,
            "dropped_per_s": 950, "connected_per_s": 7, "blocked_sources": 0, "flood_s": flood_s,
        });
        writeln!(log, "{fields}").unwrap();
    }
    let page = page_of(&log);
    assert_has(
        &page,
        &[
            "<h1>eth0: attack of 1m, 5.00k SYN/s at most, 99.0\u{a0}% stopped</h1>",
            "Visitors during the attack: about 420 connected<",
            "The log does not name the sources of the attack.",
        ],
    );
    assert_eq!(curves(&page), 4);
}

#[test]
fn a_log_without_an_attack_says_so() {
    let log: String = (1..60).map(|second| status(second, 0, None)).collect();
    assert_has(
        &page_of(&log),
        &["a run: no attack in 58s on 26 Nov 2026, 15 SYN/s at most<", "no beginning of a run"],
    );
}

#[test]
fn a_dry_run_stops_nothing() {
    let log = log().replace("\"dry_run\":false", "\"dry_run\":true");
    assert_has(
        &page_of(&log),
        &["99.96\u{a0}% would have been stopped (dry run)", "nothing was dropped"],
    );
}

#[test]
fn a_log_that_ends_in_the_attack_says_so() {
    let log: String = log().lines().take(60).map(|line| format!("{line}\n")).collect();
    assert_has(
        &page_of(&log),
        &[
            "eth0: attack of at least ",
            "not over when the log ends, on 26 Nov",
            "The log ends in the attack",
        ],
    );
}

#[test]
fn nothing_of_the_log_becomes_markup() {
    const EVIL: &str = "<script>alert(1)</script><img src=x onerror=\"a\" '&";
    let mut log = line(
        0,
        "start",
        json!({
            "interfaces": [{"name": EVIL, "mode": EVIL}], "challenge": EVIL, "ports": [EVIL], "unchallenged": {EVIL: EVIL},
            "services": [{"name": EVIL, "ports": EVIL}],
        }),
    );
    for (kind, field) in [
        ("note", "text"),
        ("warning", "text"),
        ("detached", "interface"),
        ("flood_kind", "kind"),
        ("rate_refusing", "rate"),
        ("network_limited", "network"),
        ("source_blocked", "source"),
    ] {
        log += &line(1, kind, json!({field: EVIL}));
    }
    log += &line(1, "entry_expired", json!({"network": EVIL, "verdict": EVIL}));
    for _ in 0..2 {
        log += &line(
            2,
            "flood_over",
            json!({
                "lasted_s": 1.0, "dropped": 5, "kind": EVIL, "top_sources": [{"source": EVIL, "share": 1.0}],
                "top_networks": [{"network": EVIL, "share": 1.0}],
            }),
        );
    }
    log += &line(3, "summary", json!({"reasons": {EVIL: 5}}));
    let page = page(&told(&log), EVIL).unwrap();
    assert!(page.matches("&lt;script&gt;").count() >= 15, "{page}");
    assert!(!page.contains("<script") && !page.contains("<img"), "{page}");
}

#[test]
fn lines_that_cannot_be_read_are_counted_and_the_rest_is_told() {
    let mut bytes = log().into_bytes();
    bytes.extend(b"{\"type\":\"status\",\"elapsed_s\":\"x\"}\n\n[]\n{}\nnot JSON\n\xff\xfe\n{\"type\":\"later\"}\n{\"type\":\"sta");
    let story = read(&bytes[..]).unwrap();
    assert_eq!((story.lines, story.broken, story.unknown), (told(&log()).lines, 6, 1));
    assert_has(&page(&story, "x").unwrap(), &["which are not in the figures: 6<", "52,001"]);
}

#[test]
fn what_is_no_log_is_an_error() {
    for (text, count) in
        [("", 0), ("\n\n", 0), ("an essay\nof two lines", 2), ("{\"instances\":[]}\n", 1)]
    {
        let error = read(text.as_bytes()).unwrap_err().to_string();
        assert!(
            error.contains(&format!("no line of a run is in the log (other lines: {count})")),
            "{error}"
        );
    }
}

/// A gigabyte in one line must not be kept in memory; the line behind it counts.
#[test]
fn an_endless_line_is_passed_over() {
    let endless = io::repeat(b'x').take(100 << 20);
    let rest = format!("\n{}", log());
    let story = read(BufReader::new(endless.chain(rest.as_bytes()))).unwrap();
    assert_eq!((story.broken, story.lines), (1, told(&log()).lines));
}
