// SPDX-License-Identifier: GPL-2.0-only
//! Attaching, detaching, and the messages about it.

use std::fs;

use lab::defence::{Defence, dump};
use lab::frames::{ipv4, patched};
use lab::netns::{Netns, connect};
use lab::pair::Pair;
use lab::{wait_for, wire};
use nix::sys::signal::{Signal, kill};
use serde_json::Value;

#[test]
fn sigint_and_sigterm_detach_and_are_fine() {
    for signal in [Signal::SIGINT, Signal::SIGTERM] {
        for (mode, shown) in [("native", "xdp"), ("skb", "xdpgeneric")] {
            let pair = lab::pair!();
            let defence = Defence::start(&pair, &["--iface", "eth0", "--mode", mode]);
            assert_eq!(pair.server.xdp("eth0"), Some(shown));
            let ended = defence.signal(signal);
            assert_eq!(ended.status.code(), Some(0), "{signal}: {}", ended.stderr);
            assert!(ended.stdout.contains("ended after"), "{}", ended.stdout);
            assert_eq!(pair.server.xdp("eth0"), None, "{signal}, {mode}");
        }
    }
}

#[test]
fn sigkill_leaves_the_interface_as_it_was() {
    let pair = lab::pair!();
    let defence = Defence::start(&pair, &["--iface", "eth0"]);
    assert_eq!(pair.server.xdp("eth0"), Some("xdpgeneric"));
    assert_eq!(defence.signal(Signal::SIGKILL).status.code(), None);
    wait_for("the kernel to close the link", || pair.server.xdp("eth0").is_none().then_some(()));
}

/// With and without nohup, the protection outlives the terminal: SIGHUP only reads the settings again.
#[test]
fn a_hangup_and_the_like_do_not_end_it() {
    let pair = lab::pair!();
    let binary = lab::binary!();
    let nohup = pair.server.command("nohup", &[binary.to_str().unwrap(), "--iface", "eth0"]);
    for command in [pair.synflood(&["--iface", "eth0"]), nohup] {
        let defence = Defence::start_command(command).unwrap();
        for signal in [Signal::SIGHUP, Signal::SIGUSR1, Signal::SIGUSR2] {
            kill(defence.pid(), signal).unwrap();
        }
        wait_for("the reload", || defence.stderr().contains("note: reloaded").then_some(()));
        // Pending signals are delivered in order: if one had ended it, the exit status would say so.
        let status = fs::read_to_string(format!("/proc/{}/status", defence.pid())).unwrap();
        let ignored = status.lines().find_map(|line| line.strip_prefix("SigIgn:")).unwrap().trim();
        let ignored = u64::from_str_radix(ignored, 16).unwrap();
        for signal in [Signal::SIGUSR1, Signal::SIGUSR2] {
            assert_eq!(ignored >> (signal as i32 - 1) & 1, 1, "{signal}");
        }
        assert_eq!(pair.server.xdp("eth0"), Some("xdpgeneric"));
        assert_eq!(defence.signal(Signal::SIGTERM).status.code(), Some(0));
    }
}

#[test]
fn it_ends_by_itself_when_told_how_long() {
    let pair = lab::pair!();
    let defence = Defence::start(&pair, &["--iface", "eth0", "--for", "300ms"]);
    assert!(defence.said.contains("ends in 300ms"), "{}", defence.said);
    let ended = defence.wait();
    assert_eq!(ended.status.code(), Some(0), "{}", ended.stderr);
    assert_eq!(pair.server.xdp("eth0"), None);
}

/// Adds a second interface to the pair's server, connected to the same client.
fn second_interface(pair: &Pair) {
    connect(&pair.client, "eth1", &pair.server, "eth1");
}

#[test]
fn two_interfaces_share_one_table() {
    let pair = lab::pair!();
    second_interface(&pair);
    let defence =
        Defence::start(&pair, &["--iface", "eth0", "--iface", "eth1", "--burst", "5", "--rate", "1/h"]);
    let frame = ipv4(|ip, _| ip.destination = [10, 0, 0, 10]);
    for interface in ["eth0", "eth1"] {
        wire::send(&pair.client, interface, &vec![frame.clone(); 4]);
    }
    let line = wait_for("eight SYNs of one source", || {
        let dump = dump(&pair, &["--all"]);
        let line = dump["sources"].as_array().unwrap().first()?.clone();
        (line["passed"].as_u64()? + line["dropped"].as_u64()? == 8).then_some(line)
    });
    assert_eq!((line["passed"].as_u64(), line["dropped"].as_u64()), (Some(5), Some(3)));
    let instance = dump(&pair, &[]);
    assert_eq!(instance["interfaces"].as_array().unwrap().len(), 2, "{instance}");
    assert_eq!(defence.signal(Signal::SIGINT).status.code(), Some(0));
    assert_eq!((pair.server.xdp("eth0"), pair.server.xdp("eth1")), (None, None));
}

#[test]
fn if_one_attach_fails_none_stays() {
    let pair = lab::pair!();
    second_interface(&pair);
    let _first = Defence::start(&pair, &["--iface", "eth1"]);
    let output = pair.synflood(&["--iface", "eth0", "--iface", "eth1"]).output().unwrap();
    assert_eq!(output.status.code(), Some(1));
    let error = String::from_utf8(output.stderr).unwrap();
    assert!(error.contains("cannot attach to eth1: synflood-xdp already protects it"), "{error}");
    assert_eq!((pair.server.xdp("eth0"), pair.server.xdp("eth1")), (None, Some("xdpgeneric")));
}

#[test]
fn an_interface_that_vanishes_is_noticed() {
    let pair = lab::pair!();
    second_interface(&pair);
    let options = ["--iface", "eth0", "--iface", "eth1", "--interval", "0.1", "--json"];
    let defence = Defence::start(&pair, &options);
    pair.server.run("ip", &["link", "delete", "eth1"]);
    wait_for("the other to remain alone", || {
        (dump(&pair, &[])["interfaces"].as_array().unwrap().len() == 1).then_some(())
    });
    pair.server.run("ip", &["link", "delete", "eth0"]);
    let ended = defence.wait();
    assert_eq!(ended.status.code(), Some(1));
    for interface in ["eth0", "eth1"] {
        let said = format!("{interface} is no longer protected");
        assert!(ended.stderr.contains(&said), "{}", ended.stderr);
        let event = format!("\"type\":\"detached\",\"interface\":\"{interface}\"}}");
        assert!(ended.stdout.contains(&event), "{}", ended.stdout);
    }
    assert!(ended.stderr.contains("no interface is left to protect"), "{}", ended.stderr);
}

#[test]
fn auto_falls_back_where_native_is_strict() {
    let server = Netns::new("bridge");
    server.run("ip", &["link", "add", "br0", "up", "type", "bridge"]);
    let binary = lab::binary!();
    let synflood = |mode| server.command(binary.to_str().unwrap(), &["--iface", "br0", "--mode", mode]);

    let output = synflood("native").output().unwrap();
    assert_eq!(output.status.code(), Some(1));
    let error = String::from_utf8(output.stderr).unwrap();
    assert!(error.contains("has no native XDP") && error.contains("--mode skb"), "{error}");

    let defence = Defence::start_command(synflood("auto")).unwrap();
    assert!(defence.said.contains("warning: br0: its driver has no native XDP"), "{}", defence.said);
    assert!(defence.said.contains("br0 (skb)"), "{}", defence.said);
    assert_eq!(server.xdp("br0"), Some("xdpgeneric"));
}

#[test]
fn auto_does_not_attach_beside_another_program() {
    let pair = lab::pair!();
    let _first = Defence::start(&pair, &["--iface", "eth0", "--mode", "skb"]);
    for mode in ["auto", "native", "skb"] {
        let output = pair.synflood(&["--iface", "eth0", "--mode", mode]).output().unwrap();
        assert_eq!(output.status.code(), Some(1), "{mode}");
    }
    assert_eq!(pair.server.xdp("eth0"), Some("xdpgeneric"));
}

#[test]
fn an_ssh_session_at_risk_is_warned() {
    let pair = lab::pair!();
    let binary = lab::binary!();
    // As under sudo: our own environment lacks the variable, but our parent's has it.
    let command = |options: &str| {
        let script = format!(
            "env -u SSH_CONNECTION {} --iface eth0 --for 100ms {options}; true",
            binary.display()
        );
        let mut command = pair.server.command("sh", &["-c", &script]);
        command.env("SSH_CONNECTION", "10.0.0.1 50022 10.0.0.10 22");
        command
    };
    let said = |options| String::from_utf8(command(options).output().unwrap().stderr).unwrap();
    let limited = said("--burst 5 --rate 1");
    assert!(limited.contains("10.0.0.1") && limited.contains("--allow 10.0.0.1"), "{limited}");
    let denied = said("--deny 10.0.0.0/8");
    assert!(denied.contains("--deny covers"), "{denied}");
    for exempt in ["", "--burst 5 --rate 1 --allow 10.0.0.0/24", "--burst 5 --rate 1 --port 80"] {
        let quiet = said(exempt);
        assert!(!quiet.contains("ssh"), "{exempt}: {quiet}");
    }
}

#[test]
fn json_lines_tell_start_status_and_summary() {
    let pair = lab::pair!();
    let options = ["--iface", "eth0", "--json", "--interval", "0.1", "--for", "1s"];
    let defence = Defence::start(&pair, &[&options[..], &["--burst", "5", "--rate", "1/h"]].concat());
    let frame = ipv4(|ip, _| ip.destination = [10, 0, 0, 10]);
    let bad = patched(frame.clone(), 14, |_| 0x44);
    wire::send(&pair.client, "eth0", &[vec![frame; 7], vec![bad]].concat());
    let ended = defence.wait();
    let lines: Vec<Value> =
        ended.stdout.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let (first, last) = (&lines[0], &lines[lines.len() - 1]);
    assert_eq!((&first["type"], &first["connection_limit"]["burst"]), (&"start".into(), &5.into()));
    assert_eq!(first["interfaces"][0]["name"], "eth0");
    let statuses: Vec<_> = lines.iter().filter(|line| line["type"] == "status").collect();
    assert!(!statuses.is_empty());
    assert_eq!(statuses[statuses.len() - 1]["blocked_sources"], 1);
    assert_eq!(
        (&last["type"], &last["passed"], &last["dropped"]),
        (&"summary".into(), &5.into(), &3.into())
    );
    assert_eq!(last["reasons"]["drop_syn_limit"], 2);
    assert_eq!(last["reasons"]["drop_bad_ip_header"], 1);
}

#[test]
fn quiet_is_quiet() {
    let pair = lab::pair!();
    let options = ["--iface", "eth0", "--quiet", "--interval", "0.1", "--for", "1s"];
    let ended = Defence::start(&pair, &options).wait();
    assert!(ended.stdout.starts_with("ended after 1s"), "{}", ended.stdout);
}
