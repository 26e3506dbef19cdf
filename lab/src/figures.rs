// SPDX-License-Identifier: GPL-2.0-only
//! A host's own counters, read with the host's tools. Panics if a tool fails.

use std::collections::BTreeMap;

use serde_json::Value;

use crate::netns::Netns;

/// One of the kernel's counters, by its name in nstat, like "TcpInSegs".
pub fn nstat(host: &Netns, name: &str) -> u64 {
    let shown = host.run("nstat", &["-asz", name]);
    let mut counts =
        shown.lines().filter_map(|line| line.strip_prefix(name)?.split_whitespace().next());
    counts.next().and_then(|count| count.parse().ok()).unwrap_or_else(|| panic!("no {name} in {shown}"))
}

/// The packets of each named nftables counter.
pub fn nftables(host: &Netns) -> BTreeMap<String, u64> {
    let shown: Value = serde_json::from_str(&host.run("nft", &["-j", "list", "counters"])).unwrap();
    let counters = shown["nftables"].as_array().unwrap().iter().filter_map(|each| each.get("counter"));
    let packets = |counter: &Value| counter["packets"].as_u64().unwrap();
    counters.map(|each| (each["name"].as_str().unwrap().to_string(), packets(each))).collect()
}

/// How many connections wait for the last packet of their handshake.
pub fn half_open(host: &Netns) -> usize {
    host.run("ss", &["-Htn", "state", "syn-recv"]).lines().count()
}
