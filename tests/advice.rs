// SPDX-License-Identifier: GPL-2.0-only
//! What the shipped binary says of a host on which challenged clients would not get in. Needs root.

mod common;

use common::defence::Defence;
use common::lab::{Lab, wait_for};
use nix::sys::signal::Signal;

/// What it says when it is started with these options, once it has said all.
fn said(lab: &Lab, options: &[&str]) -> String {
    let defence = Defence::start(lab, &[&["--iface", "eth0", "--quiet"], options].concat());
    defence.signal(Signal::SIGTERM).stderr
}

fn assert_says(lab: &Lab, options: &[&str], sentence: &str) {
    let said = said(lab, options);
    assert!(said.contains(sentence), "{options:?}: {said}");
}

#[test]
fn a_host_without_obstacles_hears_of_none() {
    let lab = Lab::new();
    lab.set("net.ipv4.tcp_timestamps=2");
    let said = said(&lab, &["--mode", "skb"]);
    assert!(!said.contains("warning") && !said.contains("note"), "{said}");
}

#[test]
fn strict_connection_tracking() {
    let lab = Lab::new();
    // The setting is there once connection tracking is.
    lab.server.run(
        "nft",
        &["add table inet t; add chain inet t c { type filter hook input priority 0; }; \
                             add rule inet t c ct state invalid counter"],
    );
    lab.set("net.netfilter.nf_conntrack_tcp_loose=0");
    assert_says(&lab, &[], "net.netfilter.nf_conntrack_tcp_loose is 0");
    assert!(!said(&lab, &["--challenge", "off"]).contains("nf_conntrack_tcp_loose"));
    assert!(!said(&lab, &["--dry-run"]).contains("nf_conntrack_tcp_loose"));
}

#[test]
fn rules_that_want_a_syn_first() {
    let lab = Lab::new();
    let rule = "-A INPUT -p tcp ! --syn -m conntrack --ctstate NEW -j DROP";
    lab.server.run("iptables", &rule.split(' ').collect::<Vec<_>>());
    assert_says(&lab, &[], "whose connections begin with an ACK to it, by the rule");

    let lab = Lab::new();
    lab.server.run(
        "nft",
        &["add table inet t; add chain inet t c { type filter hook input priority 0; }; \
                             add rule inet t c tcp flags != syn ct state new drop"],
    );
    assert_says(&lab, &[], "whose connections begin with an ACK to it, by the rule");
}

#[test]
fn ports_that_are_redirected() {
    let lab = Lab::new();
    let rule = "-t nat -A PREROUTING -p tcp --dport 80 -j REDIRECT --to-ports 8080";
    lab.server.run("iptables", &rule.split(' ').collect::<Vec<_>>());
    let sentence = "challenged clients will not reach what the rule";
    assert_says(&lab, &[], sentence);
    assert_says(&lab, &["--port", "80"], sentence);
    for elsewhere in [["--port", "443"], ["--challenge-port", "443"]] {
        assert!(!said(&lab, &elsewhere).contains(sentence), "{elsewhere:?}");
    }
}

#[test]
fn settings_and_interfaces() {
    let lab = Lab::new();
    lab.set("net.ipv4.tcp_syncookies=1");
    assert_says(&lab, &["--challenge", "all"], "net.ipv4.tcp_syncookies is 1");
    assert_says(&lab, &[], "do without window scaling and SACK");
    assert_says(&lab, &["--mode", "native"], "eth0 is a veth");
    assert!(!said(&lab, &["--mode", "skb"]).contains("veth"));
    lab.set("net.ipv4.ip_forward=1");
    assert_says(&lab, &[], "this host forwards");
}

#[test]
fn settings_are_changed_only_if_asked_and_then_restored() {
    let lab = Lab::new();
    let now =
        || lab.server.run("sysctl", &["-n", "net.ipv4.tcp_syncookies", "net.ipv4.tcp_timestamps"]);
    lab.set("net.ipv4.tcp_syncookies=0");
    lab.set("net.ipv4.tcp_timestamps=1");
    said(&lab, &[]);
    assert_eq!(now(), "0\n1\n");
    for (challenge, during) in [("budget", "1\n2\n"), ("all", "2\n2\n"), ("off", "0\n1\n")] {
        let options = ["--iface", "eth0", "--quiet", "--set-sysctls", "--challenge", challenge];
        let defence = Defence::start(&lab, &options);
        assert_eq!(now(), during, "{challenge}");
        defence.signal(Signal::SIGTERM);
        assert_eq!(now(), "0\n1\n", "{challenge}");
    }
    // What somebody else has set meanwhile stays.
    let defence = Defence::start(&lab, &["--iface", "eth0", "--quiet", "--set-sysctls"]);
    lab.set("net.ipv4.tcp_timestamps=0");
    defence.signal(Signal::SIGTERM);
    wait_for("the end", || (now() == "0\n0\n").then_some(()));
}

#[test]
#[ignore = "needs VLAN devices, which not every kernel has: make test-kernels"]
fn vlan_tags_that_xdp_does_not_see() {
    let lab = Lab::new();
    let sentence = "eth0 takes the VLAN tags off before XDP sees them";
    lab.server.run("ethtool", &["-K", "eth0", "rxvlan", "on"]);
    assert!(!said(&lab, &["--mode", "native"]).contains(sentence), "there is no VLAN");
    lab.server.run("ip", &["link", "add", "link", "eth0", "vlan5", "type", "vlan", "id", "5"]);
    assert_says(&lab, &["--mode", "native"], sentence);
    assert!(!said(&lab, &["--mode", "skb"]).contains(sentence));
    lab.server.run("ethtool", &["-K", "eth0", "rxvlan", "off"]);
    assert!(!said(&lab, &["--mode", "native"]).contains(sentence), "it leaves them");
}
