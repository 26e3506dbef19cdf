// SPDX-License-Identifier: GPL-2.0-only
//! What a run tells as it happens: in its JSON, and to the command of --on-event.

use std::fs;
use std::net::TcpListener;
use std::path::Path;

use lab::defence::Defence;
use lab::forger::Forger;
use lab::frames::ipv4;
use lab::pair::Pair;
use lab::wait_for;
use lab::wire;
use nix::sys::signal::Signal;
use serde_json::Value;

/// A program that writes its input to the file that it is given.
fn recorder(folder: &Path) -> String {
    let program = folder.join("record");
    fs::write(&program, "#!/bin/sh\ncat >> \"$1\"\n").unwrap();
    let mode = std::os::unix::fs::PermissionsExt::from_mode(0o755);
    fs::set_permissions(&program, mode).unwrap();
    format!("{} {}/events", program.display(), folder.display())
}

/// What the command was given until now.
fn recorded(folder: &Path) -> Vec<Value> {
    let text = fs::read_to_string(folder.join("events")).unwrap_or_default();
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

fn of_type<'a>(lines: &'a [Value], kind: &str) -> Vec<&'a Value> {
    lines.iter().filter(|line| line["type"] == kind).collect()
}

/// SYNs to port 80 of the server from these addresses, 10.0.0.0 and up.
fn syns(pair: &Pair, hosts: std::ops::Range<u32>) -> Vec<Vec<u8>> {
    let mut frames = Vec::new();
    for host in hosts {
        let mut frame = ipv4(|ip, tcp| {
            ip.source = std::net::Ipv4Addr::from_bits(0x0a00_0000 + host).octets();
            ip.destination = Pair::SERVER.parse::<std::net::Ipv4Addr>().unwrap().octets();
            tcp.destination_port = 80;
        });
        frame[..6].copy_from_slice(&pair.server.mac("eth0"));
        frames.push(frame);
    }
    frames
}

#[test]
fn a_flood_is_told_from_its_begin_to_its_end() {
    let pair = lab::pair!();
    let folder = tempfile::tempdir().unwrap();
    let command = recorder(folder.path());
    let options = ["--iface", "eth0", "--pass-rate", "1/h", "--json", "--on-event", &command];
    let defence = Defence::start(&pair, &options);
    let _listener = pair.server.enter(|| TcpListener::bind((Pair::SERVER, 80)).unwrap());
    // Three in ten of one address, the others from thousands.
    let mut frames = syns(&pair, 0x10_0000..0x10_4000);
    for index in (0..frames.len()).filter(|index| index % 10 < 3) {
        frames[index] = syns(&pair, 77..78).remove(0);
    }
    let flood = Forger::start(&pair, "eth0", frames, Some(20_000));
    wait_for("its kind", || {
        (!of_type(&recorded(folder.path()), "flood_kind").is_empty()).then_some(())
    });
    drop(flood);
    wait_for("its end", || (!of_type(&recorded(folder.path()), "flood_over").is_empty()).then_some(()));
    let lines = recorded(folder.path());
    let kind = of_type(&lines, "flood_kind")[0];
    assert_eq!((&kind["kind"], &kind["heavy"][0]), (&"random".into(), &"10.0.0.77".into()), "{kind}");
    assert_eq!(of_type(&lines, "flood_begun").len(), 1);
    assert_eq!(of_type(&lines, "rate_refusing")[0]["rate"], "pass_rate");
    let over = of_type(&lines, "flood_over")[0];
    let dropped = over["dropped"].as_u64().unwrap() + over["challenged"].as_u64().unwrap();
    assert!(dropped > 5_000 && over["peak_syn_per_s"].as_u64().unwrap() > 5_000, "{over}");
    assert_eq!(
        (&over["top_sources"][0]["source"], &over["ports"][0]["port"]),
        (&"10.0.0.77".into(), &80.into())
    );
    let share = over["top_sources"][0]["share"].as_f64().unwrap();
    assert!((0.2..0.4).contains(&share), "{over}");
    assert!(over["sources"].as_u64().unwrap() > 1_000, "{over}");
    let ended = defence.signal(Signal::SIGTERM);
    let said: Vec<Value> =
        ended.stdout.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    for mut event in lines.clone() {
        let interfaces = event.as_object_mut().unwrap().remove("interfaces");
        assert_eq!(interfaces, Some(vec!["eth0"].into()), "which instance it is of: {event}");
        assert!(said.contains(&event), "--json has what the command gets, to the millisecond: {event}");
    }
    let summary = said.last().unwrap();
    assert_eq!(summary["floods"], 1);
    assert_eq!(summary["last_flood"]["peak_syn_per_s"], over["peak_syn_per_s"]);
    assert_eq!(summary["flood_is_on"], false);
}

/// Two in turn, so that each is told by itself.
#[test]
fn a_source_is_told_when_it_is_blocked_and_when_no_longer() {
    let pair = lab::pair!();
    let options = ["--iface", "eth0", "--burst", "2", "--rate", "1/m", "--challenge", "off", "--json"];
    let defence = Defence::start(&pair, &options);
    let frames = syns(&pair, 77..79);
    (0..20).for_each(|_| wire::send(&pair.client, "eth0", &frames));
    let said = |kind: &str| {
        let lines: Vec<Value> =
            defence.stdout().lines().filter_map(|line| serde_json::from_str(line).ok()).collect();
        of_type(&lines, kind).into_iter().cloned().collect::<Vec<_>>()
    };
    let blocked = wait_for("both", || Some(said("source_blocked")).filter(|told| told.len() == 2));
    for (event, source) in blocked.iter().zip(["10.0.0.77", "10.0.0.78"]) {
        assert_eq!((&event["source"], &event["why"]), (&source.into(), &"never_answers".into()));
    }
    let released =
        wait_for("their end", || Some(said("source_released")).filter(|told| told.len() == 2));
    for event in released {
        assert_eq!(event["dropped"], 18, "{event}");
        assert!(event["blocked_s"].as_f64().unwrap() < 8.0, "{event}");
    }
    assert_eq!(said("source_blocked").len(), 2, "once for each");
}

/// More begin in a second than anybody would read.
#[test]
fn of_many_that_are_blocked_at_once_most_are_counted() {
    let pair = lab::pair!();
    let options = [
        "--iface",
        "eth0",
        "--burst",
        "1",
        "--rate",
        "1/h",
        "--challenge",
        "off",
        "--pass-rate",
        "0",
        "--json",
    ];
    let defence = Defence::start(&pair, &options);
    let frames = syns(&pair, 0x10_0000..0x10_0400);
    (0..2).for_each(|_| wire::send(&pair.client, "eth0", &frames));
    wait_for("all of them", || {
        let lines: Vec<Value> =
            defence.stdout().lines().filter_map(|line| serde_json::from_str(line).ok()).collect();
        let named = of_type(&lines, "source_blocked").len() as u64;
        let more = of_type(&lines, "more_sources_blocked");
        let counted: u64 = more.iter().filter_map(|event| event["count"].as_u64()).sum();
        assert!(named <= 200, "{named} in two seconds at most");
        (named >= 100 && named + counted == 1024).then_some(())
    });
}

#[test]
fn a_command_that_fails_is_said_once_and_stops_nothing() {
    let pair = lab::pair!();
    let options = ["--iface", "eth0", "--on-event", "/bin/false", "--interval", "0.1"];
    let defence = Defence::start(&pair, &options);
    for network in ["192.0.2.1", "192.0.2.2", "192.0.2.3"] {
        assert!(pair.synflood(&["deny", network, "--for", "1s"]).status().unwrap().success());
    }
    wait_for("the fault", || {
        let said = defence.stderr();
        let fault =
            "the command of --on-event fails and is tried again: /bin/false ended with status 1";
        (said.matches(fault).count() == 1 && said.contains("192.0.2.3 (denied) has ended"))
            .then_some(())
    });
    assert_eq!(defence.signal(Signal::SIGTERM).status.code(), Some(0));
}

#[test]
fn a_command_that_is_not_there_keeps_a_run_from_starting() {
    let pair = lab::pair!();
    for (command, status, said) in [
        ("/none/at/all", 1, "cannot run /none/at/all, the command of --on-event"),
        ("tell-me", 2, "give the whole path of tell-me"),
    ] {
        let output = pair.synflood(&["--iface", "eth0", "--on-event", command]).output().unwrap();
        let error = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(status), "{error}");
        assert!(error.contains(said), "{error}");
        assert_eq!(pair.server.xdp("eth0"), None);
    }
}
