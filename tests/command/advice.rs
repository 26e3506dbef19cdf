// SPDX-License-Identifier: GPL-2.0-only
//! What the shipped binary says about a host where challenged clients could not connect.

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
    for cookies in ["own", "kernel"] {
        let said = said(&pair, &["--mode", "skb", "--cookies", cookies]);
        assert!(!said.contains("warning") && !said.contains("note"), "{said}");
        assert!(said.contains(&format!("{cookies} cookies")), "{said}");
    }
}

#[test]
fn timestamps_matter_to_the_kernels_cookies_only() {
    let pair = lab::pair!();
    let sentence = "do without window scaling and SACK";
    assert_says(&pair, &["--cookies", "kernel"], sentence);
    for other in [["--cookies", "own"], ["--challenge", "off"]] {
        assert!(!said(&pair, &other).contains(sentence), "{other:?}");
    }
}

#[test]
fn settings_and_interfaces() {
    let pair = lab::pair!();
    pair.set("net.ipv4.tcp_syncookies=0");
    assert_says(&pair, &[], "net.ipv4.tcp_syncookies is 0");
    assert!(!said(&pair, &["--challenge", "off"]).contains("tcp_syncookies"));
    assert_says(&pair, &["--mode", "native"], "eth0 is a veth");
    assert!(!said(&pair, &["--mode", "skb"]).contains("veth"));
    pair.set("net.ipv4.ip_forward=1");
    assert_says(&pair, &[], "this host forwards");
    assert!(!said(&pair, &["--challenge", "off"]).contains("this host forwards"));
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
