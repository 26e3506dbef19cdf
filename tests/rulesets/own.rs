// SPDX-License-Identifier: GPL-2.0-only
//! Small rulesets, each for one thing.

mod iptables;
mod nft;
mod rest;

use std::net::IpAddr;

use serde_json::{Value, json};
use synflood_xdp::firewall::{Evidence, Facts, Family, Judge, Saved};

/// A host with the address 192.0.2.1 at eth0, and no rules yet.
pub fn host() -> Evidence {
    let address: IpAddr = "192.0.2.1".parse().unwrap();
    let facts = Facts {
        interfaces: vec!["eth0".into()],
        addresses: vec![address],
        picks_up: true,
        ..Facts::default()
    };
    Evidence { facts, ..Evidence::default() }
}

/// Rules of iptables. Lines that begin with "-A" belong to the last table named.
pub fn iptables(lines: &[&str]) -> Evidence {
    let saved = Saved { family: Family::V4, is_legacy: true, text: lines.join("\n") };
    Evidence { iptables: vec![saved], ..host() }
}

/// A table of filter with these policies of INPUT and OUTPUT, and rules.
pub fn filter(policies: [&str; 2], rules: &[&str]) -> Evidence {
    let [input, output] = policies;
    let (input, output) = (format!(":INPUT {input} [0:0]"), format!(":OUTPUT {output} [0:0]"));
    let lines: Vec<&str> = ["*filter", &input, &output, ":chain - [0:0]"].into_iter().collect();
    iptables(&[&lines[..], rules, &["COMMIT"]].concat())
}

/// A chain `input` of table inet t, and rules as lists of expressions.
pub fn nft(policy: &str, rules: &[Value]) -> Evidence {
    let base = json!({"chain": {"family": "inet", "table": "t", "name": "input", "type": "filter",
        "hook": "input", "prio": 0, "policy": policy}});
    let rules = rules
        .iter()
        .map(|rule| json!({"rule": {"family": "inet", "table": "t", "chain": "input", "expr": rule}}));
    listing([json!({"table": {"family": "inet", "name": "t"}}), base].into_iter().chain(rules))
}

pub fn listing(objects: impl IntoIterator<Item = Value>) -> Evidence {
    let objects: Vec<Value> = objects.into_iter().collect();
    Evidence { nft: json!({ "nftables": objects }).to_string(), ..host() }
}

pub fn is_challengeable(evidence: &Evidence, port: u16) -> bool {
    Judge::new(evidence).challengeable(port, Family::V4).is_ok()
}

/// The ports of these that are challengeable.
pub fn challengeable<const N: usize>(evidence: &Evidence, ports: [u16; N]) -> Vec<u16> {
    ports.into_iter().filter(|&port| is_challengeable(evidence, port)).collect()
}
