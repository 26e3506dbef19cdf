// SPDX-License-Identifier: GPL-2.0-only
//! End to end: what a client has at one service it does not lose at another.

use std::net::{IpAddr, TcpListener, TcpStream};
use std::time::Duration;

use lab::defence::{Defence, dump};
use lab::pair::Pair;
use lab::wait_for;
use serde_json::{Value, json};

const SSH: u16 = 22;
const WEB: u16 = 80;

/// Opens a connection to the server; None if its SYNs are dropped.
fn connect(pair: &Pair, port: u16) -> Option<TcpStream> {
    let to = (Pair::SERVER.parse::<IpAddr>().unwrap(), port).into();
    pair.client.enter(|| TcpStream::connect_timeout(&to, Duration::from_millis(500)).ok())
}

#[test]
fn who_used_up_one_service_still_gets_another() {
    let pair = lab::pair!();
    let listen = |port| TcpListener::bind((Pair::SERVER, port)).unwrap();
    let _listeners = pair.server.enter(|| [listen(SSH), listen(WEB)]);
    let services = ["--service", "web=80,burst=2,rate=1/h", "--service", "ssh=22,challenge=off"];
    let defence = Defence::start(&pair, &[&["--iface", "eth0"][..], &services].concat());
    let shown = "; service web, port 80: burst 2, rate 1/h; service ssh, port 22: no challenges; ";
    assert!(defence.said.contains(shown), "{}", defence.said);

    let _web = [(); 2].map(|()| connect(&pair, WEB).expect("its two connections"));
    assert!(connect(&pair, WEB).is_none(), "and no third");
    let _ssh = [(); 3].map(|()| connect(&pair, SSH).expect("of another service"));

    let shown = wait_for("all connections to be charged", || {
        let shown = dump(&pair, &["--all"]);
        (shown["connected"] == 5).then_some(shown)
    });
    let line = |name: &str| {
        let lines = shown["sources"].as_array().unwrap();
        lines.iter().find(|line| line["service"] == name).unwrap_or_else(|| panic!("{shown}"))
    };
    let (web, ssh) = (line("web"), line("ssh"));
    assert_eq!((&web["source"], &web["connected"]), (&json!("10.0.0.1"), &json!(2)));
    assert_eq!(web["connections"]["tokens"], 0);
    assert!(web["dropped"].as_u64() > Some(0), "{web}");
    assert_eq!((&ssh["connected"], &ssh["connections"]), (&json!(3), &Value::Null));
    let of_policy = json!([
        { "name": "web", "ports": [80], "limit": { "burst": 2, "rate": 1.0 / 3600.0 }, "challenge": true },
        { "name": "ssh", "ports": [22], "limit": null, "challenge": false },
    ]);
    assert_eq!(shown["services"], of_policy);
    assert_eq!(shown["blocked_sources"], 1);

    let table = String::from_utf8(pair.synflood(&["--dump"]).output().unwrap().stdout).unwrap();
    let (_, table) = table.split_once("\nSOURCE ").expect("a table of sources");
    let mut lines = table.lines().map(|line| line.split_whitespace().next().unwrap_or_default());
    assert_eq!((lines.next(), lines.next()), (Some("SERVICE"), Some("10.0.0.1")), "{table}");
    assert!(table.contains("10.0.0.1 web"), "{table}");
}

#[test]
fn without_services_a_dump_has_no_column_for_them() {
    let pair = lab::pair!();
    let _listener = pair.server.enter(|| TcpListener::bind((Pair::SERVER, WEB)).unwrap());
    let _defence = Defence::start(&pair, &["--iface", "eth0"]);
    let _web = connect(&pair, WEB).expect("the server listens");
    let shown = dump(&pair, &["--all"]);
    assert_eq!((&shown["services"], &shown["sources"][0]["service"]), (&json!([]), &Value::Null));
    let table = pair.synflood(&["--dump", "--all"]).output().unwrap().stdout;
    let table = String::from_utf8(table).unwrap();
    assert!(table.contains("SOURCE   TOKENS") && !table.contains("SERVICE"), "{table}");
}
