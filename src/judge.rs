// SPDX-License-Identifier: GPL-2.0-only
//! What the program says to a SYN, and why: the decisions of `bpf/synflood.bpf.c` in their order, on plain values.
//! `explain` asks it, and the tests hold the program against it.
//!
//! It has no other CPUs and no failures, so it knows neither `drop_contention` nor `pass_table_error`. The SYN is that
//! of a new connection: what the kernel has of an old one on the same ports it does not know.

mod bucket;
mod case;
mod challenge;
mod doubts;
mod likeness;
mod network;
mod reason;
mod rules;
mod way;

use std::net::IpAddr;

pub use bucket::Bucket;
pub use case::judge;
pub use doubts::{Doubt, Otherwise, doubts};
pub use likeness::{Likeness, harmless_burst, likeness};
pub use network::{LimitedNetwork, LimitedNetworks};
pub use reason::{Action, Reason};
pub use rules::Rules;
pub use way::{Link, NextHop, Route, Way, way};

use crate::policy::{Limit, Listed, Policy};

/// A SYN.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Syn {
    pub source: IpAddr,
    pub port: u16,
    /// By its MAC and its IP address.
    pub is_for_this_host: bool,
    pub form: Form,
}

/// What is odd about a SYN.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Form {
    #[default]
    Plain,
    /// IP options, extension headers or fragments.
    ExtraHeaders,
    /// Options that no honest stack sends, as a signature of a wrong length.
    Malformed,
}

/// What decides about a SYN and does not change with it.
#[derive(Debug, Clone, Copy)]
pub struct Facts<'a> {
    pub policy: &'a Policy,
    /// CLOCK_MONOTONIC ns.
    pub now: u64,
    /// What the lists say of its source.
    pub listed: Option<Listed>,
    /// Why the CPU that judges it refused its source before, as far as that holds still.
    pub remembered: Option<Refused>,
    /// Those in force.
    pub rules: Rules,
    /// Of the port's service.
    pub networks: LimitedNetworks,
    pub host: Host,
    pub port: Port,
    /// Its source is an address of this host.
    pub is_own_source: bool,
    /// Where the answer goes.
    pub way: Way,
    /// Under half of the listener's queue of half-open connections is in use.
    pub has_queue_room: bool,
    /// Its source may get one more answer from this CPU in this tick.
    pub has_ration: bool,
    /// The kernel makes a cookie, where it is asked for one.
    pub has_kernel_cookie: bool,
}

/// What the program knows of this host.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Host {
    /// net.ipv4.tcp_syncookies.
    pub syncookies: u8,
    /// Nobody has told it for so long that it no longer counts.
    pub is_stale: bool,
}

/// What the program knows of the SYN's port.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Port {
    /// Somebody listens at the SYN's address.
    pub listens: bool,
    /// The host's rules or a listener's keys forbid challenges.
    pub is_unchallenged: bool,
    /// And no others.
    pub takes_kernel_cookies: bool,
}

/// What a SYN changes.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct State {
    pub rates: Rates,
    /// Of its source at the port's service. None: the program does not know it.
    pub entry: Option<Entry>,
}

/// The words of the buckets that all sources share: when each is full, CLOCK_MONOTONIC ns.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Rates {
    pub pass: u64,
    pub unchallenged: u64,
    /// Of SYNs for other hosts.
    pub forwarded: u64,
    pub challenges: u64,
}

/// One of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Rate {
    Pass,
    Unchallenged,
    Forwarded,
    Challenges,
}

impl Rates {
    pub fn word(&mut self, rate: Rate) -> &mut u64 {
        match rate {
            Rate::Pass => &mut self.pass,
            Rate::Unchallenged => &mut self.unchallenged,
            Rate::Forwarded => &mut self.forwarded,
            Rate::Challenges => &mut self.challenges,
        }
    }
}

/// An entry of the table of sources. Times are of CLOCK_MONOTONIC in ns.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Entry {
    /// The words of its buckets: when each is full.
    pub syns_full_at: u64,
    pub connections_full_at: u64,
    pub passed: u64,
    pub challenged: u64,
    pub dropped: u64,
    pub connected: u64,
    /// 0: never.
    pub last_drop: u64,
    /// In seconds, and one more; 0: never.
    pub first_connected: u32,
    pub last_connected: u32,
}

/// Which bucket of a source is empty.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Refused {
    Syns,
    Connections,
}

/// The reason with which a SYN ends, and the steps to it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Verdict {
    pub reason: Reason,
    pub steps: Vec<Step>,
}

/// A look at something, and what was found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Step {
    Lists(Option<Listed>),
    Port {
        is_protected: bool,
    },
    /// How many are in force. `is_spared`: they do not count for the source.
    Rules {
        in_force: usize,
        is_spared: bool,
    },
    /// Of this prefix length, which is limited. `is_old`: the source connected before, so it does not matter.
    Network {
        prefix: u8,
        limit: Limit,
        bucket: Bucket,
        is_old: bool,
    },
    Unknown,
    Remembered(Refused),
    Connections(Bucket),
    Syns(Bucket),
    PassRate(Shared),
    AllByCookie,
    Queue {
        has_room: bool,
    },
    ChallengesOff,
    Ration {
        is_left: bool,
    },
    HostStale,
    ForAnotherHost,
    Unanswerable,
    Odd(Form),
    Way(Way),
    Unchallengeable(Unchallengeable),
    Listener {
        listens: bool,
    },
    ChallengeRate(Shared),
    NoKernelCookie,
    UnchallengedRate(Shared),
}

/// A bucket that all sources share; None: no limit.
pub type Shared = Option<Bucket>;

/// Why the SYNs of a port are not challenged.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unchallengeable {
    /// The host's rules or a listener's keys.
    Port,
    /// `tcp_syncookies` is 0.
    NoCookies,
    /// challenge=off.
    Service,
}
