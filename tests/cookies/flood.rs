// SPDX-License-Identifier: GPL-2.0-only
//! The main purpose: a flood from random addresses, and clients that still connect.

use std::process::Stdio;
use std::time::Duration;

use lab::defence::{Defence, dump, source};
use lab::pair::Pair;
use lab::{Process, figures, pass, wait_for};
use nix::sys::signal::Signal;
use serde_json::Value;

/// SYNs from random addresses, a few thousand per second.
fn random_flood(pair: &Pair) -> Process {
    // Answers to forged sources need a route.
    let gateway = ["neighbour", "add", "10.0.255.254", "lladdr", "02:00:00:00:00:fe", "dev", "eth0"];
    pair.server.run("ip", &gateway);
    pair.server.run("ip", &["route", "add", "default", "via", "10.0.255.254"]);
    let args = ["-q", "-c", "600000", "-S", "-p", "80", "--rand-source", "-i", "u100", Pair::SERVER];
    let mut flood = pair.client.command("hping3", &args);
    Process(flood.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap())
}

fn status_lines(stdout: &str) -> Vec<Value> {
    let lines = stdout.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
    lines.filter(|line| line["type"] == "status").collect()
}

/// With the kernel's default settings.
#[test]
fn newcomers_and_known_sources_get_in() {
    let pair = lab::pair!();
    let _pass = pass::attach(&pair.client, "eth0");
    let directory = tempfile::tempdir().unwrap();
    let _nginx = pair.serve(directory.path());
    let options = ["--iface", "eth0", "--json", "--new-sources", "100", "--burst", "50"];
    let defence = Defence::start(&pair, &options);
    assert!(pair.is_served("10.0.0.4"), "known before the flood");

    let flood = random_flood(&pair);
    wait_for("the budget to be spent", || {
        (dump(&pair, &["--all"])["known_sources"].as_u64().unwrap() > 100).then_some(())
    });
    for _ in 0..10 {
        for client in ["10.0.0.1", "10.0.0.2", "10.0.0.4", "fd00:5::1", "fd00:5::2"] {
            assert!(pair.is_served(client), "{client}");
        }
    }
    let refusing = dump(&pair, &["--all"]);
    drop(flood);
    std::thread::sleep(Duration::from_secs(3)); // for status lines after the flood
    let ended = defence.signal(Signal::SIGTERM);
    let lines = status_lines(&ended.stdout);
    let during = lines.iter().filter(|line| line["flood_s"].is_number()).count();
    assert!(during > 0, "{}", ended.stdout);
    assert!(lines.iter().any(|line| line["challenged_per_s"].as_u64() > Some(0)));
    assert!(lines.last().unwrap()["flood_s"].is_null(), "{}", ended.stdout);

    let known = refusing["known_sources"].as_u64().unwrap();
    let most = 100 + 100 * (lines.len() as u64 + 2);
    assert!(known <= most, "{known} entries, at most {most} were due");
}

/// The SYNs within the budget fill a queue over time, because every half-open connection lives for some
/// seconds. Then the kernel's own cookies serve the sources that are within their own limit.
#[test]
fn a_known_source_is_served_without_challenges_too() {
    let pair = lab::pair!();
    let directory = tempfile::tempdir().unwrap();
    let _nginx = pair.serve(directory.path());
    let options = ["--iface", "eth0", "--quiet", "--challenge", "off", "--burst", "50"];
    let _defence = Defence::start(&pair, &options);
    assert!(pair.is_served("10.0.0.4"), "known before the flood");
    let _flood = random_flood(&pair);
    let is_full = || figures::half_open(&pair.server) >= 511;
    wait_for("nginx's queue to be full", || is_full().then_some(()));
    for _ in 0..20 {
        assert!(pair.is_served("10.0.0.4"));
    }
}

/// An office behind one address goes over its limit and is served by cookies. It is no attacker.
#[test]
fn a_source_served_by_cookies_does_not_lead_the_blocked() {
    let pair = lab::pair!();
    pair.set("net.ipv4.tcp_syncookies=2");
    let _pass = pass::attach(&pair.client, "eth0");
    let options = ["--iface", "eth0", "--json", "--challenge", "all", "--burst", "2", "--rate", "1/h"];
    let defence = Defence::start(&pair, &options);
    let directory = tempfile::tempdir().unwrap();
    let _nginx = pair.serve(directory.path());
    for _ in 0..20 {
        assert!(pair.is_served("10.0.0.1"));
    }
    let all = dump(&pair, &["--all"]);
    let office = source(&all, "10.0.0.1").unwrap();
    let counts = ["tokens", "passed", "challenged", "dropped"].map(|field| office[field].as_u64());
    assert_eq!(counts, [0, 2, 18, 0].map(Some), "{office}");
    let blocked = dump(&pair, &[]);
    assert_eq!(
        (blocked["blocked_sources"].as_u64(), blocked["sources"].as_array()),
        (Some(0), Some(&vec![]))
    );
    std::thread::sleep(Duration::from_millis(1_100)); // for a status line
    let ended = defence.signal(Signal::SIGTERM);
    assert_eq!(status_lines(&ended.stdout).last().unwrap()["blocked_sources"], 0, "{}", ended.stdout);
}
