// SPDX-License-Identifier: GPL-2.0-only
//! The command `rule`, what a running instance says of its rules, and `learn --honest` for it.

use std::fs::File;
use std::net::{IpAddr, Ipv4Addr, TcpListener, TcpStream};
use std::path::Path;
use std::time::Duration;

use lab::defence::{Defence, dump};
use lab::forger::Forger;
use lab::frames::segment;
use lab::pair::Pair;
use lab::wait_for;
use nix::sys::signal::Signal;
use pcap_file::DataLink;
use pcap_file::pcap::{PcapHeader, PcapPacket, PcapWriter};
use serde_json::Value;
use synflood_xdp::kernel::instance::{self, State};
use synflood_xdp::kernel::interface::Interface;
use synflood_xdp::kernel::maps::lists::Lock;
use synflood_xdp::kernel::maps::rules::{self, Entry};

use crate::lists::{run, said};

/// What hping3 sends.
const TOOL: &str = "ipv4,window=512,options=none";

const PATIENCE: Duration = Duration::from_millis(500);

/// It must fail with this status, and say this on standard error only.
#[track_caller]
fn assert_refused(pair: &Pair, args: &[&str], status: i32, words: &str) {
    let output = run(pair, args);
    let error = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(status), "{args:?}: {error}");
    assert!(output.stdout.is_empty() && error.contains(words), "{args:?}: {error}");
}

/// Of the only instance, in JSON.
fn rules(pair: &Pair) -> Vec<Value> {
    let listed: Value = serde_json::from_str(&said(pair, &["rule", "list", "--json"])).unwrap();
    listed["instances"][0]["rules"].as_array().unwrap().clone()
}

fn status(pair: &Pair) -> Value {
    let status: Value = serde_json::from_str(&said(pair, &["status", "--json"])).unwrap();
    status["instances"][0].clone()
}

/// SYNs of a tool: each from another address, with another sequence number.
fn flood() -> Vec<Vec<u8>> {
    let to = (Pair::SERVER.parse::<IpAddr>().unwrap(), 80).into();
    let frame = |number: u32| {
        let from = (Ipv4Addr::from_bits(0xc612_0000 + number), 2_000).into();
        segment(from, to, &[], |tcp| {
            (tcp.syn, tcp.window_size, tcp.sequence_number) = (true, 512, number);
        })
    };
    (0..30_000).map(frame).collect()
}

fn listen(pair: &Pair) -> TcpListener {
    pair.server.enter(|| TcpListener::bind((Pair::SERVER, 80)).unwrap())
}

fn connects(pair: &Pair) -> bool {
    let to = (Pair::SERVER.parse::<IpAddr>().unwrap(), 80).into();
    pair.client.enter(|| TcpStream::connect_timeout(&to, PATIENCE).is_ok())
}

fn count(rule: &Value, field: &str) -> u64 {
    rule[field].as_u64().unwrap()
}

/// How many frames there were by this reason.
fn frames(pair: &Pair, reason: &str) -> u64 {
    dump(pair, &[])["reasons"][reason].as_u64().unwrap()
}

#[test]
fn a_rule_drops_the_flood_of_a_tool_until_it_is_removed() {
    let pair = lab::pair!();
    let _listener = listen(&pair);
    let _defence = Defence::start(&pair, &["--iface", "eth0", "--quiet"]);
    let added = said(&pair, &["rule", "add", TOOL, "--for", "1h"]);
    let expected = "eth0: rule 9 drops what looks like this for 1h: win 512, no options\n\
                    warning: nothing is known of honest clients yet, so nobody knows whom this keeps out: ";
    assert!(added.starts_with(expected), "{added}");

    let forger = Forger::start(&pair, "eth0", flood(), Some(4_000));
    wait_for("SYNs that the rule drops", || (count(&rules(&pair)[0], "dropped") > 200).then_some(()));
    assert!(connects(&pair), "who does not look like this");
    let observer = pair.synflood(&["observe", "-i", "eth0", "--verdict", "drop", "--count", "3"]);
    let observed = { observer }.output().unwrap();
    let observed = String::from_utf8(observed.stdout).unwrap();
    assert_eq!(observed.matches("  drop_learned_rule (rule 9)\n").count(), 3, "{observed}");
    forger.stop();

    let rule = &rules(&pair)[0];
    let parts = ["dropped", "canaries", "repeated", "spared"].map(|part| count(rule, part));
    assert_eq!(parts.iter().sum::<u64>(), count(rule, "matched"), "{rule}");
    assert!(parts[1] > 0 && count(rule, "answered") == 0, "{rule}");
    assert_eq!((&rule["stage"], &rule["origin"]), (&"in_force".into(), &"added".into()));
    assert!(rule["left_s"].as_f64() > Some(3_500.0) && rule["found"].is_null(), "{rule}");
    let text = said(&pair, &["rule", "list"]);
    assert!(text.starts_with("eth0 (skb): 1 rule in force\nrule 9   win 512, no options\n"), "{text}");
    let learner = "learner: still learning (";
    let text = wait_for("the run to say what its learner is at", || {
        let text = said(&pair, &["status"]);
        text.contains(learner).then_some(text)
    });
    let of_rule = "; 1 rule in force\n  rule 9 (in force) win 512, no options: ";
    assert!(text.contains(of_rule), "{text}");
    assert_eq!(status(&pair)["rules"][0]["rule"], TOOL);

    let removed = said(&pair, &["rule", "remove", "9"]);
    assert!(removed.starts_with("eth0: rule 9 is removed, which dropped "), "{removed}");
    let dropped = frames(&pair, "drop_learned_rule");
    assert!(dropped > 200);
    let passed = frames(&pair, "pass_within_limit");
    let _forger = Forger::start(&pair, "eth0", flood(), Some(4_000));
    wait_for("SYNs that pass", || (frames(&pair, "pass_within_limit") > passed + 100).then_some(()));
    assert_eq!(frames(&pair, "drop_learned_rule"), dropped);
    assert!(rules(&pair).is_empty());
}

#[test]
fn explain_says_that_rules_may_meet_a_client_and_whom_they_spare() {
    let pair = lab::pair!();
    let _listener = listen(&pair);
    let _defence = Defence::start(&pair, &["--iface", "eth0", "--quiet"]);
    let explained = |address: &str| said(&pair, &["explain", address, "--port", "80"]);
    assert!(!explained("198.18.0.1").contains("learned rules"));
    said(&pair, &["rule", "add", TOOL]);
    let text = explained("198.18.0.1");
    let expected = [
        "rule 9 (in force) win 512, no options: 0 matched",
        "learned rules: 1 in force; they drop what looks like them",
        "but when it looks like a rule in force, at first: repeated within 8 s it is judged as without rules: \
         drop_learned_rule",
    ];
    expected.iter().for_each(|words| assert!(text.contains(words), "{text}"));
    assert!(!explained("2001:db8::1").contains("learned rules"), "of the other family");
    assert!(connects(&pair));
    let text = wait_for("a client that has connected", || {
        Some(explained("10.0.0.1")).filter(|text| text.contains("it connected within the hour"))
    });
    assert!(!text.contains("drop_learned_rule"), "{text}");
}

#[test]
fn a_rule_is_watched_promoted_and_ends() {
    let pair = lab::pair!();
    let defence = Defence::start(&pair, &["--iface", "eth0", "--quiet"]);
    let added = said(&pair, &["rule", "add", TOOL, "--watch"]);
    assert_eq!(added, "eth0: rule 9 only counts what looks like this: win 512, no options\n");
    let forger = Forger::start(&pair, "eth0", flood(), Some(1_000));
    let watched =
        wait_for("matches", || Some(rules(&pair).remove(0)).filter(|rule| count(rule, "matched") > 50));
    assert_eq!((&watched["stage"], count(&watched, "dropped")), (&"watched".into(), 0));
    let added = said(&pair, &["rule", "add", TOOL, "--for", "2s"]);
    assert!(added.starts_with("eth0: rule 9 drops what looks like this for 2s: "), "{added}");
    wait_for("drops", || (frames(&pair, "drop_learned_rule") > 0).then_some(()));
    wait_for("its end", || rules(&pair).is_empty().then_some(()));
    forger.stop();
    let sentence = "rule 9 has ended: win 512, no options; its time is over";
    wait_for("the run to say so", || defence.stderr().contains(sentence).then_some(()));
    defence.signal(Signal::SIGTERM);
}

#[test]
fn what_is_no_use_as_a_rule_is_refused() {
    let pair = lab::pair!();
    let _defence = Defence::start(&pair, &["--iface", "eth0", "--quiet"]);
    let refused = |args: &[&str], status, words| {
        assert_refused(&pair, &[&["rule"], args].concat(), status, words);
    };
    for (words, text) in [
        (&["add"][..], "<SPEC>"),
        (&["add", "win 512"], "a rule begins with ipv4 or ipv6, not 'win 512'"),
        (&["add", "ipv4"], "'ipv4' matches everything"),
        (&["add", "ipv4,ttl=60-64"], "'60-64' is no value of 'ttl': give 64, 33-64"),
        (&["add", "ipv6,flags=0x02"], "'ipv6,flags=0x02' is what every SYN has"),
        (&["add", "ipv4,options=none,option-bytes=0x02"], "matches nothing: its header ends before"),
        (&["add", TOOL, "--for", "0s"], "give more than no time, like 10m"),
        (&["remove", "0"], "give a number from 1 to 16, as `rule list` shows it, or all"),
        (&["remove", "17"], "give a number from 1 to 16"),
    ] {
        refused(words, 2, text);
    }
    assert_refused(&pair, &["learn", "--attack", "a.pcap"], 2, "--honest <FILE>");
    let both = ["learn", "--attack", "a.pcap", "--honest", "b.pcap", "--iface", "eth0"];
    assert_refused(&pair, &both, 2, "cannot be used with");
    refused(&["add", TOOL, "-i", "none0"], 1, "none0");
    refused(&["remove", "3"], 1, "there is no rule 3: `synflood-xdp rule list` shows which there are");
    assert_eq!(said(&pair, &["rule", "remove", "all"]), "there is no rule\n");

    said(&pair, &["rule", "add", TOOL]);
    refused(&["add", TOOL], 1, "eth0: rule 9 is this one already: `synflood-xdp rule remove 9` first");
    for number in 1..16 {
        said(&pair, &["rule", "add", &format!("ipv4,window={number}")]);
    }
    refused(&["add", "ipv4,window=99"], 1, "all 16 places for rules are taken");
    refused(&["remove", "2", "17"], 2, "give a number from 1 to 16");
    assert_eq!(said(&pair, &["rule", "remove", "2", "16", "2"]).lines().count(), 2);
    refused(&["remove", "1", "2"], 1, "there is no rule 2: ");
    assert_eq!(said(&pair, &["rule", "remove", "all"]).lines().count(), 14);
    assert!(rules(&pair).is_empty());
}

/// As it is suggested.
#[test]
fn an_operators_rule_takes_the_place_of_the_learned_one() {
    let pair = lab::pair!();
    let _before = Defence::start(&pair, &["--iface", "eth0", "--quiet", "--learn", "suggest"]);
    pair.server.enter(|| {
        let mut found = instance::find(&[Interface::by_name("eth0").unwrap()]).unwrap();
        let State::Readable(running) = found.remove(0).state else { panic!("another version") };
        let entry = Entry {
            rule: TOOL.parse().unwrap(),
            is_in_force: false,
            is_learned: true,
            hits: 1,
            bound: 0.0005,
            covered: 0.75,
            since: 1,
            until: None,
        };
        rules::put(&*running, 2, &entry, &Lock::wait().unwrap()).unwrap();
    });
    let learned = &rules(&pair)[0];
    let found = serde_json::json!({"covered": 0.75, "honest_hits": 1, "honest_bound": 0.0005});
    assert_eq!((&learned["number"], &learned["found"]), (&3.into(), &found));
    let text = said(&pair, &["rule", "list"]);
    let words = "found in 75 % of the flood; honest hits 1, 0.050 % at most of all honest SYNs";
    assert!(text.contains(words), "{text}");
    assert!(said(&pair, &["rule", "add", TOOL]).starts_with("eth0: rule 3 drops "));
    assert_eq!((rules(&pair).len(), &rules(&pair)[0]["origin"]), (1, &"added".into()));
    // Whoever takes over goes on with it.
    let _next = Defence::start(&pair, &["--iface", "eth0", "--quiet", "--replace"]);
    assert_eq!(rules(&pair)[0]["stage"], "in_force");
}

/// SYNs of so many clients of three networks, in a capture.
fn capture(path: &Path, clients: u32) {
    let to = (Pair::SERVER.parse::<IpAddr>().unwrap(), 80).into();
    let header = PcapHeader { datalink: DataLink::ETHERNET, ..Default::default() };
    let mut writer = PcapWriter::with_header(File::create(path).unwrap(), header).unwrap();
    for number in 0..clients {
        let from = Ipv4Addr::from_bits(0x6400_0000 + ((number % 3) << 16) + number);
        let frame = segment((from, 4_000).into(), to, &[], |tcp| {
            (tcp.syn, tcp.window_size, tcp.sequence_number) = (true, 512, number);
        });
        let time = Duration::from_secs(number.into());
        writer.write_packet(&PcapPacket::new(time, frame.len() as u32, &frame)).unwrap();
    }
}

#[test]
fn a_capture_of_honest_clients_is_what_rules_are_held_against() {
    let pair = lab::pair!();
    let defence = Defence::start(&pair, &["--iface", "eth0", "--quiet"]);
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("peace.pcap");
    capture(&path, 600);
    let learn = ["learn", "--iface", "eth0", "--honest", path.to_str().unwrap()];
    // What it finds at its start it would know anyhow.
    let begun = "still learning (0 of 500 SYNs of honest clients)";
    wait_for("the learner", || (status(&pair)["learner"] == begun).then_some(()));
    let text = said(&pair, &learn);
    let taken = "eth0: 600 of them were taken (at most 8 of one source, 512 of one network; none twice); SYNs of \
                 honest clients that are known now: 600 of IPv4, 0 of IPv6\n";
    assert!(text.ends_with(taken) && text.contains(": 600 SYNs\n"), "{text}");
    wait_for("the run to take them", || (status(&pair)["learner"] == "watching").then_some(()));
    let again: Value = serde_json::from_str(&said(&pair, &[&learn[..], &["--json"]].concat())).unwrap();
    assert_eq!((&again["instances"][0]["taken"], &again["needed"]), (&0.into(), &500.into()));
    assert_eq!(status(&pair)["honest_syns"], 600);

    let words = "600 of 600 known SYNs of honest clients look like this (100 %): too many of them";
    assert_refused(&pair, &["rule", "add", TOOL], 2, words);
    assert!(said(&pair, &["rule", "add", TOOL, "--watch"]).ends_with("look like this (100 %)\n"));
    let forced = said(&pair, &["rule", "add", TOOL, "--force"]);
    assert!(forced.ends_with("(100 %): they get in by a repetition only\n"), "{forced}");
    // What nobody has is said to be so by silence.
    let added = said(&pair, &["rule", "add", "ipv4,window=1024,options=none"]);
    assert_eq!(added.lines().count(), 1, "{added}");
    drop(defence);
    assert_refused(&pair, &learn, 1, "no synflood-xdp of this version runs on eth0");
}
