// SPDX-License-Identifier: GPL-2.0-only
//! The defences. Others than ours have the same policy, if possible: one SYN from each source, then one
//! per hour. Ours has its default options, and this policy in one row.

use std::any::Any;
use std::mem::MaybeUninit;
use std::os::fd::AsFd;

use anyhow::{Context, Result, ensure};
use bench::generator::Shape;
use bench::skels::{drop::DropSkelBuilder, tutorial::TutorialSkelBuilder};
use lab::defence::Defence;
use lab::netns::Netns;
use lab::xdp;
use libbpf_rs::skel::{OpenSkel, SkelBuilder};

/// Stops the defence when dropped.
pub type Running = Box<dyn Any>;

/// A defence that can be started on `eth0` of a server's namespace.
pub struct Contender {
    pub name: &'static str,
    pub start: fn(&Netns) -> Result<Running>,
    /// Whether it stops a flood from one source before the server's TCP. The kernel's cookies are part
    /// of TCP.
    pub stops_before_tcp: bool,
    pub shapes: &'static [Shape],
}

const ALL: &[Shape] = &[Shape::One, Shape::Many, Shape::Random, Shape::Ipv6];
const IPV4: &[Shape] = &[Shape::One, Shape::Many, Shape::Random];
/// The floods that challenges are for.
const RANDOM: &[Shape] = &[Shape::Random, Shape::Ipv6];

const fn defence(
    name: &'static str,
    shapes: &'static [Shape],
    start: fn(&Netns) -> Result<Running>,
) -> Contender {
    Contender { name, start, stops_before_tcp: true, shapes }
}

/// The reference for all others.
pub const LIMIT: Contender = defence("bare XDP_DROP", ALL, bare_drop);

/// With its default options.
pub const OURS: Contender = defence("synflood-xdp", ALL, |server| synflood(server, &[]));

/// The policy of the other defences: one SYN from each source passes, and makes its entry in the table.
pub const OURS_EACH_ONCE: Contender =
    defence("synflood-xdp, each once", ALL, |server| synflood(server, EACH_ONCE));
pub const EACH_ONCE: &[&str] =
    &["--burst", "1", "--rate", "1/h", "--pass-rate", "0", "--challenge", "off"];

pub const NONE: Contender =
    Contender { name: "none", start: |_| Ok(Box::new(())), stops_before_tcp: false, shapes: ALL };

pub const OTHERS: &[Contender] = &[
    OURS,
    defence("synflood-xdp, skb", ALL, |server| synflood(server, &["--mode", "skb"])),
    defence("synflood-xdp, no challenge", ALL, |server| synflood(server, &["--challenge", "off"])),
    OURS_EACH_ONCE,
    defence("synflood-xdp, a rule", &[Shape::Random], ruled),
    defence("synflood-xdp, kernel cookies", RANDOM, |server| {
        server.run("sysctl", &["-qw", "net.ipv4.tcp_syncookies=2", "net.ipv4.tcp_timestamps=2"]);
        synflood(server, &["--cookies", "kernel"])
    }),
    defence("tutorial, 16", IPV4, |server| tutorial(server, 16)),
    defence("tutorial, 1 Mi", IPV4, |server| tutorial(server, 1 << 20)),
    defence("nftables ingress", ALL, nftables),
    defence("iptables hashlimit", ALL, hashlimit),
    defence("nftables synproxy", ALL, synproxy),
    // Nothing to start: the server has a listener, and cookies are on by default.
    Contender {
        name: "kernel SYN cookies",
        start: |_| Ok(Box::new(())),
        stops_before_tcp: false,
        shapes: ALL,
    },
];

fn bare_drop(server: &Netns) -> Result<Running> {
    let mut object = MaybeUninit::uninit();
    let skel = DropSkelBuilder::default().open(&mut object)?.load()?;
    Ok(Box::new(xdp::attach(server, "eth0", skel.progs.drop.as_fd())?))
}

fn tutorial(server: &Netns, sources: u32) -> Result<Running> {
    let mut object = MaybeUninit::uninit();
    let mut open = TutorialSkelBuilder::default().open(&mut object)?;
    open.maps.last_seen.set_max_entries(sources)?;
    open.maps.tokens.set_max_entries(sources)?;
    let skel = open.load()?;
    Ok(Box::new(xdp::attach(server, "eth0", skel.progs.tutorial.as_fd())?))
}

/// The shipped binary, as a user starts it.
pub fn synflood(server: &Netns, options: &[&str]) -> Result<Running> {
    synflood_on(server, &["eth0"], options)
}

/// With a rule that the flood's SYNs match.
fn ruled(server: &Netns) -> Result<Running> {
    let running = synflood(server, &[])?;
    let added = server
        .command(&binary()?, &["rule", "add", "ipv4,window=64240,options=none"])
        .output()
        .context("cannot add a rule")?;
    ensure!(added.status.success(), "no rule: {}", String::from_utf8_lossy(&added.stderr));
    Ok(running)
}

fn binary() -> Result<String> {
    std::env::var("SYNFLOOD_XDP").context("SYNFLOOD_XDP does not name the binary")
}

pub fn synflood_on(server: &Netns, interfaces: &[&str], options: &[&str]) -> Result<Running> {
    let interfaces: Vec<_> = interfaces.iter().flat_map(|name| ["--iface", name]).collect();
    // The other end of the veth takes what a driver sends, as it aggregates frames (gro).
    let native: &[&str] = if options.contains(&"--mode") { &[] } else { &["--mode", "native"] };
    let command =
        server.command(&binary()?, &[&interfaces[..], &["--quiet"], native, options].concat());
    Ok(Box::new(Defence::start_command(command)?))
}

fn nftables(server: &Netns) -> Result<Running> {
    nft(
        server,
        "table netdev bench {
            set sources { type ipv4_addr; size 1048576; flags dynamic; }
            set sources6 { type ipv6_addr; size 1048576; flags dynamic; }
            chain ingress {
                type filter hook ingress device eth0 priority 0;
                tcp flags & (syn | ack) == syn update @sources { ip saddr limit rate over 1/hour burst 1 packets } drop
                tcp flags & (syn | ack) == syn update @sources6 { ip6 saddr limit rate over 1/hour burst 1 packets } drop
            }
        }",
    )
}

fn synproxy(server: &Netns) -> Result<Running> {
    nft(
        server,
        "table inet bench {
            chain raw { type filter hook prerouting priority raw; tcp dport 80 tcp flags syn notrack; }
            chain input {
                type filter hook input priority filter;
                tcp dport 80 ct state invalid,untracked synproxy mss 1460 wscale 7 timestamp sack-perm
                ct state invalid drop
            }
        }",
    )
}

fn hashlimit(server: &Netns) -> Result<Running> {
    let rule = "-p tcp --syn -m hashlimit --hashlimit-above 1/hour --hashlimit-burst 1 --hashlimit-mode srcip \
                --hashlimit-name bench --hashlimit-htable-max 1048576 --hashlimit-htable-size 262144";
    for (command, prefix) in [("iptables", "32"), ("ip6tables", "64")] {
        let rule = ["-t", "raw", "-A", "PREROUTING"].into_iter().chain(rule.split_whitespace());
        let rule = rule.chain(["--hashlimit-srcmask", prefix]);
        // The options of the match come before the target.
        let mut rule: Vec<_> = rule.collect();
        rule.extend(["-j", "DROP"]);
        server.run(command, &rule);
    }
    Ok(Box::new(()))
}

fn nft(server: &Netns, rules: &str) -> Result<Running> {
    server.run("nft", &[rules]);
    Ok(Box::new(()))
}
