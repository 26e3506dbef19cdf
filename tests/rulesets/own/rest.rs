// SPDX-License-Identifier: GPL-2.0-only
//! What is in the way beside rules.

use synflood_xdp::firewall::{Family, Judge, Saved, Verdicts};

use super::{filter, host, iptables, is_challengeable, listing};

#[test]
fn without_rules_all_ports_are_challengeable() {
    let mut evidence = host();
    assert!(is_challengeable(&evidence, 80));
    evidence.facts.picks_up = false;
    assert!(is_challengeable(&evidence, 80), "nobody asks for a state");
    evidence.facts.addresses.clear();
    assert!(Judge::new(&evidence).challengeable(80, Family::V6).is_ok());
}

#[test]
fn what_could_not_be_read_is_in_doubt() {
    let evidence = synflood_xdp::firewall::Evidence { unread: Some("nft hangs".into()), ..host() };
    assert_eq!(
        Judge::new(&evidence).challengeable(80, Family::V4).unwrap_err().to_string(),
        "nft hangs"
    );
}

#[test]
fn a_filter_of_tc_sees_packets_first() {
    let mut evidence = host();
    evidence.tc = vec![("eth0".into(), "filter protocol all pref 1 bpf chain 0 handle 0x1 x\n".into())];
    let reason = Judge::new(&evidence).challengeable(80, Family::V4).unwrap_err().to_string();
    assert!(reason.contains("eth0") && reason.contains("bpf"), "{reason}");
}

#[test]
fn chains_that_two_tools_show_are_judged_once() {
    let shown = r#"{"nftables": [
        {"table": {"family": "ip", "name": "filter"}},
        {"chain": {"family": "ip", "table": "filter", "name": "INPUT", "type": "filter", "hook": "input",
            "prio": 0, "policy": "accept"}},
        {"rule": {"family": "ip", "table": "filter", "chain": "INPUT", "expr": [
            {"xt": {"type": "match", "name": "recent"}}, {"drop": null}]}}]}"#;
    let recent = "*filter\n:INPUT ACCEPT [0:0]\n-A INPUT -m recent --rcheck --name bad --rsource -j DROP\nCOMMIT\n";
    let mut evidence = host();
    evidence.nft = shown.into();
    assert!(!is_challengeable(&evidence, 80), "nft alone does not say what the rule is");
    evidence.iptables = vec![Saved { family: Family::V4, is_legacy: false, text: recent.into() }];
    assert!(is_challengeable(&evidence, 80));
    evidence.iptables[0].is_legacy = true;
    assert!(!is_challengeable(&evidence, 80), "another chain of the same name");
}

#[test]
fn families_are_judged_apart() {
    let mut evidence =
        filter(["ACCEPT", "ACCEPT"], &["-A INPUT -p tcp ! --syn -m state --state NEW -j DROP"]);
    let judge = Judge::new(&evidence);
    assert!(judge.challengeable(80, Family::V4).is_err());
    assert!(judge.challengeable(80, Family::V6).is_ok());
    evidence.iptables[0].family = Family::V6;
    assert!(Judge::new(&evidence).challengeable(80, Family::V6).is_err());
}

#[test]
fn a_reason_names_the_rule_and_its_chain() {
    let evidence = iptables(&[
        "*filter",
        ":INPUT DROP [0:0]",
        "-A INPUT -m conntrack --ctstate ESTABLISHED -j ACCEPT",
        "-A INPUT -p tcp -m tcp --dport 80 --syn -m comment --comment \"the web\" -j ACCEPT",
    ]);
    let reason = Judge::new(&evidence).challengeable(80, Family::V4).unwrap_err().to_string();
    assert!(
        reason.starts_with("the policy of chain INPUT of table filter of iptables refuses"),
        "{reason}"
    );
    assert!(reason.contains("`-A INPUT -p tcp -m tcp --dport 80 --syn"), "{reason}");
    assert_eq!(listing([]).nft, r#"{"nftables":[]}"#);
}

#[test]
fn ports_that_no_rule_tells_apart_have_one_answer() {
    let evidence = filter(
        ["ACCEPT", "ACCEPT"],
        &[
            "-A INPUT -p tcp -m multiport --dports 80,8000:8010 -j ACCEPT",
            "-A INPUT -p tcp -m tcp --dport 79:9000 ! --syn -m state --state NEW -j DROP",
        ],
    );
    let judge = Judge::new(&evidence);
    let verdicts = Verdicts::of(&judge);
    let spared: Vec<_> = verdicts.obstacles(Family::V4).map(|(ports, _)| ports.clone()).collect();
    assert_eq!(spared, [79..=79, 81..=7999, 8011..=9000]);
    assert_eq!(verdicts.obstacles(Family::V6).count(), 0);
    for port in [0, 78, 79, 80, 81, 7999, 8000, 8010, 8011, 9000, 9001, 65535] {
        let answer = judge.challengeable(port, Family::V4);
        assert_eq!(verdicts.challengeable(port, Family::V4), answer.as_ref().copied(), "{port}");
    }
}
