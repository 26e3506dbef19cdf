// SPDX-License-Identifier: GPL-2.0-only
//! What `status`, `check` and the service manager are told.

use std::fs;
use std::net::TcpListener;
use std::process::Output;

use lab::defence::Defence;
use lab::forger::Forger;
use lab::manager::Manager;
use lab::pair::Pair;
use lab::wait_for;
use nix::sys::signal::{Signal, kill};
use serde_json::Value;

/// Exit status 3 says what a monitor alone would not read: that something is wrong.
fn status(pair: &Pair) -> Value {
    let output = pair.synflood(&["status", "--json"]).output().unwrap();
    let mut status: Value = serde_json::from_slice(&output.stdout).unwrap();
    let instances = status["instances"].as_array_mut().unwrap();
    assert_eq!(instances.len(), 1, "{instances:?}");
    let instance = instances.remove(0);
    let is_fine = instance["fault"].is_null() && !instance["pid"].is_null();
    assert_eq!(output.status.code(), Some(if is_fine { 0 } else { 3 }), "{instance}");
    instance
}

fn said(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr)
}

/// Who protects, since when, and what is wrong with the configuration until it is mended.
#[test]
fn a_fault_is_shown_until_it_is_mended() {
    let pair = lab::pair!();
    let directory = tempfile::tempdir().unwrap();
    let config = directory.path().join("config.toml");
    fs::write(&config, "iface = 'eth0'\ndeny = ['192.0.2.0/24', '198.51.100.0/24']\n").unwrap();
    let defence = Defence::start(&pair, &["--config", config.to_str().unwrap()]);
    let shown = status(&pair);
    assert_eq!(shown["pid"], defence.pid().as_raw());
    assert_eq!(shown["networks"]["denied"], 2);
    assert_eq!(shown["tables"]["networks"]["used"], 2);
    assert_eq!([&shown["fault"], &shown["reloaded_s"]], [&Value::Null; 2]);

    fs::write(&config, "iface = 'eth0'\nburst = 'x'\n").unwrap();
    kill(defence.pid(), Signal::SIGHUP).unwrap();
    let fault =
        wait_for("the fault", || Some(status(&pair)["fault"].clone()).filter(|fault| !fault.is_null()));
    assert!(fault["text"].as_str().unwrap().contains("config.toml:2: "), "{fault}");
    let text = said(&pair.synflood(&["status"]).output().unwrap());
    assert!(text.contains("FAULT") && text.contains("config.toml:2: "), "{text}");

    fs::write(&config, "iface = 'eth0'\n").unwrap();
    kill(defence.pid(), Signal::SIGHUP).unwrap();
    wait_for("the reload", || (!status(&pair)["reloaded_s"].is_null()).then_some(()));
    assert_eq!(status(&pair)["fault"], Value::Null);
    assert_eq!(status(&pair)["networks"]["denied"], 0);
}

/// The service manager is no process of ours.
#[test]
fn a_run_whose_process_has_ended_is_shown_as_such() {
    let pair = lab::pair!();
    let manager = Manager::new(pair.server.name());
    let command = manager.starts(&pair.synflood(&["--iface", "eth0"]));
    let defence = Defence::start_command(command).unwrap();
    wait_for("the service to be ready", || {
        manager.heard().contains(&"STATUS=protecting eth0".into()).then_some(())
    });
    let rule = |number| ["rule", "add", ["ipv4,window=1", "ipv4,window=2"][number]];
    assert!(pair.synflood(&rule(0)).output().unwrap().status.success());
    defence.signal(Signal::SIGKILL);
    let shown = status(&pair);
    assert_eq!([&shown["pid"], &shown["learner"]], [&Value::Null; 2]);
    let text = said(&pair.synflood(&["status"]).output().unwrap());
    assert!(text.contains("by no process") && text.contains("rules drop nothing"), "{text}");
    // Nobody would see what comes of them.
    let refused = pair.synflood(&rule(1)).output().unwrap();
    assert_eq!(refused.status.code(), Some(1));
    assert!(said(&refused).contains("eth0: no process looks after it"), "{}", said(&refused));
    let text = said(&pair.synflood(&["rule", "list"]).output().unwrap());
    assert!(text.contains("no process looks after it") && text.contains("rule 9   win 1\n"), "{text}");
}

/// A manager that keeps fewer descriptors than there are must not go unnoticed.
#[test]
fn a_descriptor_store_that_is_too_small_is_said_once() {
    let pair = lab::pair!();
    let manager = Manager::new(pair.server.name());
    let mut command = manager.starts(&pair.synflood(&["--iface", "eth0"]));
    command.env("FDSTORE", "8");
    let defence = Defence::start_command(command).unwrap();
    let said = wait_for("the warning", || {
        Some(defence.stderr()).filter(|said| said.contains("the service manager keeps 8 of "))
    });
    assert!(said.contains("set FileDescriptorStoreMax=64 in the unit"), "{said}");
    // A second later it is looked at again.
    wait_for("a look", || manager.heard().iter().filter(|line| *line == "WATCHDOG=1").nth(1).map(drop));
    assert_eq!(defence.stderr().matches("the service manager keeps").count(), 1);
}

/// The kernel keeps capabilities for each thread: one that was made early must have no more than the others.
#[test]
fn no_thread_has_more_than_a_run_needs() {
    let pair = lab::pair!();
    let defence = Defence::start(&pair, &["--iface", "eth0"]);
    // CAP_NET_ADMIN, CAP_NET_RAW, CAP_PERFMON, CAP_BPF.
    let needed = 1_u64 << 12 | 1 << 13 | 1 << 38 | 1 << 39;
    let threads: Vec<_> = fs::read_dir(format!("/proc/{}/task", defence.pid())).unwrap().collect();
    assert!(threads.len() > 3, "{threads:?}");
    for thread in threads {
        let status = fs::read_to_string(thread.unwrap().path().join("status")).unwrap();
        for set in ["CapPrm", "CapEff", "CapBnd"] {
            let line = status.lines().find_map(|line| line.strip_prefix(&format!("{set}:"))).unwrap();
            let has = u64::from_str_radix(line.trim(), 16).unwrap();
            assert_eq!(has & !needed, 0, "{set}: {status}");
        }
    }
}

/// 0: it would start, 1: it would not, 3: it would, with warnings. Nothing is attached.
#[test]
fn check_says_whether_a_run_would_start() {
    let pair = lab::pair!();
    let check = |words: &[&str]| pair.synflood(&[&["check"], words].concat()).output().unwrap();
    for (words, status, expected) in [
        (&["--iface", "eth0"][..], 0, "✓ the kernel takes the program"),
        (&["--iface", "eth0", "--mode", "native"], 3, "! eth0 is a veth"),
        (&["--iface", "none"], 1, "✗ there is no interface none"),
        (&["--iface", "lo"], 1, "✗ lo is not an Ethernet interface"),
        (&["--iface", "eth0", "--burst", "5"], 1, "✗ "),
        (&["--config", "/none.toml"], 1, "✗ --config: there is no file /none.toml"),
        (&[], 1, "--iface"),
    ] {
        let output = check(words);
        let text = said(&output);
        assert_eq!(output.status.code(), Some(status), "{words:?}: {text}");
        assert!(text.contains(expected), "{words:?}: {text}");
        assert_eq!(pair.server.xdp("eth0"), None, "{words:?}");
    }
    let _defence = Defence::start(&pair, &["--iface", "eth0"]);
    // As before a reload.
    let output = check(&["--iface", "eth0"]);
    let text = said(&output);
    assert!(text.contains("✓ eth0: synflood-xdp already protects it"), "{text}");
    assert_eq!(output.status.code(), Some(0), "{text}");
}

/// As after a reboot: the tables are new, and the state directory is as it was.
#[test]
fn a_service_keeps_live_entries() {
    let pair = lab::pair!();
    let state = tempfile::tempdir().unwrap();
    let start = || {
        let mut command = pair.synflood(&["--iface", "eth0"]);
        command.env("STATE_DIRECTORY", state.path());
        Defence::start_command(command).unwrap()
    };
    let defence = start();
    let deny = ["deny", "192.0.2.0/24", "--for", "1h", "--note", "scans"];
    assert!(pair.synflood(&deny).status().unwrap().success());
    let kept = state.path().join("live-entries.json");
    wait_for("the entry to be kept", || {
        fs::read_to_string(&kept).unwrap_or_default().contains("scans").then_some(())
    });
    defence.signal(Signal::SIGTERM);
    let _defence = start();
    let lists = said(&pair.synflood(&["lists"]).output().unwrap());
    assert!(
        lists.contains("192.0.2.0/24") && lists.contains("59m") && lists.contains("scans"),
        "{lists}"
    );
    let remove = ["deny", "192.0.2.0/24", "--remove"];
    assert!(pair.synflood(&remove).status().unwrap().success());
    wait_for("the entry to be gone", || {
        (!fs::read_to_string(&kept).unwrap().contains("scans")).then_some(())
    });
}

/// What cannot be read is said, and not overwritten.
#[test]
fn a_spoilt_state_is_left_alone() {
    let pair = lab::pair!();
    let state = tempfile::tempdir().unwrap();
    let kept = state.path().join("live-entries.json");
    fs::write(&kept, "not ours").unwrap();
    let mut command = pair.synflood(&["--iface", "eth0"]);
    command.env("STATE_DIRECTORY", state.path());
    let defence = Defence::start_command(command).unwrap();
    wait_for("the warning", || {
        defence.stderr().contains("live entries are neither back nor kept").then_some(())
    });
    assert!(pair.synflood(&["deny", "192.0.2.0/24"]).status().unwrap().success());
    defence.signal(Signal::SIGTERM);
    assert_eq!(fs::read_to_string(&kept).unwrap(), "not ours");
}

/// Ten seconds of calm are the end of a flood.
#[test]
fn a_flood_is_said_when_it_begins_and_when_it_is_over() {
    let pair = lab::pair!();
    let defence = Defence::start(&pair, &["--iface", "eth0", "--pass-rate", "1/h"]);
    let flood = crate::flood::forged(&pair);
    wait_for("the flood to be said", || {
        defence.stderr().contains("warning: a flood has begun: ").then_some(())
    });
    wait_for("its sources", || {
        defence.stderr().contains("the flood is of random sources, at port 80\n").then_some(())
    });
    drop(flood);
    let over = wait_for("its end", || {
        defence
            .stderr()
            .lines()
            .find(|line| line.contains("the flood is over after"))
            .map(str::to_owned)
    });
    assert!(over.contains("random sources"), "{over}");
    let ended = defence.signal(Signal::SIGTERM);
    assert!(!ended.stdout.contains("visitors: "), "no line of figures: {}", ended.stdout);
    assert!(ended.stdout.contains("an attack at "), "{}", ended.stdout);
}

/// One source never meets the pass rate: what it sends unasked is little.
#[test]
fn a_flood_of_one_source_is_one_too_and_it_is_named() {
    let pair = lab::pair!();
    let defence = Defence::start(&pair, &["--iface", "eth0"]);
    let _listener = pair.server.enter(|| TcpListener::bind((Pair::SERVER, 80)).unwrap());
    let flood =
        Forger::start(&pair, "eth0", vec![crate::flood::syn_from(&pair, "10.0.0.77")], Some(5_000));
    wait_for("the flood to be said", || {
        defence.stderr().contains("warning: a flood has begun: ").then_some(())
    });
    wait_for("its source", || {
        defence.stderr().contains("the flood is of 1 address, 10.0.0.77, at port 80\n").then_some(())
    });
    let flood_s = || status(&pair)["flood_s"].as_f64();
    assert!(flood_s().unwrap() > 1.0);
    drop(flood);
    wait_for("the end of it", || flood_s().is_none().then_some(()));
}
