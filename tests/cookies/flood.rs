// SPDX-License-Identifier: GPL-2.0-only
//! The main purpose: a flood from random addresses, and clients that still connect.

use std::process::Stdio;
use std::time::Duration;

use lab::defence::{Defence, dump, source};
use lab::pair::Pair;
use lab::{Process, pass, wait_for};
use nix::sys::signal::Signal;
use serde_json::Value;

use crate::setup::{Cookies, with_both_cookies};

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

with_both_cookies!(newcomers_and_known_sources_get_in, an_office_served_by_cookies_is_not_blocked);

/// With the kernel's default settings.
fn newcomers_and_known_sources_get_in(cookies: Cookies) {
    let pair = lab::pair!();
    let _pass = pass::attach(&pair.client, "eth0");
    let directory = tempfile::tempdir().unwrap();
    let _nginx = pair.serve(directory.path());
    let options = ["--iface", "eth0", "--json", "--pass-rate", "100", "--cookies", cookies.name()];
    let defence = Defence::start(&pair, &options);
    assert!(pair.is_served("10.0.0.4"), "known before the flood");

    let flood = random_flood(&pair);
    wait_for("the pass rate to be spent", || {
        (dump(&pair, &["--all"])["known_sources"].as_u64().unwrap() > 100).then_some(())
    });
    for _ in 0..10 {
        for client in ["10.0.0.1", "10.0.0.2", "10.0.0.4", "fd00:5::1", "fd00:5::2"] {
            assert!(pair.is_served(client), "{client}");
        }
    }
    let refusing = dump(&pair, &["--all"]);
    drop(flood);
    wait_for("status lines of the flood, and after it", || {
        let lines = status_lines(&defence.stdout());
        let tells_of_it = lines.iter().any(|line| line["flood_s"].is_number());
        (tells_of_it && lines.last()?["flood_s"].is_null()).then_some(())
    });
    let ended = defence.signal(Signal::SIGTERM);
    let lines = status_lines(&ended.stdout);
    assert!(lines.iter().any(|line| line["challenged_per_s"].as_u64() > Some(0)));

    let known = refusing["known_sources"].as_u64().unwrap();
    // A second's worth at once, and those that were served: IPv6 clients are one source.
    let most = 100 + 100 * (lines.len() as u64 + 2) + 4;
    assert!(known <= most, "{known} entries, at most {most} were due");
}

/// An office behind one address is over what the kernel gets unasked. It is no attacker.
fn an_office_served_by_cookies_is_not_blocked(cookies: Cookies) {
    let pair = cookies.pair();
    let _pass = pass::attach(&pair.client, "eth0");
    let directory = tempfile::tempdir().unwrap();
    let _nginx = pair.serve(directory.path());
    let options = ["--iface", "eth0", "--json", "--pass-rate", "2/h", "--cookies", cookies.name()];
    let defence = Defence::start(&pair, &options);
    for _ in 0..20 {
        assert!(pair.is_served("10.0.0.1"));
    }
    let all = dump(&pair, &["--all"]);
    let office = source(&all, "10.0.0.1").unwrap();
    let counts = ["passed", "challenged", "dropped", "connected"].map(|field| office[field].as_u64());
    // A rate of less than one a second holds one token.
    assert_eq!(counts, [1, 19, 0, 20].map(Some), "{office}");
    let blocked = dump(&pair, &[]);
    assert_eq!(
        (blocked["blocked_sources"].as_u64(), blocked["sources"].as_array()),
        (Some(0), Some(&vec![]))
    );
    std::thread::sleep(Duration::from_millis(1_100)); // for a status line
    let ended = defence.signal(Signal::SIGTERM);
    assert_eq!(status_lines(&ended.stdout).last().unwrap()["blocked_sources"], 0, "{}", ended.stdout);
}
