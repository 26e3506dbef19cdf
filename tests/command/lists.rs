// SPDX-License-Identifier: GPL-2.0-only
//! The commands `allow`, `deny` and `lists` against running instances.

use std::net::{IpAddr, TcpListener, TcpStream};
use std::process::{Output, Stdio};
use std::time::Duration;

use lab::defence::{Defence, dump};
use lab::netns::Netns;
use lab::pair::Pair;
use lab::wait_for;
use nix::sys::signal::Signal;
use serde_json::Value;

/// Runs the command on the server, outside of any ssh session.
pub fn run(pair: &Pair, args: &[&str]) -> Output {
    pair.synflood(args).output().unwrap()
}

/// What it said. It must succeed.
#[track_caller]
pub fn said(pair: &Pair, args: &[&str]) -> String {
    let output = run(pair, args);
    assert!(output.status.success(), "{args:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

/// What it said. It must fail with this status, and say it on standard error only.
#[track_caller]
fn refusal(output: &Output, status: i32) -> String {
    let error = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(status), "{error}");
    assert!(output.stdout.is_empty() && !error.contains("panicked"), "{error}");
    error
}

/// The networks of the only instance.
fn lists(pair: &Pair) -> Vec<Value> {
    let mut lists: Value = serde_json::from_str(&said(pair, &["lists", "--json"])).unwrap();
    let instances = lists["instances"].as_array_mut().unwrap();
    assert_eq!(instances.len(), 1, "{instances:?}");
    instances[0]["lists"].as_array().unwrap().clone()
}

/// "network verdict origin" of each.
fn listed(pair: &Pair) -> Vec<String> {
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    let line =
        |each: &Value| ["network", "verdict", "origin"].map(|field| text(&each[field])).join(" ");
    lists(pair).iter().map(line).collect()
}

/// Listens on the server's port 80, for as long as the value lives.
fn listen(pair: &Pair) -> TcpListener {
    pair.server.enter(|| TcpListener::bind((Pair::SERVER, 80)).unwrap())
}

/// Whether the client, 10.0.0.1, can connect. A SYN that is dropped is not sent again so soon.
fn connects(pair: &Pair) -> bool {
    let to = (Pair::SERVER.parse::<IpAddr>().unwrap(), 80).into();
    pair.client.enter(|| TcpStream::connect_timeout(&to, Duration::from_millis(500)).is_ok())
}

#[test]
fn a_deny_counts_at_once_and_until_it_is_removed() {
    let pair = lab::pair!();
    let _listener = listen(&pair);
    let _defence = Defence::start(&pair, &["--iface", "eth0", "--quiet"]);
    assert!(connects(&pair));
    let denied = said(&pair, &["deny", "10.0.0.0/24", "--note", "a scanner"]);
    let with_warning =
        "eth0: 10.0.0.0/24 is denied\nwarning: eth0's own address 10.0.0.10 is in a denied network";
    assert!(denied.starts_with(with_warning), "{denied}");
    assert!(!connects(&pair));
    let entries = lists(&pair);
    assert_eq!(entries.len(), 1);
    assert_eq!(entries[0]["note"], "a scanner");
    assert!(entries[0]["syns"].as_u64() >= Some(1) && entries[0]["left_s"].is_null(), "{entries:?}");
    assert_eq!(dump(&pair, &[])["lists"][0]["network"], "10.0.0.0/24");
    let text = said(&pair, &["lists"]);
    assert!(
        text.contains("10.0.0.0/24 denied  until removed") && text.contains("live: a scanner"),
        "{text}"
    );

    // A longer one, and then none.
    assert_eq!(said(&pair, &["allow", "10.0.0.1", "-i", "eth0"]), "eth0: 10.0.0.1 is allowed\n");
    assert!(connects(&pair));
    let removed = said(&pair, &["deny", "10.0.0.0/24", "--remove"]);
    assert!(
        removed.starts_with("eth0: the live entry of 10.0.0.0/24 is removed, which denied "),
        "{removed}"
    );
    said(&pair, &["allow", "--remove", "10.0.0.1"]);
    assert!(connects(&pair));
    assert_eq!(said(&pair, &["lists"]), "eth0 (skb): no network is allowed or denied\n");
}

#[test]
fn a_live_entry_replaces_a_live_one_and_covers_an_option() {
    let pair = lab::pair!();
    let _listener = listen(&pair);
    let options = ["--iface", "eth0", "--quiet", "--deny", "10.0.0.1"];
    let _defence = Defence::start(&pair, &options);
    assert!(!connects(&pair));
    let allowed = said(&pair, &["allow", "10.0.0.1", "--for", "1h30m"]);
    assert!(
        allowed.starts_with(
            "eth0: 10.0.0.1 is allowed for 1h30m; an option of the command line denies it"
        ),
        "{allowed}"
    );
    assert!(connects(&pair));
    assert_eq!(listed(&pair), ["10.0.0.1 allowed live", "10.0.0.1 denied option"]);
    assert_eq!(lists(&pair)[1]["is_covered"], true);
    assert!(said(&pair, &["lists"]).contains("covered by the live entry"));
    let denied = said(&pair, &["deny", "10.0.0.1"]);
    assert_eq!(denied, "eth0: 10.0.0.1 is denied; this replaces a live entry that allowed it\n");
    assert!(!connects(&pair));

    // One for ever is gone for good, also when the one in its place is over.
    let allowed = said(&pair, &["allow", "10.0.0.1", "--for", "1h"]);
    assert!(
        allowed
            .contains("this replaces a live entry that denied it without end and does not come back")
            && allowed.contains("deny-file"),
        "{allowed}"
    );
    assert!(connects(&pair));
    said(&pair, &["deny", "10.0.0.1"]);

    // The other verb removes nothing.
    let error = refusal(&run(&pair, &["allow", "10.0.0.1", "--remove"]), 1);
    assert!(error.contains("no live entry allows 10.0.0.1"), "{error}");
    assert!(error.contains("a live entry denies it: `deny 10.0.0.1 --remove`"), "{error}");
    let removed = said(&pair, &["deny", "10.0.0.1", "--remove"]);
    assert!(removed.contains("now an option of the command line denies it"), "{removed}");
    let error = refusal(&run(&pair, &["deny", "10.0.0.1", "--remove"]), 1);
    assert!(error.contains("an option of the command line does: take it out there"), "{error}");
    assert_eq!(listed(&pair), ["10.0.0.1 denied option"]);
}

#[test]
fn an_entry_ends_by_itself_and_the_run_says_so() {
    let pair = lab::pair!();
    let _listener = listen(&pair);
    let defence = Defence::start(&pair, &["--iface", "eth0", "--quiet"]);
    said(&pair, &["deny", "10.0.0.0/24,2001:db8::/32", "--for", "3s"]);
    assert!(!connects(&pair));
    let left = lists(&pair)[0]["left_s"].as_f64().unwrap();
    assert!(left > 0.0 && left < 3.0, "{left}");
    wait_for("the deny to end", || connects(&pair).then_some(()));
    let sentence = "the live entry 10.0.0.0/24 (denied) has ended";
    wait_for("the run to say so", || defence.stderr().contains(sentence).then_some(()));
    assert_eq!(listed(&pair), [""; 0]);
    assert_eq!(defence.signal(Signal::SIGTERM).stderr.matches("has ended").count(), 2);
}

#[test]
fn commands_at_the_same_time_lose_nothing() {
    let pair = lab::pair!();
    let _defence = Defence::start(&pair, &["--iface", "eth0", "--quiet"]);
    const EACH: usize = 8;
    let commands = (0..4).flat_map(|verb| (0..EACH).map(move |host| (verb, host)));
    let children: Vec<_> = commands
        .map(|(verb, host)| {
            let network = format!("192.0.2.{}", verb * 64 + host);
            let verb = ["allow", "deny"][verb % 2];
            let mut command = pair.synflood(&[verb, &network]);
            command.stdout(Stdio::null()).spawn().unwrap()
        })
        .collect();
    for child in children {
        assert!(child.wait_with_output().unwrap().status.success());
    }
    assert_eq!(lists(&pair).len(), 4 * EACH);
    // Half of them at the same time again.
    let removals: Vec<_> = (0..EACH)
        .map(|host| {
            let mut command = pair.synflood(&["deny", "--remove", &format!("192.0.2.{}", 64 + host)]);
            command.stdout(Stdio::null()).spawn().unwrap()
        })
        .collect();
    for child in removals {
        assert!(child.wait_with_output().unwrap().status.success());
    }
    assert_eq!(lists(&pair).len(), 3 * EACH);
}

#[test]
fn a_dry_run_says_that_it_denies_nobody() {
    let pair = lab::pair!();
    let _defence = Defence::start(&pair, &["--iface", "eth0", "--dry-run"]);
    let text = said(&pair, &["deny", "10.0.0.1"]);
    assert!(text.contains("is denied; but this is a dry run, in which nothing is dropped"), "{text}");
    let _listener = listen(&pair);
    assert!(connects(&pair));
}

#[test]
fn all_instances_are_changed_or_the_one_that_is_named() {
    let pair = lab::pair!();
    let other = Netns::new("other");
    lab::netns::connect(&other, "eth0", &pair.server, "eth1");
    let _first = Defence::start(&pair, &["--iface", "eth0", "--quiet"]);
    let _second = Defence::start(&pair, &["--iface", "eth1", "--quiet", "--deny", "192.0.2.9"]);
    assert_eq!(said(&pair, &["deny", "192.0.2.7"]).lines().count(), 2);
    assert!(said(&pair, &["allow", "192.0.2.8", "--iface", "eth1"]).starts_with("eth1: "));
    let text = said(&pair, &["lists", "--iface", "eth0"]);
    assert!(text.contains("192.0.2.7") && !text.contains("192.0.2.8"), "{text}");
    // One network is nowhere: the other is not removed either.
    let error = refusal(&run(&pair, &["allow", "192.0.2.8", "192.0.2.99", "--remove"]), 1);
    assert!(error.contains("192.0.2.99") && error.contains("nothing was changed"), "{error}");
    assert!(said(&pair, &["lists", "--iface", "eth1"]).contains("192.0.2.8"));
    // It is removed where it is.
    let removed = said(&pair, &["allow", "192.0.2.8", "--remove"]);
    assert!(removed.starts_with("eth1: ") && removed.lines().count() == 1, "{removed}");
    assert!(!said(&pair, &["lists"]).contains("192.0.2.8"));
}

#[test]
fn your_own_ssh_session_is_not_locked_out_by_a_slip() {
    let pair = lab::pair!();
    let options = ["--iface", "eth0", "--quiet", "--deny", "10.0.0.0/8"];
    let _defence = Defence::start(&pair, &options);
    let over_ssh = |args: &[&str]| {
        let mut command = pair.synflood(args);
        command.env("SSH_CONNECTION", "10.0.0.1 50022 10.0.0.10 22").output().unwrap()
    };
    for network in ["10.0.0.1", "10.0.0.0/24", "0.0.0.0/0"] {
        let error = refusal(&over_ssh(&["deny", "192.0.2.7", network]), 2);
        assert!(
            error.contains("connected over ssh from 10.0.0.1") && error.contains("--yes"),
            "{error}"
        );
    }
    assert_eq!(listed(&pair), ["10.0.0.0/8 denied option"]);
    assert!(over_ssh(&["deny", "10.0.0.2", "2001:db8::/32"]).status.success());
    assert!(over_ssh(&["deny", "10.0.0.1", "--yes"]).status.success());
    assert!(over_ssh(&["deny", "10.0.0.1", "--remove", "--yes"]).status.success());
    // What would bring a deny to light.
    assert!(over_ssh(&["allow", "10.0.0.1"]).status.success());
    let error = refusal(&over_ssh(&["allow", "10.0.0.1", "--remove"]), 2);
    assert!(error.contains("without this 10.0.0.0/8 would be denied"), "{error}");
    assert!(over_ssh(&["allow", "10.0.0.1", "--remove", "--yes"]).status.success());
}

/// 44 characters of two bytes each.
const TOO_LONG: &str = "ääääääääääääääääääääääääääääääääääääääääääää";

/// Arguments, and words of the refusal.
const WRONG: &[(&[&str], &[&str])] = &[
    (&["allow"], &["required", "<NET>"]),
    (&["deny", "--remove"], &["required", "<NET>"]),
    (&["deny", "example.org"], &["192.0.2.0/24"]),
    (&["deny", "10.0.0.1/8"], &["10.0.0.0/8 for the whole network"]),
    (&["deny", "10.0.0.0/8", "10.0.0.0/33"], &["192.0.2.0/24"]),
    (&["deny", "10.0.0.0/7"], &["nobody there would get in", "--yes"]),
    (&["allow", "0.0.0.0/0"], &["nobody there would have limits", "--yes"]),
    (&["block", "192.0.2.7"], &["'block'", "`synflood-xdp deny 192.0.2.7`"]),
    (&["undeny", "192.0.2.7", "--note", "a"], &["'undeny'", "`synflood-xdp deny 192.0.2.7 --remove`"]),
    (&["--status"], &["status is a command: give it without dashes"]),
    (&["help", "deny"], &["give deny --help"]),
    (&["start"], &["`--iface IF` or `--config FILE` starts a run"]),
    (&["stop"], &["SIGTERM ends a run", "status` shows the PID"]),
    (&["/etc/a.toml"], &["give --config /etc/a.toml"]),
    (&["deny", ""], &["192.0.2.0/24"]),
    (&["allow", "::ffff:192.0.2.7"], &["give 192.0.2.7"]),
    (&["deny", "192.0.2.7", "--for", "0s"], &["--for", "10m"]),
    (&["deny", "192.0.2.7", "--for", "soon"], &["--for", "10m"]),
    (&["deny", "192.0.2.7", "--for", "-1h"], &["--for", "10m"]),
    (&["deny", "192.0.2.7", "--for", "101y"], &["--for", "at most a hundred years"]),
    (&["deny", "192.0.2.7", "--for", "1h", "--remove"], &["--for", "--remove"]),
    (&["deny", "192.0.2.7", "--note", "a", "--remove"], &["--note", "--remove"]),
    (&["deny", "192.0.2.7", "--note", "two\nlines"], &["--note", "one line"]),
    (&["deny", "192.0.2.7", "--note", TOO_LONG], &["--note", "at most 87 bytes, and this one has 88"]),
    (&["deny", "192.0.2.7", "--iface", "a/b"], &["neither spaces nor slashes"]),
    (&["deny", "192.0.2.7", "--burst", "5"], &["--burst"]),
    (&["--iface", "eth0", "deny", "192.0.2.7"], &["options of a command stand behind it"]),
    (&["lists", "192.0.2.7"], &["192.0.2.7"]),
    (&["lists", "--for", "1h"], &["--for"]),
    (&["list"], &["`synflood-xdp lists`"]),
];

#[test]
fn wrong_words_change_nothing_and_say_what_is_right() {
    let pair = lab::pair!();
    let _defence = Defence::start(&pair, &["--iface", "eth0", "--quiet"]);
    for (args, words) in WRONG {
        let output = run(&pair, args);
        assert!(!output.status.success(), "{args:?}");
        let error = refusal(&output, 2);
        for word in *words {
            assert!(error.contains(word), "{args:?}: \"{word}\" is not in: {error}");
        }
    }
    let error = refusal(&run(&pair, &["deny", "192.0.2.7", "--iface", "none0"]), 1);
    assert!(error.contains("no interface none0"), "{error}");
    assert_eq!(listed(&pair), [""; 0]);
}

#[test]
fn without_an_instance_they_say_so() {
    let pair = lab::pair!();
    for args in [&["allow", "192.0.2.7"][..], &["deny", "192.0.2.7", "--remove"], &["lists"]] {
        let error = refusal(&run(&pair, args), 1);
        assert!(error.contains("no synflood-xdp") && error.contains("--iface"), "{error}");
    }
}
