// SPDX-License-Identifier: GPL-2.0-only
//! Advice at the start: settings of this host that will matter.

pub mod driver;
pub mod preflight;
pub mod ssh;

use std::net::IpAddr;

use crate::kernel::interface::Interface;
use crate::kernel::sysctl;
use crate::note::Note;
use crate::policy::{AttachMode, Challenge, Cookies, Listed, Lists, Policy};

/// All advice, the worst first.
pub fn on(policy: &Policy, lists: &Lists, places: &[(&Interface, AttachMode)]) -> Vec<Note> {
    let mut advice: Vec<Note> = ssh::advice(policy, lists).into_iter().collect();
    let is_denied = |address: &IpAddr| lists.listed(*address) == Some(Listed::Denied);
    advice.extend(places.iter().flat_map(|(interface, _)| on_neighbours(is_denied, interface)));
    // The rest is about challenged clients.
    if policy.challenge != Challenge::Off {
        advice.extend(places.iter().flat_map(|&(interface, mode)| driver::advice(interface, mode)));
        advice.extend(on_the_kernel(policy));
    }
    advice
}

/// A list of networks that nobody should come from on the Internet often has those of the host's own neighbours.
pub fn on_neighbours(is_denied: impl Fn(&IpAddr) -> bool, interface: &Interface) -> Vec<Note> {
    let denied = interface.addresses().into_iter().filter(is_denied);
    let note = |address| {
        Note::warning(format!(
            "{}'s own address {address} is in a denied network: clients there, its neighbours among them, cannot \
             connect; allow what should",
            interface.name
        ))
    };
    denied.map(note).collect()
}

fn on_the_kernel(policy: &Policy) -> Vec<Note> {
    let mut advice = Vec::new();
    if policy.cookies == Cookies::Kernel
        && sysctl::number("net.ipv4.tcp_timestamps").is_ok_and(|timestamps| timestamps != 2)
    {
        advice.push(Note::info(
            "with the kernel's cookies challenged connections do without window scaling and SACK: with \
             net.ipv4.tcp_timestamps=2 they have them",
        ));
    }
    let forwarding = ["net.ipv4.ip_forward", "net.ipv6.conf.all.forwarding"];
    if forwarding.into_iter().any(|name| sysctl::number(name).ok() == Some(1)) {
        advice.push(Note::info(
            "this host forwards: SYNs to other hosts cannot be challenged, and in a flood they pass at \
             --unchallenged-rate; protect only this host's own ports (--port), or raise that rate",
        ));
    }
    advice
}
