// SPDX-License-Identifier: GPL-2.0-only
//! The acts. All run the same code with different parameters.

use crate::figures::Counters;
use crate::network::{ATTACKER, NEWCOMERS};
use crate::requests::REQUESTS;

/// A flood, and a protection against it.
#[derive(Debug)]
pub struct Act {
    /// The source of the flood.
    pub from: &'static str,
    /// A sentence on what hping3 does.
    pub flood: &'static str,
    /// The options of hping3.
    pub hping3: &'static [&'static str],
    pub counters: Counters,
    /// The clients that request pages.
    pub clients: &'static str,
    /// The last bytes of their addresses.
    pub hosts: [u8; REQUESTS],
    /// A sentence on the options of synflood-xdp.
    pub policy: &'static str,
    /// synflood-xdp's options.
    pub options: &'static [&'static str],
    /// The question that `--dump` answers, and its options.
    pub question: &'static str,
    pub dump: &'static [&'static str],
    pub expected: Expected,
    /// An explanation of what may surprise in the comparison.
    pub explanation: &'static str,
}

/// What must hold if the protection works.
#[derive(Debug)]
pub struct Expected {
    /// The least factor by which fewer SYNs reach the server's TCP.
    pub received_by: u64,
    /// The least factor by which it sends fewer answers.
    pub answered_by: u64,
    /// Words in the output of `--dump`.
    pub in_dump: &'static str,
    /// A word that the summary must contain.
    pub in_summary: &'static str,
}

pub const ONE_ADDRESS: Act = Act {
    from: "one address",
    flood: "hping3 sends SYNs from 10.0.0.2 and never completes a connection.",
    hping3: &[],
    counters: Counters { received: "syns_received", answered: "syn_acks_sent" },
    clients: "The client requests",
    hosts: [1; REQUESTS],
    policy: "Each source may open 30 connections at once and 1 a second: enough for this client. The\n\
             kernel gets as many SYNs of it unasked. XDP answers the others with a SYN cookie, and\n\
             as the attacker never answers, they cost it nothing.",
    options: &["--burst", "30", "--rate", "1", "--mode", "skb"],
    question: "Who sends SYNs and never connects?",
    dump: &["--dump", "--all"],
    expected: Expected {
        received_by: 20,
        // The kernel repeats its answers to older half-open connections, at worst to all in these
        // seconds.
        answered_by: 5,
        in_dump: ATTACKER,
        in_summary: "challenge_sent",
    },
    explanation: "With protection, most half-open connections are left from before: the kernel\n\
                  repeats its SYN-ACKs to them for up to a minute before it gives up.",
};

pub const RANDOM_ADDRESSES: Act = Act {
    from: "random addresses",
    flood: "hping3 forges another source address for every SYN.",
    hping3: &["--rand-source"],
    counters: Counters { received: "forged_received", answered: "forged_answered" },
    clients: "Clients that the server does not know request",
    hosts: newcomers(),
    policy: "The kernel gets 200 SYNs a second unasked, of all sources together. XDP answers the\n\
             others with a SYN cookie: who acknowledges it is connected, and nobody is limited.",
    options: &["--pass-rate", "200", "--mode", "skb"],
    question: "Who is blocked? Nobody, because no address comes twice. The pass rate refuses them.",
    dump: &["--dump"],
    expected: Expected {
        received_by: 2,
        answered_by: 1,
        in_dump: "pass rate: has refused SYNs",
        in_summary: "challenge_sent",
    },
    explanation: "With protection, the half-open connections are those within the pass rate. They fill no \
                  more than\nhalf of nginx's queue.",
};

const fn newcomers() -> [u8; REQUESTS] {
    let mut hosts = [0; REQUESTS];
    let mut index = 0;
    while index < REQUESTS {
        hosts[index] = *NEWCOMERS.start() + index as u8;
        index += 1;
    }
    hosts
}
