// SPDX-License-Identifier: GPL-2.0-only
//! The advice at the end of a dry run: real clients, and then a run with the limits that were advised.

use std::fs;
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::time::Duration;

use lab::defence::{Defence, dump};
use lab::frames::ipv4;
use lab::pair::Pair;
use lab::{Process, wait_at_most, wait_for, wire};
use nix::sys::signal::{Signal, kill};
use serde_json::{Value, json};
use socket2::{Domain, Socket, Type};
use tempfile::TempDir;

const WEB: u16 = 80;
const SSH: u16 = 22;

/// A client repeats a SYN that was dropped after a second.
const AT_ONCE: Duration = Duration::from_millis(900);

/// Sources that open two connections each, one after the other, and one that opens eight at once.
const MODEST: u8 = 120;
const GREEDY: Ipv4Addr = Ipv4Addr::new(10, 0, 1, 200);

/// Hosts on one link. All of 10.0.1.0/24 is the client.
struct Site {
    pair: Pair,
    _ssh: TcpListener,
    _web: Process,
    _pages: TempDir,
}

impl Site {
    fn new() -> Self {
        let pair = lab::pair!();
        pair.client.run("ip", &["route", "add", "local", "10.0.1.0/24", "dev", "lo"]);
        let ssh = pair.server.enter(|| TcpListener::bind((Pair::SERVER, SSH)).unwrap());
        let pages = tempfile::tempdir().unwrap();
        let web = pair.serve(pages.path());
        Self { pair, _ssh: ssh, _web: web, _pages: pages }
    }

    /// Opens so many connections at once. Returns how many stand before a dropped SYN could be repeated.
    fn connect(&self, from: Ipv4Addr, port: u16, count: usize) -> usize {
        self.pair.client.enter(|| {
            let begin = || {
                let socket = Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
                socket.bind(&SocketAddr::from((from, 0)).into()).unwrap();
                socket.set_nonblocking(true).unwrap();
                let server = SocketAddr::new(Pair::SERVER.parse().unwrap(), port);
                // It is in progress.
                let _ = socket.connect(&server.into());
                socket
            };
            let sockets: Vec<_> = (0..count).map(|_| begin()).collect();
            let standing = || sockets.iter().filter(|socket| socket.peer_addr().is_ok()).count();
            wait_at_most(AT_ONCE, || (standing() == count).then_some(()));
            standing()
        })
    }

    /// How many connections of the modest sources, and of the greedy one, stand at once.
    fn visit(&self) -> (usize, usize) {
        let source = |host| Ipv4Addr::new(10, 0, 1, host);
        let twice = |host| self.connect(source(host), WEB, 1) + self.connect(source(host), WEB, 1);
        ((1..=MODEST).map(twice).sum(), self.connect(GREEDY, WEB, 8))
    }

    /// Waits until so many connections were counted.
    fn charged(&self, count: u64) {
        let connected = || dump(&self.pair, &[])["connected"] == count;
        wait_for("all connections to be charged", || connected().then_some(()));
    }
}

const ALL_MODEST: usize = 2 * MODEST as usize;

/// The objects of this type in the JSON of a run.
fn objects(stdout: &str, kind: &str) -> Vec<Value> {
    let all = stdout.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
    all.filter(|object| object["type"] == kind).collect()
}

#[test]
fn the_bursts_of_the_table_refuse_none_of_the_sources_seen() {
    let site = Site::new();
    let defence = Defence::start(
        &site.pair,
        &["--iface", "eth0", "--dry-run", "--json", "--burst", "1", "--rate", "1/h"],
    );
    assert_eq!(site.visit(), (ALL_MODEST, 8));
    site.charged(ALL_MODEST as u64 + 8);
    let stdout = defence.signal(Signal::SIGTERM).stdout;
    let [advice] = &objects(&stdout, "advice")[..] else { panic!("{stdout}") };
    assert!(stdout.lines().last().unwrap().contains("advice"), "behind the summary");

    let [of_all] = &advice["services"].as_array().unwrap()[..] else { panic!("{advice}") };
    assert_eq!((&of_all["sources"], &of_all["service"]), (&json!(MODEST + 1), &Value::Null));
    let slowest = json!([
        { "percent": 99.0, "burst": 3, "sources_above": 1 },
        { "percent": 100.0, "burst": 9, "sources_above": 0 },
    ]);
    assert_eq!(of_all["rates"][0]["bursts"], slowest, "{advice}");
    assert_eq!((&advice["command"], &of_all["advised"]), (&Value::Null, &Value::Null));
    let why = advice["why_no_command"].as_str().unwrap();
    assert!(why.contains("let it see 10m of usual traffic"), "{why}");

    // All clients are of one network, which the advice knows nothing of.
    let with_burst =
        |burst| ["--iface", "eth0", "--rate", "6/m", "--networks", "off", "--burst", burst];
    let defence = Defence::start(&site.pair, &with_burst("3"));
    let (modest, greedy) = site.visit();
    assert_eq!(modest, ALL_MODEST, "with that of 99 %");
    assert!(greedy < 8, "who is above is limited");
    let allowed = site.pair.synflood(&["allow", "10.0.1.200"]).output().unwrap();
    assert!(allowed.status.success());
    assert_eq!(site.connect(GREEDY, WEB, 8), 8, "allowed");
    drop(defence);

    let _defence = Defence::start(&site.pair, &with_burst("9"));
    assert_eq!(site.visit(), (ALL_MODEST, 8), "with the burst that nobody would have met");
}

#[test]
fn services_have_advice_of_their_own_and_forged_syns_none() {
    let site = Site::new();
    let services = ["--service", "ssh=22,challenge=off", "--service", "web=80", "--service", "mail=25"];
    let options = ["--iface", "eth0", "--dry-run", "--burst", "7", "--rate", "7"];
    let defence = Defence::start(&site.pair, &[&options[..], &services].concat());
    assert_eq!(site.connect(GREEDY, WEB, 6), 6);
    assert_eq!(site.connect(GREEDY, SSH, 3), 3);
    let forged = ipv4(|ip, tcp| {
        (ip.source, ip.destination) = ([10, 0, 9, 9], [10, 0, 0, 10]);
        tcp.destination_port = WEB;
    });
    wire::send(&site.pair.client, "eth0", &vec![forged; 50]);
    site.charged(9);
    let ended = defence.signal(Signal::SIGINT).stdout;
    let (_, advice) = ended.split_once("advice on --burst and --rate").expect("an advice");
    for (head, burst) in [("ssh (22): 1 source\n", "4"), ("web (80): 1 source\n", "7")] {
        let (_, table) = advice.split_once(head).unwrap_or_else(|| panic!("{ended}"));
        let slowest: Vec<_> = table.lines().nth(1).unwrap().split_whitespace().collect();
        assert_eq!(slowest[..2], ["6/m", burst], "{ended}");
    }
    assert_eq!(advice.matches("SYNs are not challenged here").count(), 1, "{ended}");
    assert!(!advice.contains("use, with") && !advice.contains("allow"), "{ended}");
    for said in [" and 1 source, as a browser alone opens 6", " 9 connections stood\n"] {
        assert!(advice.contains(said), "{said}: {ended}");
    }
}

#[test]
fn without_connections_there_is_none_and_without_a_dry_run_nothing_is_said() {
    let site = Site::new();
    let run = |options: &[&str]| {
        let options = [&["--iface", "eth0", "--for", "1s"], options].concat();
        Defence::start(&site.pair, &options).wait().stdout
    };
    let of_dry_run = run(&["--dry-run"]);
    assert!(
        of_dry_run.contains("no advice on limits: no connection came to stand in 1s"),
        "{of_dry_run}"
    );
    let usual = run(&[]);
    assert!(usual.contains("ended after") && !usual.contains("advice"), "{usual}");
}

#[test]
fn a_reload_that_ends_the_dry_run_gives_the_advice() {
    let site = Site::new();
    let directory = tempfile::tempdir().unwrap();
    let config = directory.path().join("config.toml");
    let path = config.to_str().unwrap();
    fs::write(&config, "iface = \"eth0\"\ndry-run = true\n").unwrap();
    let defence = Defence::start(&site.pair, &["--config", path, "--json", "--quiet"]);
    assert_eq!(site.connect(GREEDY, WEB, 4), 4);
    site.charged(4);
    let reload = |text: &str| {
        let reloaded = || defence.stderr().matches("note: reloaded").count();
        let before = reloaded();
        fs::write(&config, text).unwrap();
        kill(defence.pid(), Signal::SIGHUP).unwrap();
        wait_for("the reload", || (reloaded() > before).then_some(()));
    };
    reload("iface = \"eth0\"\ndry-run = true\nburst = 9\nrate = 9\n");
    assert_eq!(site.connect(GREEDY, WEB, 4), 4);
    site.charged(8);
    reload("iface = \"eth0\"\nburst = 9\nrate = 9\n");
    let advice = wait_for("the advice", || objects(&defence.stdout(), "advice").into_iter().next());
    assert_eq!(advice["services"][0]["rates"][0]["bursts"][0]["burst"], 9, "of both parts: {advice}");
    let stdout = defence.signal(Signal::SIGTERM).stdout;
    assert_eq!(objects(&stdout, "advice").len(), 1, "once, and not at the reload in between");
}
