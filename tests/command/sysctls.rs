// SPDX-License-Identifier: GPL-2.0-only
//! `--set-sysctls`: kernel settings are changed only while a run needs them.

use std::fs;

use lab::defence::Defence;
use lab::netns::connect;
use lab::pair::Pair;
use lab::wait_for;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

/// The server's current tcp_syncookies and tcp_timestamps.
fn now(pair: &Pair) -> String {
    pair.server.run("sysctl", &["-n", "net.ipv4.tcp_syncookies", "net.ipv4.tcp_timestamps"])
}

/// A pair whose server has two interfaces and settings that are bad for challenges.
fn pair() -> Pair {
    let pair = lab::pair!();
    connect(&pair.client, "eth1", &pair.server, "eth1");
    pair.set("net.ipv4.tcp_syncookies=0");
    pair.set("net.ipv4.tcp_timestamps=1");
    pair
}

fn start(pair: &Pair, interface: &str, challenge: &str) -> Defence {
    let options = ["--iface", interface, "--quiet", "--set-sysctls", "--challenge", challenge];
    Defence::start(pair, &options)
}

#[test]
fn settings_are_changed_only_if_asked_and_then_restored() {
    let pair = pair();
    Defence::start(&pair, &["--iface", "eth0", "--quiet"]).signal(Signal::SIGTERM);
    assert_eq!(now(&pair), "0\n1\n");
    for (challenge, during) in [("budget", "1\n2\n"), ("all", "2\n2\n"), ("off", "0\n1\n")] {
        let defence = start(&pair, "eth0", challenge);
        assert_eq!(now(&pair), during, "{challenge}");
        defence.signal(Signal::SIGTERM);
        assert_eq!(now(&pair), "0\n1\n", "{challenge}");
    }
}

#[test]
fn a_setting_changed_by_others_is_reported_and_stays() {
    let pair = pair();
    let defence = start(&pair, "eth0", "budget");
    pair.set("net.ipv4.tcp_timestamps=0");
    wait_for("a warning", || {
        defence.stderr().contains("net.ipv4.tcp_timestamps is 0 now: somebody else").then_some(())
    });
    defence.signal(Signal::SIGTERM);
    wait_for("the end", || (now(&pair) == "0\n0\n").then_some(()));
}

#[test]
fn a_killed_run_leaves_no_setting_changed() {
    let pair = pair();
    for _ in 0..3 {
        let defence = start(&pair, "eth0", "all");
        assert_eq!(now(&pair), "2\n2\n");
        assert_eq!(defence.signal(Signal::SIGKILL).status.code(), None);
        wait_for("the old settings", || (now(&pair) == "0\n1\n").then_some(()));
    }
}

#[test]
fn the_end_of_one_run_undoes_nothing_that_another_needs() {
    for (first, second, needed) in
        [("budget", "budget", "1\n2\n"), ("budget", "all", "2\n2\n"), ("all", "budget", "2\n2\n")]
    {
        for signal in [Signal::SIGTERM, Signal::SIGKILL] {
            let pair = pair();
            let one = start(&pair, "eth0", first);
            let other = start(&pair, "eth1", second);
            let ended = one.signal(signal);
            if signal == Signal::SIGTERM {
                let said = "another synflood-xdp needs them";
                assert!(ended.stderr.contains(said), "{}", ended.stderr);
            }
            assert_eq!(now(&pair), needed, "{first}, then {second}: {signal}");
            other.signal(signal);
            let restored = || (now(&pair) == "0\n1\n").then_some(());
            wait_for("the settings from before both", restored);
        }
    }
}

#[test]
fn a_run_whose_helper_was_killed_sets_them_back_itself() {
    let pair = pair();
    let defence = start(&pair, "eth0", "all");
    let children = fs::read_to_string(format!("/proc/{0}/task/{0}/children", defence.pid())).unwrap();
    // It also asks the firewall's tools for their rules.
    let is_helper = |pid: &&str| {
        let words = fs::read_to_string(format!("/proc/{pid}/cmdline")).unwrap_or_default();
        words.contains("--restore-sysctls")
    };
    let helper = children.split_whitespace().find(is_helper).expect("a helper");
    kill(Pid::from_raw(helper.parse().unwrap()), Signal::SIGKILL).unwrap();
    assert_eq!(defence.signal(Signal::SIGTERM).status.code(), Some(0));
    assert_eq!(now(&pair), "0\n1\n");
}
