// SPDX-License-Identifier: GPL-2.0-only
//! What a service manager keeps while no process of the service lives.

use lab::defence::{Defence, dump};
use lab::manager::Manager;
use lab::netns::connect;
use lab::pair::Pair;
use lab::{wait_for, wire};
use nix::sys::signal::Signal;

use crate::flood::{Flood, OPTIONS, syn_from};

pub fn start(manager: &Manager, pair: &Pair, options: &[&str]) -> Defence {
    let ready = count(manager, "READY=1");
    let defence = Defence::start_command(manager.starts(&pair.synflood(options))).unwrap();
    wait_for("the service to be ready", || (count(manager, "READY=1") > ready).then_some(()));
    defence
}

fn count(manager: &Manager, word: &str) -> usize {
    manager.heard().iter().filter(|line| *line == word).count()
}

/// Restarts, a crash, other options: the next process takes over what the manager has kept.
#[test]
fn no_frame_is_unjudged_while_processes_come_and_go() {
    for mode in ["native", "skb"] {
        let pair = lab::pair!();
        let manager = Manager::new(pair.server.name());
        let options = [&OPTIONS[..], &["--mode", mode]].concat();
        let mut defence = start(&manager, &pair, &options);
        let kept = manager.kept();
        let flood = Flood::start(&pair);
        for (signal, limits) in [
            (Signal::SIGTERM, ["--pass-rate", "10"]),
            (Signal::SIGKILL, ["--pass-rate", "10"]),
            (Signal::SIGKILL, ["--cookies", "kernel"]),
        ] {
            defence.signal(signal);
            let sent = flood.sent();
            wait_for("SYNs while no process lives", || (flood.sent() > sent + 1000).then_some(()));
            defence = start(&manager, &pair, &[&options[..], &limits].concat());
        }
        flood.assert_judged();
        wait_for("the manager to let go of old programs", || {
            (manager.kept().len() == kept.len()).then_some(())
        });
        defence.signal(Signal::SIGTERM);
        assert!(pair.server.xdp("eth0").is_some(), "the manager keeps it");
        manager.let_go();
        wait_for("the interface as before", || pair.server.xdp("eth0").is_none().then_some(()));
    }
}

/// Five seconds after the last look of a process at this host its ports may be others.
#[test]
fn what_nobody_looks_after_is_not_challenged() {
    let pair = lab::pair!();
    let manager = Manager::new(pair.server.name());
    let options = ["--iface", "eth0", "--pass-rate", "1/h"];
    let defence = start(&manager, &pair, &options);
    let frame = syn_from(&pair, "10.0.0.9");
    let count = |reason: &str| {
        wire::send(&pair.client, "eth0", std::slice::from_ref(&frame));
        dump(&pair, &[])["reasons"][reason].as_u64().unwrap()
    };
    wait_for("a drop, as nobody listens", || (count("drop_no_listener") > 0).then_some(()));
    assert_eq!(count("pass_unchallenged"), 0);
    defence.signal(Signal::SIGKILL);
    let before = count("drop_no_listener");
    assert_eq!(count("drop_no_listener"), before + 1, "at first it is judged as ever");
    wait_for("the host to be unknown", || (count("pass_unchallenged") > 0).then_some(()));

    let _next = start(&manager, &pair, &options);
    let before = count("drop_no_listener");
    assert_eq!(count("drop_no_listener"), before + 1, "a new process looks again");
}

/// A process that is handed nothing it can use begins anew, and says so.
#[test]
fn what_cannot_be_used_is_let_go() {
    let pair = lab::pair!();
    let manager = Manager::new(pair.server.name());
    let defence = start(&manager, &pair, &["--iface", "eth0"]);
    defence.signal(Signal::SIGKILL);
    manager.lose(|name| name.starts_with("program."));
    let next = start(&manager, &pair, &["--iface", "eth0"]);
    assert!(next.said.contains("cannot be taken over"), "{}", next.said);
    assert_eq!(pair.server.xdp("eth0"), Some("xdpgeneric"));
}

/// An interface that goes while no process lives does not keep the next one from starting.
#[test]
fn an_interface_may_go_meanwhile() {
    let pair = lab::pair!();
    let (server, client) = (&pair.server, &pair.client);
    connect(client, "eth1", server, "eth1");
    let manager = Manager::new(server.name());
    let options = ["--iface", "eth0", "--iface", "eth1"];
    let defence = start(&manager, &pair, &options);
    defence.signal(Signal::SIGKILL);
    server.run("ip", &["link", "delete", "eth1"]);
    connect(client, "eth1", server, "eth1");
    let _next = start(&manager, &pair, &options);
    assert_eq!([server.xdp("eth0"), server.xdp("eth1")], [Some("xdpgeneric"); 2]);
}
