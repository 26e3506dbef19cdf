// SPDX-License-Identifier: GPL-2.0-only
//! What the shipped binary says about a host where challenged clients could not connect.

use std::os::unix::fs::PermissionsExt;
use std::time::{Duration, Instant};
use std::{env, fs};

use lab::defence::Defence;
use lab::pair::Pair;
use nix::sys::signal::Signal;

/// Everything it says on standard error when started with these options.
fn said(pair: &Pair, options: &[&str]) -> String {
    let defence = Defence::start(pair, &[&["--iface", "eth0", "--quiet"], options].concat());
    defence.signal(Signal::SIGTERM).stderr
}

fn assert_says(pair: &Pair, options: &[&str], sentence: &str) {
    let said = said(pair, options);
    assert!(said.contains(sentence), "{options:?}: {said}");
}

#[test]
fn a_host_without_obstacles_gets_no_advice() {
    let pair = lab::pair!();
    pair.set("net.ipv4.tcp_timestamps=2");
    let said = said(&pair, &["--mode", "skb"]);
    assert!(!said.contains("warning") && !said.contains("note"), "{said}");
}

#[test]
fn strict_connection_tracking() {
    let pair = lab::pair!();
    // The setting exists only while connection tracking is loaded.
    pair.server.run(
        "nft",
        &["add table inet t; add chain inet t c { type filter hook input priority 0; }; \
                             add rule inet t c ct state invalid counter"],
    );
    pair.set("net.netfilter.nf_conntrack_tcp_loose=0");
    assert_says(&pair, &[], "net.netfilter.nf_conntrack_tcp_loose is 0");
    assert!(!said(&pair, &["--challenge", "off"]).contains("nf_conntrack_tcp_loose"));
    assert!(!said(&pair, &["--dry-run"]).contains("nf_conntrack_tcp_loose"));
}

#[test]
fn rules_that_require_a_syn_first() {
    let pair = lab::pair!();
    let rule = "-A INPUT -p tcp ! --syn -m conntrack --ctstate NEW -j DROP";
    pair.server.run("iptables", &rule.split(' ').collect::<Vec<_>>());
    assert_says(&pair, &[], "whose connections begin with an ACK to it, by the rule");

    let pair = lab::pair!();
    pair.server.run(
        "nft",
        &["add table inet t; add chain inet t c { type filter hook input priority 0; }; \
                             add rule inet t c tcp flags != syn ct state new drop"],
    );
    assert_says(&pair, &[], "whose connections begin with an ACK to it, by the rule");
}

#[test]
fn ports_that_are_redirected() {
    let pair = lab::pair!();
    let rule = "-t nat -A PREROUTING -p tcp --dport 80 -j REDIRECT --to-ports 8080";
    pair.server.run("iptables", &rule.split(' ').collect::<Vec<_>>());
    let sentence = "challenged clients will not reach what the rule";
    assert_says(&pair, &[], sentence);
    assert_says(&pair, &["--port", "80"], sentence);
    for elsewhere in [["--port", "443"], ["--challenge-port", "443"]] {
        assert!(!said(&pair, &elsewhere).contains(sentence), "{elsewhere:?}");
    }
}

#[test]
fn settings_and_interfaces() {
    let pair = lab::pair!();
    pair.set("net.ipv4.tcp_syncookies=1");
    assert_says(&pair, &["--challenge", "all"], "net.ipv4.tcp_syncookies is 1");
    assert_says(&pair, &[], "do without window scaling and SACK");
    assert_says(&pair, &["--mode", "native"], "eth0 is a veth");
    assert!(!said(&pair, &["--mode", "skb"]).contains("veth"));
    pair.set("net.ipv4.ip_forward=1");
    assert_says(&pair, &[], "this host forwards");
}

#[test]
#[ignore = "needs VLAN devices, which not every kernel has: make test-kernels"]
fn vlan_tags_that_xdp_does_not_see() {
    let pair = lab::pair!();
    let sentence = "eth0 takes the VLAN tags off before XDP sees them";
    pair.server.run("ethtool", &["-K", "eth0", "rxvlan", "on"]);
    assert!(!said(&pair, &["--mode", "native"]).contains(sentence), "there is no VLAN");
    pair.server.run("ip", &["link", "add", "link", "eth0", "vlan5", "type", "vlan", "id", "5"]);
    assert_says(&pair, &["--mode", "native"], sentence);
    assert!(!said(&pair, &["--mode", "skb"]).contains(sentence));
    pair.server.run("ethtool", &["-K", "eth0", "rxvlan", "off"]);
    assert!(!said(&pair, &["--mode", "native"]).contains(sentence), "it leaves them");
}

/// The run asks the firewall's tools, and does not wait for one that hangs.
#[test]
fn a_tool_that_hangs_does_not_hold_the_run() {
    let pair = lab::pair!();
    let tools = tempfile::tempdir().unwrap();
    let nft = tools.path().join("nft");
    fs::write(&nft, "#!/bin/sh\nexec sleep 60\n").unwrap();
    fs::set_permissions(&nft, fs::Permissions::from_mode(0o755)).unwrap();
    let mut command = pair.synflood(&["--iface", "eth0", "--quiet"]);
    command.env("PATH", format!("{}:{}", tools.path().display(), env::var("PATH").unwrap()));
    let start = Instant::now();
    let ended = Defence::start_command(command).unwrap().signal(Signal::SIGTERM);
    assert_eq!(ended.status.code(), Some(0), "{}", ended.stderr);
    assert!(start.elapsed() < Duration::from_secs(20), "{:?}", start.elapsed());
}
