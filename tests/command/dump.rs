// SPDX-License-Identifier: GPL-2.0-only
//! What a dump shows besides the blocked sources.

use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use lab::defence::{Defence, dump, source};
use lab::frames::ipv4;
use lab::{wait_for, wire};
use serde_json::Value;

fn syn_from(source: Ipv4Addr) -> Vec<u8> {
    ipv4(|ip, _| (ip.source, ip.destination) = (source.octets(), [10, 0, 0, 10]))
}

fn text(pair: &lab::pair::Pair, args: &[&str]) -> String {
    String::from_utf8(pair.synflood(&[&["--dump"], args].concat()).output().unwrap().stdout).unwrap()
}

#[test]
fn lists_in_force_are_shown_with_the_syns_they_decided() {
    let pair = lab::pair!();
    let options =
        ["--iface", "eth0", "--allow", "10.0.7.1,10.1.0.0/16", "--deny", "10.0.8.0/24,2001:db8::/32"];
    let _defence = Defence::start(&pair, &options);
    for (source, count) in [
        (Ipv4Addr::new(10, 0, 7, 1), 3),
        (Ipv4Addr::new(10, 0, 8, 1), 2),
        (Ipv4Addr::new(10, 0, 8, 2), 5),
    ] {
        wire::send(&pair.client, "eth0", &vec![syn_from(source); count]);
    }
    let lists = wait_for("ten SYNs", || {
        let lists = dump(&pair, &[])["lists"].take();
        let syns: u64 =
            lists.as_array().unwrap().iter().map(|entry| entry["syns"].as_u64().unwrap()).sum();
        (syns == 10).then_some(lists)
    });
    let entry = |network: &str, verdict: &str, syns: u64| serde_json::json!({ "network": network, "verdict": verdict, "syns": syns });
    let expected = [
        entry("10.0.8.0/24", "denied", 7),
        entry("10.0.7.1", "allowed", 3),
        entry("10.1.0.0/16", "allowed", 0),
        entry("2001:db8::/32", "denied", 0),
    ];
    assert_eq!(lists, Value::from(expected.to_vec()));
    let table = text(&pair, &[]);
    assert!(
        table.contains("denied 10.0.8.0/24: 7 SYNs\nallowed 10.0.7.1: 3 SYNs\nand 2 more"),
        "{table}"
    );
    assert!(text(&pair, &["--all"]).contains("denied 2001:db8::/32: 0 SYNs\n"));
}

#[test]
fn only_ten_networks_are_shown_without_all() {
    let pair = lab::pair!();
    let networks: Vec<String> = (0..30).map(|net| format!("10.7.{net}.0/24")).collect();
    let _defence = Defence::start(&pair, &["--iface", "eth0", "--deny", &networks.join(",")]);
    let idle = text(&pair, &[]);
    assert!(idle.contains("\n30 networks allowed or denied: --all shows them"), "{idle}");
    for net in 0..12 {
        wire::send(&pair.client, "eth0", &[syn_from(Ipv4Addr::new(10, 7, net, 1))]);
    }
    let short = wait_for("ten of twelve networks", || {
        let lists = dump(&pair, &[])["lists"].take();
        let busy = lists.as_array().unwrap().iter().filter(|entry| entry["syns"] != 0).count();
        (busy == 12).then(|| text(&pair, &[]))
    });
    assert_eq!(short.matches("denied 10.7.").count(), 10, "{short}");
    assert!(short.contains("and 20 more networks allowed or denied: --all shows them"), "{short}");
    assert_eq!(text(&pair, &["--all"]).matches("denied 10.7.").count(), 30);
    assert_eq!(dump(&pair, &[])["lists"].as_array().unwrap().len(), 30);
}

/// No source is blocked, because none is seen twice.
#[test]
fn a_flood_from_random_addresses_shows_in_totals_and_rates() {
    let pair = lab::pair!();
    let _defence =
        Defence::start(&pair, &["--iface", "eth0", "--challenge", "off", "--pass-rate", "5"]);
    let is_over = AtomicBool::new(false);
    thread::scope(|scope| {
        scope.spawn(|| {
            let mut host = 0;
            while !is_over.load(Ordering::Relaxed) {
                let sources = (host..host + 64).map(|host| Ipv4Addr::from_bits(0x0b00_0000 + host));
                wire::send(&pair.client, "eth0", &sources.map(syn_from).collect::<Vec<_>>());
                host += 64;
            }
        });
        let shown = wait_for("the pass rate to refuse while rates are measured", || {
            let shown = dump(&pair, &[]);
            let refusal = shown["rates_left"]["pass_rate"]["last_refusal_s"].as_f64();
            let has_rate = shown["dropped_per_s"].as_u64() > Some(0);
            (has_rate && refusal.is_some_and(|age| age < 1.0)).then_some(shown)
        });
        wait_for("the same as text", || {
            text(&pair, &[]).contains("pass rate: has refused SYNs for ").then_some(())
        });
        is_over.store(true, Ordering::Relaxed);
        assert_eq!(shown["blocked_sources"], 0);
        let left = &shown["rates_left"];
        assert!(left["pass_rate"]["left"].as_u64() < Some(5), "{shown}");
        assert_eq!(left["pass_rate"]["burst"], 5);
        assert_eq!(left["unchallenged_rate"]["last_refusal_s"], Value::Null);
        assert!(left["challenge_rate"].is_null(), "it has no limit");
        assert!(shown["dropped"].as_u64() > Some(0) && shown["passed"].as_u64() >= Some(5), "{shown}");
        assert_eq!(shown["dropped"], shown["reasons"]["drop_pass_rate"]);
        assert!(shown["elapsed_s"].as_f64() > Some(0.0));
    });
}

#[test]
fn an_instance_of_another_namespace_is_pointed_out() {
    let pair = lab::pair!();
    let defence = Defence::start(&pair, &["--iface", "eth0"]);
    let binary = lab::binary!();
    for (words, named) in [
        (&["--dump"][..], "--dump"),
        (&["status"], "status"),
        (&["lists"], "lists"),
        (&["explain", "192.0.2.7"], "explain …"),
        (&["deny", "192.0.2.7"], "deny …"),
        (&["allow", "192.0.2.7", "--remove"], "allow …"),
    ] {
        let elsewhere = pair.client.command(binary.to_str().unwrap(), words).output().unwrap();
        assert_eq!(elsewhere.status.code(), Some(1));
        let said = String::from_utf8_lossy(&elsewhere.stderr);
        // Other tests run instances too, so the message may name one of those.
        let elsewhere = "runs in this network namespace: one runs elsewhere, as process ";
        let (_, rest) = said.split_once(elsewhere).unwrap_or_else(|| panic!("{said}"));
        let (pid, _) = rest.split_once(':').unwrap();
        let hint = format!("`nsenter -t {pid} -n synflood-xdp {named}` reaches it");
        assert!(rest.contains(&hint), "{said}");
    }
    let ours = defence.pid().to_string();
    let there = ["-t", &ours, "-n", binary.to_str().unwrap(), "--dump"];
    let asked = pair.client.command("nsenter", &there).output().unwrap();
    assert!(asked.status.success(), "{}", String::from_utf8_lossy(&asked.stderr));
}

/// Another interface of the same namespace is no other namespace.
#[test]
fn an_instance_on_another_interface_is_pointed_out() {
    let pair = lab::pair!();
    let defence = Defence::start(&pair, &["--iface", "eth0"]);
    let said = pair.synflood(&["--dump", "--iface", "lo"]).output().unwrap().stderr;
    let said = String::from_utf8_lossy(&said);
    let expected = format!("process {} protects another interface here", defence.pid());
    assert!(said.contains(&expected), "{said}");
    let again = pair.synflood(&["--iface", "eth0"]).output().unwrap().stderr;
    let again = String::from_utf8_lossy(&again);
    assert!(again.contains(&format!(", process {})", defence.pid())), "{again}");
}

/// Who has answered proves with that to be no mere sender of SYNs; others may send in its name.
#[test]
fn a_source_that_answered_is_not_blocked_by_syns_in_its_name() {
    let pair = lab::pair!();
    let listener = pair.server.enter(|| TcpListener::bind(("10.0.0.10", 80)).unwrap());
    let options = ["--iface", "eth0", "--challenge", "off", "--burst", "2", "--rate", "1/h"];
    let _defence = Defence::start(&pair, &options);
    let _client = pair.client.enter(|| TcpStream::connect(("10.0.0.10", 80)).unwrap());
    let _server = listener.accept().unwrap();
    wire::send(&pair.client, "eth0", &vec![syn_from(Ipv4Addr::new(10, 0, 0, 1)); 50]);
    wire::send(&pair.client, "eth0", &vec![syn_from(Ipv4Addr::new(10, 0, 7, 1)); 50]);
    let shown = wait_for("101 SYNs", || {
        let shown = dump(&pair, &["--all"]);
        let seen = shown["passed"].as_u64().unwrap() + shown["dropped"].as_u64().unwrap();
        (seen == 101).then_some(shown)
    });
    let line = source(&shown, "10.0.0.1").unwrap();
    let counts = ["passed", "challenged", "dropped", "connected"].map(|field| line[field].as_u64());
    assert_eq!(counts, [2, 0, 49, 1].map(Some), "{shown}");
    assert_eq!((&line["syns"]["tokens"], &line["connections"]["tokens"]), (&0.into(), &1.into()));
    let blocked = dump(&pair, &[]);
    let names: Vec<_> =
        blocked["sources"].as_array().unwrap().iter().map(|line| &line["source"]).collect();
    assert_eq!(names, ["10.0.7.1"], "who never answers is");
}
