// SPDX-License-Identifier: GPL-2.0-only
//! The acts: one play, whose parameters are these.

use crate::figures::Counters;
use crate::network::{ATTACKER, NEWCOMERS};
use crate::requests::REQUESTS;

/// A flood, and a protection against it.
#[derive(Debug)]
pub struct Act {
    /// What the flood comes from.
    pub from: &'static str,
    /// What hping3 does.
    pub flood: &'static str,
    /// hping3's options for it.
    pub hping3: &'static [&'static str],
    pub counters: Counters,
    /// Who requests pages.
    pub clients: &'static str,
    /// The last bytes of their addresses.
    pub hosts: [u8; REQUESTS],
    /// What the options mean.
    pub policy: &'static str,
    /// synflood-xdp's.
    pub options: &'static [&'static str],
    /// What `--dump` is asked for.
    pub question: &'static str,
    pub expected: Expected,
    /// What else may surprise in the comparison.
    pub explanation: &'static str,
}

/// What must be so if the protection does what it is for.
#[derive(Debug)]
pub struct Expected {
    /// By what the SYNs that reach the server's TCP are divided at least.
    pub received_by: u64,
    /// And its answers.
    pub answered_by: u64,
    /// Words in what `--dump` shows.
    pub in_dump: &'static str,
    /// A word in the summary at the end.
    pub in_summary: &'static str,
}

pub const ONE_ADDRESS: Act = Act {
    from: "one address",
    flood: "hping3 sends SYNs from 10.0.0.2 and never completes a connection.",
    hping3: &[],
    counters: Counters { received: "syns_received", answered: "syn_acks_sent" },
    clients: "The client requests",
    hosts: [1; REQUESTS],
    policy: "Each source is allowed 30 SYNs at once and 1 a second: enough for this client.",
    options: &["--burst", "30", "--rate", "1"],
    question: "Who is blocked?",
    expected: Expected {
        received_by: 20,
        // What is half-open from before is answered again, at worst all in these seconds.
        answered_by: 5,
        in_dump: ATTACKER,
        in_summary: "drop_over_limit",
    },
    explanation: "What is half-open with protection is mostly left from before: the kernel repeats its\n\
                  SYN-ACKs to these for up to a minute before it gives up.",
};

pub const RANDOM_ADDRESSES: Act = Act {
    from: "random addresses",
    flood: "hping3 forges another source address for every SYN.",
    hping3: &["--rand-source"],
    counters: Counters { received: "forged_received", answered: "forged_answered" },
    clients: "Clients that the server does not know request",
    hosts: newcomers(),
    policy: "All unknown sources share a budget of 200 a second; beyond it, SYNs are answered from XDP\n\
             with a SYN cookie. (In skb mode, as the other end of this veth would not take what native\n\
             XDP sends.)",
    options: &["--new-sources", "200", "--mode", "skb"],
    question: "Who is blocked? Nobody, as no address comes twice: the budget refuses them.",
    expected: Expected {
        received_by: 2,
        answered_by: 1,
        in_dump: "over the budget",
        in_summary: "challenge_sent",
    },
    explanation: "What is half-open with protection is what the budget lets through: each lives for some \
                  seconds.",
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
