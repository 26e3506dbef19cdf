// SPDX-License-Identifier: GPL-2.0-only
//! Rules as `nft -j` prints them.

use serde_json::{Value, json};
use synflood_xdp::firewall::{Family, Judge, Listing};

use super::{challengeable, is_challengeable, listing, nft};

fn flags(operator: &str, value: Value) -> Value {
    json!({"match": {"op": operator, "left": {"payload": {"protocol": "tcp", "field": "flags"}}, "right": value}})
}

fn state(value: Value) -> Value {
    json!({"match": {"op": "in", "left": {"ct": {"key": "state"}}, "right": value}})
}

fn port(value: Value) -> Value {
    json!({"match": {"op": "==", "left": {"payload": {"protocol": "tcp", "field": "dport"}}, "right": value}})
}

fn chain(name: &str, hook: &str, priority: i32) -> Value {
    json!({"chain": {"family": "inet", "table": "t", "name": name, "type": "filter", "hook": hook,
        "prio": priority, "policy": "accept"}})
}

fn rule(chain: &str, expressions: Value) -> Value {
    json!({"rule": {"family": "inet", "table": "t", "chain": chain, "expr": expressions}})
}

fn established() -> Value {
    json!([state(json!(["established", "related"])), {"accept": null}])
}

#[test]
fn flags_have_many_spellings() {
    let accept_only = |test: Value| nft("drop", &[established(), json!([test, {"accept": null}])]);
    for only_syn in [
        flags("==", json!("syn")),
        flags("==", json!({"set": ["syn"]})),
        flags("in", json!("syn")),
        flags("!", json!("ack")),
        json!({"match": {"op": "==", "left": {"payload": {"base": "th", "offset": 104, "len": 8}}, "right": 2}}),
        json!({"match": {"op": "==", "left": {"&": [{"payload": {"base": "th", "offset": 96, "len": 16}}, 2]}, "right": 2}}),
    ] {
        assert!(!is_challengeable(&accept_only(only_syn.clone()), 80), "{only_syn}");
    }
    for either in [
        flags("in", json!(["syn", "ack"])),
        flags("!=", json!("fin")),
        flags("!", json!("rst")),
        json!({"match": {"op": "==", "left": {"&": [{"payload": {"protocol": "tcp", "field": "flags"}}, ["fin", "rst"]]}, "right": 0}}),
    ] {
        assert!(is_challengeable(&accept_only(either.clone()), 80), "{either}");
    }
}

#[test]
fn broken_headers_are_no_matter() {
    let doff = json!({"match": {"op": "<", "left": {"payload": {"protocol": "tcp", "field": "doff"}}, "right": 5}});
    assert!(is_challengeable(&nft("accept", &[json!([doff, {"drop": null}])]), 80));
    let clamp = json!([flags("in", json!("syn")), {"mangle": {"key": {"tcp option": {"name": "maxseg", "field": "size"}},
        "value": {"rt": {"key": "mtu"}}}}]);
    assert!(is_challengeable(&nft("accept", &[clamp]), 80));
}

#[test]
fn all_but_syns_may_pass() {
    let rules = [
        json!([port(json!(80)), flags("in", json!("syn")), {"drop": null}]),
        json!([port(json!({"set": [80, 443]})), {"accept": null}]),
    ];
    assert_eq!(challengeable(&nft("drop", &rules), [22, 80, 443]), [22, 443]);
}

#[test]
fn ranges_and_half_lines_of_ports_are_known() {
    let not_syn = json!({"match": {"op": "!=", "left": {"&": [{"payload": {"protocol": "tcp", "field": "flags"}}, ["syn", "ack"]]}, "right": "syn"}});
    let spared = |test: Value| {
        let rules = [json!([test, not_syn, state(json!("new")), {"drop": null}])];
        challengeable(&nft("accept", &rules), [79, 80, 81, 90])
    };
    assert_eq!(spared(port(json!({"range": [80, 89]}))), [79, 90]);
    assert_eq!(spared(port(json!({"set": [{"range": [1, 79]}, 81]}))), [80, 90]);
    let below = json!({"match": {"op": "<", "left": {"payload": {"protocol": "tcp", "field": "dport"}}, "right": 80}});
    assert_eq!(spared(below), [80, 81, 90]);
    let others = json!({"match": {"op": "!=", "left": {"payload": {"protocol": "th", "field": "dport"}}, "right": {"set": [80, 81]}}});
    assert_eq!(spared(others), [80, 81]);
}

#[test]
fn a_named_map_is_used_if_it_was_read() {
    let map = json!({"map": {"family": "inet", "name": "m", "table": "t", "type": "inet_service", "map": "verdict"}});
    let objects = [
        json!({"table": {"family": "inet", "name": "t"}}),
        map.clone(),
        chain("input", "input", 0),
        json!({"chain": {"family": "inet", "table": "t", "name": "syns"}}),
        rule(
            "input",
            json!([{"vmap": {"key": {"payload": {"protocol": "tcp", "field": "dport"}}, "data": "@m"}}]),
        ),
        rule(
            "syns",
            json!([flags("in", json!("syn")), {"limit": {"rate": 1, "per": "second"}}, {"accept": null}]),
        ),
        rule("syns", json!([flags("in", json!("syn")), {"drop": null}])),
    ];
    let mut evidence = listing(objects);
    assert!(!is_challengeable(&evidence, 80), "nobody knows what the map says");
    let missing = Listing::read(&evidence.nft, &[]).unwrap().missing_sets();
    assert_eq!((missing.len(), missing[0].name.as_str(), missing[0].is_map), (1, "m", true));
    let mut full = map;
    full["map"]["elem"] =
        json!([[80, {"accept": null}], [{"range": [1, 22]}, {"goto": {"target": "syns"}}]]);
    evidence.nft_sets = vec![json!({"nftables": [full]}).to_string()];
    assert_eq!(challengeable(&evidence, [22, 80, 443]), [80, 443]);
    assert!(Listing::read(&evidence.nft, &evidence.nft_sets).unwrap().missing_sets().is_empty());
}

#[test]
fn the_entry_for_all_others_comes_last() {
    let map = json!({"vmap": {"key": {"ct": {"key": "state"}}, "data": {"set": [["*", {"drop": null}],
        ["new", {"accept": null}], ["established", {"accept": null}]]}}});
    let mut evidence = nft("drop", &[json!([map])]);
    assert!(is_challengeable(&evidence, 80));
    evidence.facts.picks_up = false;
    assert!(!is_challengeable(&evidence, 80));
}

#[test]
fn a_set_of_banned_clients_that_syns_fill_is_lost() {
    let saddr = json!({"payload": {"protocol": "ip", "field": "saddr"}});
    let add =
        json!({"set": {"op": "add", "elem": {"elem": {"val": saddr, "timeout": 60}}, "set": "@bad"}});
    let banned = json!([{"match": {"op": "==", "left": saddr, "right": "@bad"}}, {"drop": null}]);
    let trap = json!([port(json!(23)), flags("==", json!("syn")), add, {"drop": null}]);
    let closed = json!([port(json!(23)), {"drop": null}]);
    let looked_at = nft("accept", &[banned, trap.clone(), closed.clone()]);
    assert_eq!(challengeable(&looked_at, [22, 23]), [22]);
    assert_eq!(challengeable(&nft("accept", &[trap, closed]), [22, 23]), [22, 23]);
}

#[test]
fn what_rules_write_into_a_set_is_not_known_beforehand() {
    let key = json!({"concat": [{"payload": {"protocol": "ip", "field": "saddr"}},
        {"payload": {"protocol": "tcp", "field": "dport"}}]});
    let syn_of_listed = json!([{"match": {"op": "==", "left": key, "right": "@s"}}, flags("in", json!("syn")), {"drop": null}]);
    let add = json!([state(json!("new")), {"set": {"op": "add", "elem": key, "set": "@s"}}]);
    let mut evidence = nft("accept", &[syn_of_listed.clone(), add]);
    let empty = json!({"nftables": [{"set": {"family": "inet", "table": "t", "name": "s",
        "type": ["ipv4_addr", "inet_service"]}}]});
    evidence.nft_sets = vec![empty.to_string()];
    assert!(!is_challengeable(&evidence, 80));
    let by_hand_only = nft("accept", &[syn_of_listed]);
    assert!(is_challengeable(
        &synflood_xdp::firewall::Evidence { nft_sets: evidence.nft_sets, ..by_hand_only },
        80
    ));
}

#[test]
fn limits_have_names_and_meters() {
    for counter in [
        json!({"limit": "mine"}),
        json!({"limit": {"rate": 5, "per": "second", "inv": true}}),
        json!({"meter": {"key": {"payload": {"protocol": "ip", "field": "saddr"}}, "stmt": {"limit": {"rate": 5}}, "name": "m"}}),
        json!({"match": {"op": "<", "left": {"numgen": {"mode": "inc", "mod": 10}}, "right": 3}}),
        json!({"quota": {"val": 5, "val_unit": "mbytes", "inv": true}}),
    ] {
        let of_new = [json!([state(json!("new")), counter, {"drop": null}])];
        assert!(!is_challengeable(&nft("accept", &of_new), 80), "{counter}");
        let connections =
            [json!([state(json!("new")), {"ct count": {"val": 9, "inv": true}}, {"drop": null}])];
        assert!(is_challengeable(&nft("accept", &connections), 80));
    }
}

#[test]
fn hooks_on_the_way_are_those_of_a_listener() {
    let drop_new = json!([flags("!", json!("syn")), state(json!("new")), {"drop": null}]);
    for (hook, priority, is_in_the_way) in [
        ("prerouting", -150, true),
        ("input", 10, true),
        ("forward", 0, false),
        ("output", 0, false),
        // Before conntrack there is no state but "invalid".
        ("prerouting", -300, false),
        ("ingress", 0, false),
    ] {
        let evidence = listing([chain("c", hook, priority), rule("c", drop_new.clone())]);
        assert_eq!(!is_challengeable(&evidence, 80), is_in_the_way, "{hook} {priority}");
    }
}

#[test]
fn the_device_of_an_ingress_chain_counts() {
    let at = |device: &str| {
        let base = json!({"chain": {"family": "netdev", "table": "n", "name": "c", "type": "filter",
            "hook": "ingress", "prio": 0, "policy": "accept", "dev": device}});
        let drop = json!({"rule": {"family": "netdev", "table": "n", "chain": "c",
            "expr": [flags("in", json!("syn")), {"drop": null}]}});
        is_challengeable(&listing([base, drop]), 80)
    };
    assert!(at("eth1"));
    assert!(!at("eth0"));
}

#[test]
fn a_bridge_may_be_below() {
    let base = json!({"chain": {"family": "bridge", "table": "b", "name": "c", "type": "filter",
        "hook": "input", "prio": 0, "policy": "accept"}});
    let drop = |test: Value| {
        let rule = json!({"rule": {"family": "bridge", "table": "b", "chain": "c", "expr": [test, {"drop": null}]}});
        listing([base.clone(), rule])
    };
    assert!(!is_challengeable(&drop(flags("in", json!("syn"))), 80));
    assert!(is_challengeable(&drop(port(json!(80))), 80));
}

#[test]
fn addresses_rewritten_without_a_connection_lead_elsewhere() {
    let dport = json!({"payload": {"protocol": "tcp", "field": "dport"}});
    let rules = [json!([port(json!(80)), {"mangle": {"key": dport, "value": 8080}}])];
    assert_eq!(challengeable(&nft("accept", &rules), [22, 80]), [22]);
    let harmless =
        json!([{"mangle": {"key": {"payload": {"protocol": "ip", "field": "dscp"}}, "value": 0}}]);
    assert!(is_challengeable(&nft("accept", &[harmless]), 80));
}

#[test]
fn a_map_leads_elsewhere_only_what_is_in_it() {
    let dport = json!({"payload": {"protocol": "tcp", "field": "dport"}});
    let redirect = |key: &Value, entries: Value| {
        let rule = json!([{"redirect": {"port": {"map": {"key": key, "data": {"set": entries}}}}}]);
        challengeable(&nft("accept", &[rule]), [22, 80, 81])
    };
    assert_eq!(redirect(&dport, json!([[80, 8080], [81, 8081]])), [22]);
    let concat = json!({"concat": [{"payload": {"protocol": "ip", "field": "daddr"}}, dport]});
    let entries = json!([[{"concat": ["192.0.2.1", 80]}, 1], [{"concat": ["192.0.2.9", 81]}, 1]]);
    assert_eq!(redirect(&concat, entries), [22, 81]);
    let turns = json!({"numgen": {"mode": "inc", "mod": 2}});
    assert!(redirect(&turns, json!([[0, 1], [1, 2]])).is_empty());
}

#[test]
fn a_dormant_table_is_asleep_however_nft_says_it() {
    let table = |flags: Value| {
        let input = chain("input", "input", 0);
        let drop = rule("input", json!([flags_not_syn(), state(json!("new")), {"drop": null}]));
        listing([json!({"table": {"family": "inet", "name": "t", "flags": flags}}), input, drop])
    };
    assert!(is_challengeable(&table(json!("dormant")), 80));
    assert!(is_challengeable(&table(json!(["dormant", "owner"])), 80));
    assert!(!is_challengeable(&table(json!(["owner", "persist"])), 80));
    // Of nft before 1.0.8.
    let mut garbled = table(json!("interval"));
    assert!(Listing::read(&garbled.nft, &[]).unwrap().has_garbled_flags());
    assert!(!is_challengeable(&garbled, 80), "asleep or owned");
    garbled.nft_text = "table inet t {\n\tflags dormant\n\n\tchain input {\n".into();
    assert!(is_challengeable(&garbled, 80));
    garbled.nft_text = "table inet t {\n\tflags owner\n".into();
    assert!(!is_challengeable(&garbled, 80));
}

fn flags_not_syn() -> Value {
    flags("!", json!("syn"))
}

#[test]
fn nothing_is_known_of_a_listing_that_makes_no_sense() {
    let mut evidence = listing([]);
    assert!(is_challengeable(&evidence, 80));
    evidence.nft = "{\"nftables\": 5}".into();
    assert!(!is_challengeable(&evidence, 80));
    let reason = Judge::new(&evidence).challengeable(80, Family::V6).unwrap_err();
    assert!(reason.to_string().starts_with("the rules of nft are not understood"), "{reason}");
}

#[test]
fn new_expressions_are_in_doubt() {
    assert!(!is_challengeable(&nft("accept", &[json!([{"newverdict": null}])]), 80));
    let unknown = json!({"match": {"op": "==", "left": {"newfield": {"key": "x"}}, "right": 1}});
    assert!(!is_challengeable(&nft("accept", &[json!([unknown, {"drop": null}])]), 80));
    assert!(is_challengeable(&nft("accept", &[json!([unknown, {"counter": null}])]), 80));
    let socket = json!({"match": {"op": "==", "left": {"meta": {"key": "skuid"}}, "right": 0}});
    assert!(is_challengeable(&nft("accept", &[json!([socket, {"drop": null}])]), 80), "of the client");
}
