// SPDX-License-Identifier: GPL-2.0-only
//! net.ipv4.tcp_syncookies: 2 while a flood is on, where challenges are with the kernel's cookies.

use std::fs;
use std::time::Duration;

use lab::defence::Defence;
use lab::frames::ipv4;
use lab::netns::connect;
use lab::pair::Pair;
use lab::{wait_at_most, wait_for, wire};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde_json::Value;

/// The server's current setting.
fn now(pair: &Pair) -> String {
    pair.server.run("sysctl", &["-n", "net.ipv4.tcp_syncookies"]).trim().into()
}

/// A pair whose server has two interfaces.
fn pair() -> Pair {
    let pair = lab::pair!();
    connect(&pair.client, "eth1", &pair.server, "eth1");
    pair.set("net.ipv4.tcp_syncookies=1");
    pair
}

/// An instance whose pass rate is spent by one SYN.
fn start(pair: &Pair, interface: &str, more: &[&str]) -> Defence {
    let options = ["--iface", interface, "--json", "--interval", "0.2", "--pass-rate", "1/h"];
    Defence::start(pair, &[&options[..], more].concat())
}

/// SYNs beyond the pass rate.
fn flood(pair: &Pair, interface: &str) {
    let frame = ipv4(|ip, _| ip.destination = [10, 0, 0, 10]);
    wire::send(&pair.client, interface, &vec![frame; 10]);
}

/// Floods until the instance has set the setting.
fn flood_until_set(pair: &Pair, interface: &str, defence: &Defence) {
    wait_for("the flood to be noticed", || {
        flood(pair, interface);
        defence.stderr().contains("is 2 while the flood lasts").then_some(())
    });
    assert_eq!(now(pair), "2");
}

/// Floods for longer than an instance takes to notice. Asserts that the setting stays as it is.
fn flood_in_vain(pair: &Pair, defence: Defence) {
    let before = now(pair);
    let changed = wait_at_most(Duration::from_millis(2_500), || {
        flood(pair, "eth0");
        (now(pair) != before).then_some(())
    });
    assert_eq!(changed, None, "{}", defence.stderr());
    let ended = defence.signal(Signal::SIGTERM);
    let mut lines = ended.stdout.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
    assert!(lines.any(|line| line["flood_s"].is_number()), "a flood was on: {}", ended.stdout);
    assert_eq!(now(pair), before);
}

#[test]
fn it_is_set_at_a_flood_and_set_back_at_the_end() {
    let pair = pair();
    let defence = start(&pair, "eth0", &["--cookies", "kernel"]);
    assert_eq!(now(&pair), "1", "no flood yet");
    flood_until_set(&pair, "eth0", &defence);
    let ended = defence.signal(Signal::SIGTERM);
    assert!(ended.stderr.contains("net.ipv4.tcp_syncookies was 1 and is 2 while"), "{}", ended.stderr);
    assert_eq!(now(&pair), "1");
}

#[test]
fn it_stays_where_nothing_needs_it_or_it_is_to_be_kept() {
    let pair = pair();
    for options in
        [&["--cookies", "own"][..], &["--cookies", "kernel", "--keep-sysctls"], &["--challenge", "off"]]
    {
        flood_in_vain(&pair, start(&pair, "eth0", options));
    }
    pair.set("net.ipv4.tcp_syncookies=0");
    flood_in_vain(&pair, start(&pair, "eth0", &["--cookies", "kernel"]));
    assert_eq!(now(&pair), "0", "the administrator wants no cookies");
}

/// Their connections cannot be made of our own cookies.
#[test]
fn a_listener_for_mptcp_needs_it_though_others_get_own_cookies() {
    let pair = pair();
    let _listener = pair.server.enter(|| {
        let protocol = socket2::Protocol::from(libc::IPPROTO_MPTCP);
        let socket =
            socket2::Socket::new(socket2::Domain::IPV4, socket2::Type::STREAM, Some(protocol)).unwrap();
        socket.bind(&std::net::SocketAddr::from(([10, 0, 0, 10], 80)).into()).unwrap();
        socket.listen(16).unwrap();
        socket
    });
    let defence = start(&pair, "eth0", &["--cookies", "own"]);
    flood_until_set(&pair, "eth0", &defence);
    defence.signal(Signal::SIGTERM);
    assert_eq!(now(&pair), "1");
}

#[test]
fn a_setting_changed_by_others_is_reported_and_stays() {
    let pair = pair();
    let defence = start(&pair, "eth0", &["--cookies", "kernel"]);
    flood_until_set(&pair, "eth0", &defence);
    pair.set("net.ipv4.tcp_syncookies=0");
    wait_for("a warning", || {
        defence.stderr().contains("net.ipv4.tcp_syncookies is 0 now: somebody else").then_some(())
    });
    defence.signal(Signal::SIGTERM);
    assert_eq!(now(&pair), "0");
}

#[test]
fn a_killed_run_leaves_no_setting_changed() {
    let pair = pair();
    for _ in 0..2 {
        let defence = start(&pair, "eth0", &["--cookies", "kernel"]);
        flood_until_set(&pair, "eth0", &defence);
        assert_eq!(defence.signal(Signal::SIGKILL).status.code(), None);
        wait_for("the old setting", || (now(&pair) == "1").then_some(()));
    }
}

#[test]
fn the_end_of_one_run_undoes_nothing_that_another_needs() {
    for signal in [Signal::SIGTERM, Signal::SIGKILL] {
        let pair = pair();
        let one = start(&pair, "eth0", &["--cookies", "kernel"]);
        let other = start(&pair, "eth1", &["--cookies", "kernel"]);
        flood_until_set(&pair, "eth0", &one);
        needs_it_too(&pair, &other);
        let ended = one.signal(signal);
        if signal == Signal::SIGTERM {
            let said = "another synflood-xdp needs them";
            assert!(ended.stderr.contains(said), "{}", ended.stderr);
        }
        assert_eq!(now(&pair), "2", "{signal}");
        other.signal(signal);
        wait_for("the setting from before both", || (now(&pair) == "1").then_some(()));
    }
}

/// Floods the second interface until its instance shares the lock: it says nothing, as it finds the
/// setting as it needs it.
fn needs_it_too(pair: &Pair, other: &Defence) {
    let locks = format!("/proc/{}/fd", other.pid());
    wait_for("the other instance to share the lock", || {
        flood(pair, "eth1");
        let mut open =
            fs::read_dir(&locks).unwrap().filter_map(|entry| fs::read_link(entry.ok()?.path()).ok());
        open.any(|path| path.ends_with("tcp_fastopen_key")).then_some(())
    });
}

#[test]
fn a_run_whose_helper_was_killed_sets_it_back_itself() {
    let pair = pair();
    let defence = start(&pair, "eth0", &["--cookies", "kernel"]);
    flood_until_set(&pair, "eth0", &defence);
    let children = fs::read_to_string(format!("/proc/{0}/task/{0}/children", defence.pid())).unwrap();
    let helper = children.split_whitespace().next().expect("a helper");
    kill(Pid::from_raw(helper.parse().unwrap()), Signal::SIGKILL).unwrap();
    assert_eq!(defence.signal(Signal::SIGTERM).status.code(), Some(0));
    assert_eq!(now(&pair), "1");
}
