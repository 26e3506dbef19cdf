// SPDX-License-Identifier: GPL-2.0-only
//! `explain` against running instances: what it says of a client, and that it changes nothing.

use std::net::{IpAddr, Ipv4Addr, TcpListener, TcpStream};
use std::time::Duration;

use lab::defence::{Defence, dump, source};
use lab::frames::ipv4;
use lab::pair::Pair;
use lab::{wait_for, wire};
use serde_json::Value;

/// What it says. It must succeed.
#[track_caller]
fn explained(pair: &Pair, args: &[&str]) -> String {
    let output = pair.synflood(&[&["explain"], args].concat()).output().unwrap();
    assert!(output.status.success(), "{args:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

/// The same of the only instance, as JSON.
#[track_caller]
fn json(pair: &Pair, args: &[&str]) -> Value {
    let mut all: Value = serde_json::from_str(&explained(pair, &[&["--json"], args].concat())).unwrap();
    assert_eq!(all["address"], args[0]);
    let instances = all["instances"].as_array_mut().unwrap();
    assert_eq!(instances.len(), 1);
    instances.remove(0)
}

#[track_caller]
fn assert_says(text: &str, parts: &[&str]) {
    let mut rest = text;
    for part in parts {
        let Some((_, after)) = rest.split_once(part) else {
            panic!("no {part:?} in its place:\n{text}")
        };
        rest = after;
    }
}

fn listen(pair: &Pair, port: u16) -> TcpListener {
    pair.server.enter(|| TcpListener::bind((Pair::SERVER, port)).unwrap())
}

/// Connects from 10.0.0.1, and stays connected while the values live.
fn connect(pair: &Pair, listener: &TcpListener) -> (TcpStream, TcpStream) {
    let to = listener.local_addr().unwrap();
    let client = pair.client.enter(|| TcpStream::connect_timeout(&to, Duration::from_secs(5)).unwrap());
    (client, listener.accept().unwrap().0)
}

/// SYNs to port 80 in the name of an address, each of a connection of its own.
fn send(pair: &Pair, from: [u8; 4], count: u16) {
    send_to(pair, from, 80, count);
}

fn send_to(pair: &Pair, from: [u8; 4], to: u16, count: u16) {
    let syn = |port| {
        let mut syn = ipv4(|ip, tcp| {
            (ip.source, ip.destination) = (from, [10, 0, 0, 10]);
            (tcp.source_port, tcp.destination_port) = (port, to);
        });
        syn[..6].copy_from_slice(&pair.server.mac("eth0"));
        syn[6..12].copy_from_slice(&pair.client.mac("eth0"));
        syn
    };
    wire::send(&pair.client, "eth0", &(1..=count).map(syn).collect::<Vec<_>>());
}

/// Waits until so many SYNs of the source are counted.
fn wait_for_syns(pair: &Pair, address: &str, count: u64) {
    wait_for("its SYNs", || {
        let shown = dump(pair, &["--all"]);
        let line = source(&shown, address)?;
        let fields = ["passed", "challenged", "dropped"];
        let sum: u64 = fields.iter().map(|field| line[field].as_u64().unwrap()).sum();
        (sum >= count).then_some(())
    });
}

/// The instance has been told of these listeners.
fn wait_for_ports(pair: &Pair, ports: &str) {
    wait_for("the run to see the listeners", || {
        let text = explained(pair, &["192.0.2.99"]);
        text.contains(&format!("a SYN to {ports} now")).then_some(())
    });
}

#[test]
fn a_client_that_was_never_seen_would_pass() {
    let pair = lab::pair!();
    let _listener = listen(&pair, 80);
    let _defence = Defence::start(&pair, &["--iface", "eth0", "--keep-sysctls"]);
    wait_for_ports(&pair, "port 80");
    let text = explained(&pair, &["10.0.0.77"]);
    assert_says(
        &text,
        &[
            "10.0.0.77 on eth0: gets in now; nothing to do\nneither allowed nor denied\n",
            "never seen, or forgotten: its first SYN would find full buckets\n",
            "a SYN to port 80 now passes (pass_within_limit):\n",
            "  lists: none names it\n  port: protected\n  source: not known: its buckets are full\n",
            "  pass rate: 1000 tokens left\n  queue: the listener's has room\n",
            "  but while half of the listener's queue or more is in use: challenge_sent\n",
        ],
    );
    assert!(!text.contains("synflood-xdp"), "there is nothing to do: {text}");
    // It leaves no trace: it is still not known.
    assert_eq!(dump(&pair, &["--all"])["known_sources"], 0);
    assert_eq!(explained(&pair, &["10.0.0.77"]), text);

    let to_other = explained(&pair, &["10.0.0.77", "--port", "80", "--to", "198.18.0.1"]);
    assert_says(&to_other, &["a SYN to port 80 of 198.18.0.1 now passes (pass_within_limit)"]);
    let nobody = explained(&pair, &["10.0.0.77", "--port", "81", "--iface", "eth0"]);
    assert_says(&nobody, &["a SYN to port 81 now passes (pass_within_limit)"]);
}

#[test]
fn without_a_listener_it_tells_of_any_port() {
    let pair = lab::pair!();
    let _defence = Defence::start(&pair, &["--iface", "eth0", "--port", "80,443"]);
    assert_says(
        &explained(&pair, &["fd00:5::1"]),
        &[
            "fd00:5::1 on eth0: gets in now; nothing to do\nit shares its limits with all of fd00:5::/64\n",
            "a SYN to a port where nobody listens now passes (pass_within_limit):\n",
        ],
    );
    assert_says(
        &explained(&pair, &["fd00:5::1", "--port", "81"]),
        &[
            "a SYN to port 81 now passes (pass_unprotected_port):\n",
            "port: not protected, so its SYNs all pass",
        ],
    );
}

#[test]
fn a_listed_client_is_told_its_entry_and_the_way_out() {
    let pair = lab::pair!();
    let options = ["--iface", "eth0", "--deny", "10.1.0.0/16", "--allow", "10.2.0.0/16"];
    let _defence = Defence::start(&pair, &options);
    assert_says(
        &explained(&pair, &["10.1.2.3"]),
        &[
            "10.1.2.3 on eth0: is REFUSED now: denied by 10.1.0.0/16\n",
            "denied as 10.1.0.0/16 (an option of the command line); decided 0 SYNs\n",
            "now is dropped (drop_denied):\n  lists: it is denied\n",
            "to let it in in spite of that: synflood-xdp allow 10.1.2.3\n",
        ],
    );
    let change = |words: &[&str]| assert!(pair.synflood(words).status().unwrap().success());
    change(&["deny", "10.3.0.1", "--for", "1h", "--note", "ticket 4711"]);
    send(&pair, [10, 3, 0, 1], 3);
    let denied = wait_for("three SYNs", || {
        let text = explained(&pair, &["10.3.0.1", "--iface", "eth0"]);
        text.contains("decided 3 SYNs").then_some(text)
    });
    assert_says(
        &denied,
        &[
            "denied as 10.3.0.1 (live, for 59m more: ticket 4711); decided 3 SYNs\n",
            "never seen, or forgotten",
            "to take that back: synflood-xdp deny 10.3.0.1 --remove --iface eth0\n",
        ],
    );
    change(&["deny", "10.3.0.1", "--remove"]);
    assert_says(
        &explained(&pair, &["10.3.0.1"]),
        &["gets in now; nothing to do\nneither allowed nor denied\n", "pass_within_limit"],
    );
    assert_says(
        &explained(&pair, &["10.2.0.1"]),
        &[
            "10.2.0.1 on eth0: gets in now; nothing to do\nallowed as 10.2.0.0/16 ",
            "; no limits of its own, but challenged like others\n",
            "now passes (pass_allowed):\n  lists: it is allowed: its own limits do not count\n",
        ],
    );
}

#[test]
fn a_blocked_client_is_told_why_and_what_lets_it_in() {
    let pair = lab::pair!();
    let listener = listen(&pair, 80);
    let _defence = Defence::start(&pair, &["--iface", "eth0", "--burst", "2", "--rate", "1/h"]);
    wait_for_ports(&pair, "port 80");
    let _connections = [connect(&pair, &listener), connect(&pair, &listener)];
    send(&pair, [10, 0, 0, 1], 5);
    wait_for_syns(&pair, "10.0.0.1", 7);
    let text = explained(&pair, &["10.0.0.1"]);
    assert_says(
        &text,
        &[
            "10.0.0.1 on eth0: is REFUSED now: over its limit of connections, next in 59m\nneither allowed nor denied\n",
            "ports of no service:\n  connections 0 of 2 left, refilled at 1/h, next in 59m; SYNs unasked 0 of 2 left",
            "  SYNs: 2 passed, 0 challenged, 5 dropped, last ",
            "; 2 connected\n  looks like one user: it answers, and has few connections\n",
            "  never refused at: --burst 7 --rate 1/h, or less",
            "a SYN to port 80 now is dropped (drop_over_limit):\n",
            "  connections: no token left, the next in 59m\n",
            "to exempt it from limits of its own: synflood-xdp allow 10.0.0.1\n",
        ],
    );
    let found = json(&pair, &["10.0.0.1"]);
    assert_eq!((&found["source"], &found["listed"]), (&"10.0.0.1".into(), &Value::Null));
    let known = &found["known"][0];
    assert_eq!((&known["looks_like"], &known["harmless_burst"]), (&"one_user".into(), &7.into()));
    assert_eq!(
        (&known["connections"]["tokens"], &known["limits"]["connections"]["burst"]),
        (&0.into(), &2.into())
    );
    let answer = &found["answers"][0];
    assert_eq!((&answer["verdict"], &answer["reason"]), (&"drop".into(), &"drop_over_limit".into()));
    assert_eq!(answer["ports"], serde_json::json!([80]));
    assert_eq!(answer["steps"][2]["step"], "connections");
    assert_eq!(found["remedy"]["command"], "synflood-xdp allow 10.0.0.1");
    // A look takes no token, and counts nothing.
    let counted = |found: &Value| found["known"][0]["dropped"].clone();
    assert_eq!(counted(&json(&pair, &["10.0.0.1"])), counted(&found));

    // The command that it names helps.
    assert!(pair.synflood(&["allow", "10.0.0.1"]).status().unwrap().success());
    assert_says(&explained(&pair, &["10.0.0.1"]), &["now passes (pass_allowed)"]);
    let _third = connect(&pair, &listener);
}

#[test]
fn a_source_that_never_answers_is_called_one() {
    let pair = lab::pair!();
    let _listener = listen(&pair, 80);
    let _defence = Defence::start(&pair, &["--iface", "eth0", "--burst", "2", "--rate", "1/h"]);
    wait_for_ports(&pair, "port 80");
    send(&pair, [10, 0, 7, 1], 20);
    wait_for_syns(&pair, "10.0.7.1", 20);
    assert_says(
        &explained(&pair, &["10.0.7.1"]),
        &[
            "10.0.7.1 on eth0: gets in by cookie, which an honest client does not notice; nothing to do\n",
            "  SYNs: 2 passed, 18 challenged, 0 dropped; 0 connected\n",
            "  looks like an attacker, or an address that others forge: it never answered a challenge\n",
            "a SYN to port 80 now is challenged (challenge_sent):\n",
            "  syns: no token left, the next in 59m\n  ration: it may have one more answer\n",
            "  answer: goes to where the kernel would send it\n  listener: somebody listens\n",
            "  challenge rate: no limit\n",
            "  but when it just had its share of answers (128 in 4 ms on each CPU): drop_challenge_ration\n",
            "  but to an address of this host at which nobody listens: drop_no_listener\n",
            "nothing needs to be done; to drop all its SYNs, which locks out the owner if it is forged: synflood-xdp deny 10.0.7.1\n",
        ],
    );
}

#[test]
fn ports_with_the_same_answer_stand_together() {
    let pair = lab::pair!();
    let listeners = [80, 443, 22].map(|port| listen(&pair, port));
    let services = ["--service", "ssh=22,burst=1,rate=1/h,challenge=off"];
    let options = ["--iface", "eth0", "--keep-sysctls"];
    let _defence = Defence::start(&pair, &[&options[..], &services].concat());
    wait_for_ports(&pair, "ports 80 443");
    let _connections: Vec<_> = (0..40).map(|_| connect(&pair, &listeners[0])).collect();
    let _ssh = connect(&pair, &listeners[2]);
    let text = wait_for("41 connections", || {
        let text = explained(&pair, &["10.0.0.1"]);
        text.contains("; 40 connected").then_some(text)
    });
    assert_says(
        &text,
        &[
            "is REFUSED now at port 22: over its limit of connections, next in 59m; gets in at other ports\n",
            "ports of no service:\n  connections not limited; SYNs unasked ",
            "  looks like many users behind one address, or one that connects often: it answers\n",
            "service ssh:\n  connections 0 of 1 left",
            "a SYN to port 22 now is dropped (drop_over_limit):\n",
            "a SYN to ports 80 443 now passes (pass_within_limit):\n",
        ],
    );
    // Nothing was refused there, so no limits are named.
    assert!(!text.contains("never refused at"), "{text}");
    send_to(&pair, [10, 0, 0, 1], 22, 2);
    let refused = wait_for("two SYNs to be refused", || {
        let text = explained(&pair, &["10.0.0.1", "--port", "22"]);
        text.contains("1 passed, 0 challenged, 2 dropped").then_some(text)
    });
    let copied = "  never refused at: --service ssh=22,burst=3,rate=1/h,challenge=off, or less";
    assert_says(&refused, &["is REFUSED now: over its limit", copied]);
}

/// Waits until it says this of a client.
#[track_caller]
fn wait_for_words(pair: &Pair, args: &[&str], words: &str) {
    wait_for(words, || explained(pair, args).contains(words).then_some(()));
}

#[test]
fn what_is_in_the_way_of_a_challenge_is_named() {
    let pair = lab::pair!();
    let (listener, _ssh) = (listen(&pair, 80), listen(&pair, 22));
    let options = ["--iface", "eth0", "--keep-sysctls", "--pass-rate", "1/h"];
    let services = ["--service", "ssh=22,challenge=off"];
    let _defence = Defence::start(&pair, &[&options[..], &services].concat());
    wait_for_ports(&pair, "port 80");
    send(&pair, [10, 0, 8, 1], 1);
    wait_for_syns(&pair, "10.0.8.1", 1);
    assert_says(
        &explained(&pair, &["10.0.9.1", "--port", "22"]),
        &[
            "now passes (pass_unchallenged):\n",
            "  pass rate: no token left, the next in 59m\n",
            "  challenge: off for this service\n  unchallenged rate: 10000 tokens left\n",
        ],
    );

    let _connection = connect(&pair, &listener);
    for count in [60, 120, 180] {
        send(&pair, [10, 0, 0, 1], 60);
        wait_for_syns(&pair, "10.0.0.1", count);
    }
    let forged = "looks like a client in whose name others send, or one that floods itself: far more SYNs were answered";
    assert_says(&explained(&pair, &["10.0.0.1"]), &["; 1 connected\n", forged]);

    assert_says(
        &explained(&pair, &["198.51.100.7"]),
        &[
            "is REFUSED now: nobody may answer its address\n",
            "now is dropped (drop_unanswerable):\n",
            "  answer: has no route\n",
        ],
    );
    pair.server.run("ip", &["route", "add", "default", "via", "10.0.0.1"]);
    wait_for_words(
        &pair,
        &["2001:db8:99::1", "--port", "22"],
        "but from another neighbour than the gateway: drop_unanswerable\n",
    );

    let client = ["10.0.9.1", "--port", "80"];
    pair.set("net.ipv4.tcp_syncookies=0");
    wait_for_words(&pair, &client, "challenge: not possible: tcp_syncookies is 0\n");
    pair.set("net.ipv4.tcp_syncookies=1");
    pair.server.run("nft", &["add chain inet arrived in { type filter hook input priority 0; }"]);
    let rule = "add rule inet arrived in tcp dport 80 tcp flags syn limit rate over 5/second drop";
    pair.server.run("nft", &[rule]);
    let forbidden = "challenge: forbidden by this host's firewall, or by the listener's keys\n";
    wait_for_words(&pair, &client, forbidden);
}

#[test]
fn a_server_that_passes_nothing_unasked_or_challenges_nobody_is_named() {
    let pair = lab::pair!();
    let _listener = listen(&pair, 80);
    pair.set("net.ipv4.tcp_syncookies=2");
    let all_by_cookie = Defence::start(&pair, &["--iface", "eth0", "--keep-sysctls"]);
    let words = "challenge: tcp_syncookies is 2, so no SYN passes unasked\n";
    wait_for_words(&pair, &["10.0.9.1"], words);
    assert_says(&explained(&pair, &["10.0.9.1", "--port", "80"]), &["is challenged (challenge_sent)"]);
    all_by_cookie.signal(nix::sys::signal::Signal::SIGINT);

    let options = ["--iface", "eth0", "--challenge", "off", "--pass-rate", "1/h"];
    let _defence = Defence::start(&pair, &options);
    send(&pair, [10, 0, 8, 1], 1);
    wait_for_syns(&pair, "10.0.8.1", 1);
    let text = explained(&pair, &["10.0.9.1", "--port", "80"]);
    assert!(!text.contains("synflood-xdp"), "it was never seen: nobody is to allow it: {text}");
    assert_says(
        &text,
        &[
            "is REFUSED now: the pass rate is used up",
            "now is dropped (drop_pass_rate):\n",
            "  challenge: off, so what may not pass is dropped\n",
        ],
    );
}

#[test]
fn a_dry_run_and_an_address_that_nobody_may_answer_are_said() {
    let pair = lab::pair!();
    let _listener = listen(&pair, 80);
    let refusing = ["--iface", "eth0", "--dry-run", "--pass-rate", "1/h", "--ipv4-prefix", "24"];
    let _defence = Defence::start(&pair, &refusing);
    wait_for_ports(&pair, "port 80");
    send(&pair, [10, 0, 8, 1], 1);
    wait_for_syns(&pair, "10.0.8.0/24", 1);
    assert_says(
        &explained(&pair, &["10.0.8.2"]),
        &[
            "gets in now; in a real run by cookie, which an honest client does not notice; nothing to do\nit shares its limits with all of 10.0.8.0/24\n",
            "too little to tell what it is: it never connected, and was never challenged\n",
            "a SYN to port 80 now would be challenged, and passes (challenge_sent):\n",
            "  pass rate: no token left, the next in 59m\n",
        ],
    );
    let unanswerable = explained(&pair, &["127.0.0.1"]);
    assert_says(
        &unanswerable,
        &[
            "gets in, as a dry run drops nothing; a real run would REFUSE it: nobody may answer its address\n",
            "would be dropped, and passes (drop_unanswerable):\n",
            "  answer: nobody may answer this address\n",
        ],
    );
    assert!(!unanswerable.contains("synflood-xdp"), "nothing helps: {unanswerable}");
    assert_says(
        &explained(&pair, &["10.0.9.1", "--port", "80", "--to", "198.18.0.1"]),
        &["(pass_unchallenged):\n", "  destination: another host, in whose name nothing is answered\n"],
    );
}

#[test]
fn without_an_instance_or_an_address_it_says_what_is_missing() {
    let pair = lab::pair!();
    let refusal = |args: &[&str], status: i32| {
        let output = pair.synflood(&[&["explain"], args].concat()).output().unwrap();
        let error = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(status), "{error}");
        error
    };
    let error = refusal(&["192.0.2.7"], 1);
    assert!(
        error.contains("no synflood-xdp of this version runs in this network namespace"),
        "{error}"
    );
    for (words, said) in [
        (&["192.0.2.0/24"][..], "it names many addresses: give one address, like 192.0.2.7"),
        (&["example.org"], "give one address, like 192.0.2.7"),
        (&["::ffff:192.0.2.7"], "give 192.0.2.7"),
        (&["192.0.2.7", "--port", "0"], "1..=65535"),
        (&[], "<ADDRESS>"),
    ] {
        let error = refusal(words, 2);
        assert!(error.contains(said), "{error}");
    }
    let _defence = Defence::start(&pair, &["--iface", "eth0"]);
    let error = refusal(&["192.0.2.7", "--to", "fd00:5::10"], 1);
    assert!(error.contains("a SYN has two addresses of one family"), "{error}");
    let address: IpAddr = Ipv4Addr::new(192, 0, 2, 7).into();
    assert_says(&explained(&pair, &["192.0.2.7"]), &[&format!("{address} on eth0: ")]);
}
