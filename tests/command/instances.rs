// SPDX-License-Identifier: GPL-2.0-only
//! Finding what runs: by interface, another version of ours, or a foreign program.

use std::collections::HashSet;
use std::mem::MaybeUninit;
use std::net::Ipv4Addr;
use std::os::fd::AsFd;

use lab::defence::{Defence, dump, source};
use lab::frames::ipv4;
use lab::program::load_as_version;
use lab::{pass, wait_for, wire, xdp};
use libbpf_rs::{Xdp, XdpFlags};
use nix::net::if_::if_nametoindex;
use serde_json::Value;

fn syn_from(host: u8) -> Vec<u8> {
    ipv4(|ip, _| (ip.source, ip.destination) = ([10, 0, 7, host], [10, 0, 0, 10]))
}

/// Of the options of the test below.
fn assert_policy(all: &Value) {
    for (at, value) in [
        ("ports", Value::from(vec![80])),
        ("pass_rate", 1000.0.into()),
        ("unchallenged_rate", 10_000.0.into()),
        ("challenge", "all".into()),
        ("cookies", "own".into()),
        ("ipv4_prefix", 32.into()),
        ("ipv6_prefix", 48.into()),
        ("dry_run", false.into()),
        ("max_sources", 262_144.into()),
    ] {
        assert_eq!(all[at], value, "{at}");
    }
    for limit in ["syn_limit", "connection_limit"] {
        assert_eq!(all[limit]["burst"], 2, "{limit}");
        assert!((all[limit]["rate"].as_f64().unwrap() * 3600.0 - 1.0).abs() < 1e-6, "{limit}");
    }
}

#[test]
fn the_dump_shows_the_blocked_worst_first_and_all_the_rest() {
    let pair = lab::pair!();
    let options = [
        "--iface",
        "eth0",
        "--burst",
        "2",
        "--rate",
        "1/h",
        "--ipv6-prefix",
        "48",
        "--port",
        "80",
        "--cookies",
        "own",
    ];
    let _defence = Defence::start(&pair, &options);
    for (host, count) in [(1, 1), (2, 2), (3, 5), (4, 9)] {
        wire::send(&pair.client, "eth0", &vec![syn_from(host); count]);
    }
    let all = wait_for("17 SYNs", || {
        let dump = dump(&pair, &["--all"]);
        let seen = |line: &Value| line["passed"].as_u64().unwrap() + line["dropped"].as_u64().unwrap();
        let total: u64 = dump["sources"].as_array().unwrap().iter().map(seen).sum();
        (total == 17).then_some(dump)
    });
    let field = |name: &str, at: &str| source(&all, name).unwrap()[at].clone();
    assert_eq!(field("10.0.7.1", "syns")["tokens"], 1);
    assert_eq!(field("10.0.7.2", "syns")["tokens"], 0);
    assert_eq!(field("10.0.7.2", "connections")["tokens"], 2);
    assert_eq!(field("10.0.7.4", "connected"), 0);
    assert_eq!(field("10.0.7.2", "last_drop_s"), Value::Null);
    assert_eq!((all["known_sources"].clone(), all["blocked_sources"].clone()), (4.into(), 2.into()));
    assert_policy(&all);
    assert_eq!(
        (&all["interfaces"][0]["name"], &all["interfaces"][0]["mode"]),
        (&"eth0".into(), &"skb".into())
    );

    let blocked = dump(&pair, &["--iface", "eth0"]);
    let names: Vec<_> =
        blocked["sources"].as_array().unwrap().iter().map(|line| &line["source"]).collect();
    assert_eq!(names, ["10.0.7.4", "10.0.7.3"], "worst first, and only the blocked");

    let table = String::from_utf8(pair.synflood(&["--dump"]).output().unwrap().stdout).unwrap();
    let lines: Vec<&str> = table.lines().collect();
    assert_eq!(lines[0], "eth0 (skb): burst 2, rate 1/h, pass rate 1000/s, own cookies, ports 80");
    assert_eq!(lines[1], "2 of 4 known sources blocked, room for 262144");
    assert!(lines[2].starts_with("since its start ") && lines[2].contains(" ago: 7 SYNs passed, 0 "));
    assert!(lines[3].starts_with("now ") && lines[3].contains(" SYN/s: "));
    assert!(lines[4].starts_with("SOURCE"));
    assert!(lines[5].starts_with("10.0.7.4") && lines[6].starts_with("10.0.7.3"));
    assert_eq!(lines.len(), 7);
    assert!(lines.iter().all(|line| line.len() <= 80), "fits a terminal: {table}");
}

#[test]
fn a_full_table_is_read_whole() {
    // Enough for several batches.
    const SOURCES: u32 = 20_000;
    let pair = lab::pair!();
    let options = ["--iface", "eth0", "--max-sources", "65536", "--pass-rate", "0"];
    let _defence = Defence::start(&pair, &options);
    let address = |host: u32| Ipv4Addr::from_bits(0x0b00_0000 + host);
    let frame =
        |host| ipv4(|ip, _| (ip.source, ip.destination) = (address(host).octets(), [10, 0, 0, 10]));
    wire::send(&pair.client, "eth0", &(0..SOURCES).map(frame).collect::<Vec<_>>());
    let all = wait_for("every source", || {
        let dump = dump(&pair, &["--all"]);
        (dump["known_sources"] == SOURCES).then_some(dump)
    });
    let lines = all["sources"].as_array().unwrap();
    let shown: HashSet<&str> = lines.iter().map(|line| line["source"].as_str().unwrap()).collect();
    assert_eq!(shown.len(), lines.len(), "none twice");
    for host in 0..SOURCES {
        assert!(shown.contains(&*address(host).to_string()), "{}", address(host));
    }
}

#[test]
fn another_version_is_named_and_not_misread() {
    let pair = lab::pair!();
    let mut object = MaybeUninit::uninit();
    let skel = load_as_version(99, 99, &mut object);
    let _link = xdp::attach(&pair.server, "eth0", skel.progs.synflood.as_fd()).unwrap();
    let output = pair.synflood(&["--dump"]).output().unwrap();
    let error = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(1));
    assert!(
        error.contains("eth0 (native): another version") && error.contains("version 99"),
        "{error}"
    );
    assert!(output.stdout.is_empty());

    let output = pair.synflood(&["--iface", "eth0"]).output().unwrap();
    let error = String::from_utf8(output.stderr).unwrap();
    assert!(error.contains("synflood-xdp already protects it"), "{error}");
}

#[test]
fn a_foreign_program_is_named_with_its_id() {
    for by_link in [true, false] {
        let pair = lab::pair!();
        let program = pass::load(c"foreign");
        let link = by_link.then(|| xdp::attach(&pair.server, "eth0", program.as_fd()).unwrap());
        if !by_link {
            let program = program.as_fd();
            pair.server.enter(move || {
                let index = if_nametoindex("eth0").unwrap();
                Xdp::new(program).attach(index as i32, XdpFlags::DRV_MODE).unwrap();
            });
        }
        for mode in ["auto", "native", "skb"] {
            let output = pair.synflood(&["--iface", "eth0", "--mode", mode]).output().unwrap();
            let error = String::from_utf8(output.stderr).unwrap();
            assert_eq!(output.status.code(), Some(1));
            assert!(error.contains("another XDP program is attached (id "), "{mode}: {error}");
            assert!(error.contains("'foreign'") && error.contains("xdp off"), "{mode}: {error}");
        }
        let output = pair.synflood(&["--dump"]).output().unwrap();
        assert_eq!(output.status.code(), Some(1), "not one of ours");
        assert_eq!(pair.server.xdp("eth0"), Some("xdp"), "the other's is untouched");
        drop((link, program));
    }
}
