// SPDX-License-Identifier: GPL-2.0-only
//! The defences, all set to one policy where they can be: from each source one SYN, then one an hour.

use std::any::Any;
use std::io::{BufRead, BufReader};
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::process::{Child, Stdio};

use anyhow::{Context, Result, ensure};
use libbpf_rs::skel::{OpenSkel, SkelBuilder};
use synflood_xdp::{preflight, sys};

use crate::netns::Netns;
use crate::skels::{drop::DropSkelBuilder, tutorial::TutorialSkelBuilder};

/// Stops the defence when dropped.
pub type Running = Box<dyn Any>;

/// A defence that can be started on `eth0` of a server's namespace.
pub struct Contender {
    pub name: &'static str,
    pub start: fn(&Netns) -> Result<Running>,
    /// Whether it keeps the flood of one source from the server's TCP; the kernel's cookies are in TCP.
    pub stops_before_tcp: bool,
}

pub const ALL: &[Contender] = &[
    Contender { name: "bare XDP_DROP", start: bare_drop, stops_before_tcp: true },
    Contender {
        name: "synflood-xdp",
        start: |server| synflood(server, "native"),
        stops_before_tcp: true,
    },
    Contender {
        name: "synflood-xdp, skb",
        start: |server| synflood(server, "skb"),
        stops_before_tcp: true,
    },
    Contender { name: "tutorial, 16", start: |server| tutorial(server, 16), stops_before_tcp: true },
    Contender {
        name: "tutorial, 1 Mi",
        start: |server| tutorial(server, 1 << 20),
        stops_before_tcp: true,
    },
    Contender { name: "nftables ingress", start: nftables, stops_before_tcp: true },
    Contender { name: "iptables hashlimit", start: hashlimit, stops_before_tcp: true },
    Contender { name: "nftables synproxy", start: synproxy, stops_before_tcp: true },
    Contender { name: "kernel SYN cookies", start: cookies, stops_before_tcp: false },
];

fn bare_drop(server: &Netns) -> Result<Running> {
    let mut object = MaybeUninit::uninit();
    let skel = DropSkelBuilder::default().open(&mut object)?.load()?;
    attach(server, skel.progs.drop.as_fd())
}

fn tutorial(server: &Netns, sources: u32) -> Result<Running> {
    let mut object = MaybeUninit::uninit();
    let mut open = TutorialSkelBuilder::default().open(&mut object)?;
    open.maps.last_seen.set_max_entries(sources)?;
    open.maps.tokens.set_max_entries(sources)?;
    let skel = open.load()?;
    attach(server, skel.progs.tutorial.as_fd())
}

/// The link keeps the program and its maps alive; the skeleton need not stay.
fn attach(server: &Netns, program: BorrowedFd<'_>) -> Result<Running> {
    let link = server.enter(|| -> Result<OwnedFd> {
        let interface = preflight::any_interface("eth0")?;
        Ok(sys::xdp_link_create(program, interface.index, libbpf_sys::XDP_FLAGS_DRV_MODE)?)
    })?;
    Ok(Box::new(link))
}

/// A process that ends with this value.
struct Process(Child);

impl Drop for Process {
    fn drop(&mut self) {
        // Both fail only if it has ended by itself.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// The shipped binary, as a user starts it.
fn synflood(server: &Netns, mode: &str) -> Result<Running> {
    let binary = std::env::var("SYNFLOOD_XDP").context("SYNFLOOD_XDP does not name the binary")?;
    let args = ["--iface", "eth0", "--burst", "1", "--rate", "1/h", "--quiet", "--mode", mode];
    let mut command = server.command(&binary, &args);
    let mut child = command.stdout(Stdio::null()).stderr(Stdio::piped()).spawn()?;
    let stderr = child.stderr.take().context("no standard error")?;
    let process = Process(child);
    let mut lines = BufReader::new(stderr).lines().map_while(Result::ok);
    ensure!(lines.any(|line| line.starts_with("protecting")), "{binary} does not protect");
    Ok(Box::new(process))
}

fn nftables(server: &Netns) -> Result<Running> {
    nft(
        server,
        "table netdev bench {
            set sources { type ipv4_addr; size 1048576; flags dynamic; }
            chain ingress {
                type filter hook ingress device eth0 priority 0;
                tcp flags & (syn | ack) == syn update @sources { ip saddr limit rate over 1/hour burst 1 packets } drop
            }
        }",
    )
}

fn synproxy(server: &Netns) -> Result<Running> {
    nft(
        server,
        "table ip bench {
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
                --hashlimit-name bench --hashlimit-htable-max 1048576 --hashlimit-htable-size 262144 -j DROP";
    let rule = rule.split_whitespace();
    server.run(
        "iptables",
        &["-t", "raw", "-A", "PREROUTING"].into_iter().chain(rule).collect::<Vec<_>>(),
    );
    Ok(Box::new(()))
}

/// All in the kernel: a listener is there anyway, and cookies are on by default.
fn cookies(_: &Netns) -> Result<Running> {
    Ok(Box::new(()))
}

fn nft(server: &Netns, rules: &str) -> Result<Running> {
    server.run("nft", &[rules]);
    Ok(Box::new(()))
}
