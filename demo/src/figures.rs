// SPDX-License-Identifier: GPL-2.0-only
//! The hosts' counts of a flood.

use std::time::{Duration, Instant};

use lab::figures::{nftables, nstat};

use crate::network::Network;

/// The server's counters for a flood.
#[derive(Debug, Clone, Copy)]
pub struct Counters {
    pub received: &'static str,
    pub answered: &'static str,
}

/// Packets, or packets per second.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Syns {
    /// SYNs that the attacker sent.
    pub sent: u64,
    /// Those of them that the server's TCP received.
    pub received: u64,
    /// SYN-ACKs to the attacker that the server sent.
    pub answered: u64,
    /// SYN cookies that it sent, to any client.
    pub cookies: u64,
}

/// All counts at one moment.
#[derive(Debug, Clone, Copy)]
pub struct Sample {
    at: Instant,
    counts: Syns,
}

impl Sample {
    pub fn take(network: &Network, counters: Counters) -> Self {
        let at = Instant::now();
        let sent = nftables(&network.attacker);
        let server = nftables(&network.server);
        let counts = Syns {
            sent: sent["syns_sent"],
            received: server[counters.received],
            answered: server[counters.answered],
            cookies: nstat(&network.server, "TcpExtSyncookiesSent"),
        };
        Self { at, counts }
    }

    /// SYNs that the attacker sent since an earlier sample.
    pub fn sent_since(&self, earlier: &Self) -> u64 {
        self.counts.sent - earlier.counts.sent
    }

    /// Rates per second since an earlier sample.
    pub fn rates_since(&self, earlier: &Self) -> Syns {
        rates(earlier.counts, self.counts, self.at - earlier.at)
    }
}

fn rates(earlier: Syns, later: Syns, time: Duration) -> Syns {
    let rate = |count: fn(&Syns) -> u64| {
        ((count(&later) - count(&earlier)) as f64 / time.as_secs_f64()).round() as u64
    };
    Syns {
        sent: rate(|syns| syns.sent),
        received: rate(|syns| syns.received),
        answered: rate(|syns| syns.answered),
        cookies: rate(|syns| syns.cookies),
    }
}

#[test]
fn rates_are_differences_per_second() {
    let earlier = Syns { sent: 1000, received: 900, answered: 10, cookies: 0 };
    let later = Syns { sent: 3000, received: 1000, answered: 13, cookies: 0 };
    let expected = Syns { sent: 1000, received: 50, answered: 2, cookies: 0 };
    assert_eq!(rates(earlier, later, Duration::from_secs(2)), expected);
}
