// SPDX-License-Identifier: GPL-2.0-only
//! A newcomer that is killed while it puts its program in the place of another: one link of two has it.

use std::os::fd::AsFd;

use lab::defence::{Defence, dump, source};
use lab::manager::Manager;
use lab::netns::connect;
use lab::pair::Pair;
use lab::program::Program;
use lab::{wait_for, wire};
use libbpf_rs::query::{LinkInfo, LinkInfoIter, LinkTypeInfo};
use nix::sys::signal::Signal;
use synflood_xdp::kernel::interface::Interface;
use synflood_xdp::kernel::predecessor::Predecessor;
use synflood_xdp::kernel::{handover, sys};

use crate::flood::syn_from;
use crate::kept;

const OPTIONS: [&str; 8] = ["--iface", "eth0", "--iface", "eth1", "--burst", "2", "--rate", "1/h"];

/// A pair with a second wire between client and server.
fn two_wires() -> Pair {
    let pair = lab::pair!();
    connect(&pair.client, "eth1", &pair.server, "eth1");
    pair
}

/// Does what a newcomer with tables of its own does until it is killed. Returns its program.
fn begin_to_take_over(pair: &Pair, manager: Option<&Manager>) -> Program {
    pair.server.enter(|| {
        let interfaces = ["eth0", "eth1"].map(|name| Interface::ethernet(name).unwrap());
        let legacy = Predecessor::on(&interfaces).unwrap().unwrap().legacy().unwrap();
        let newcomer = Program::load_after(&["--ipv4-prefix", "24"], Some(&legacy)).unwrap();
        if let Some(manager) = manager {
            manager.keep(&handover::of_program(&newcomer).unwrap());
        }
        let index = interfaces[1].index;
        // Interfaces of other namespaces have the same index.
        let judge = sys::xdp_query(index).unwrap().unwrap().id;
        let is_on_eth1 = |link: &LinkInfo| {
            matches!(&link.info, LinkTypeInfo::Xdp(xdp) if xdp.ifindex == index)
                && link.prog_id == judge
        };
        let link = LinkInfoIter::default().find(is_on_eth1).unwrap();
        let link = sys::link_by_id(link.id).unwrap();
        sys::link_set(link.as_fd(), newcomer.programs.synflood.as_fd()).unwrap();
        newcomer
    })
}

/// The only program on both.
fn assert_same_program(pair: &Pair) {
    // It fails if there are several.
    let shown = dump(pair, &[]);
    assert_eq!(shown["interfaces"].as_array().unwrap().len(), 2, "{shown}");
}

/// A SYN for the table of sources.
fn be_seen(pair: &Pair) {
    wire::send(&pair.client, "eth0", &[syn_from(pair, "10.0.0.9")]);
    wait_for("the source", || source(&dump(pair, &["--all"]), "10.0.0.9").map(drop));
}

#[test]
fn the_next_process_goes_on_with_all_links_and_the_tables_in_use() {
    let pair = two_wires();
    let manager = Manager::new(pair.server.name());
    let defence = kept::start(&manager, &pair, &OPTIONS);
    be_seen(&pair);
    let before = manager.kept().len();
    defence.signal(Signal::SIGKILL);
    drop(begin_to_take_over(&pair, Some(&manager)));
    let next = kept::start(&manager, &pair, &OPTIONS);
    assert!(!next.said.contains("begins anew"), "{}", next.said);
    assert_same_program(&pair);
    assert!(source(&dump(&pair, &["--all"]), "10.0.0.9").is_some(), "its table is in use still");
    wait_for("the manager to let go of the rest", || (manager.kept().len() == before).then_some(()));
}

/// Without a manager the process before it goes on.
#[test]
fn the_run_that_lives_takes_its_links_back() {
    let pair = two_wires();
    let defence = Defence::start(&pair, &OPTIONS);
    let newcomer = begin_to_take_over(&pair, None);
    wait_for("the run to see it", || {
        defence.stderr().contains("all interfaces are this one's again").then_some(())
    });
    drop(newcomer);
    assert_same_program(&pair);
    assert_eq!(defence.signal(Signal::SIGTERM).status.code(), Some(0));
}
