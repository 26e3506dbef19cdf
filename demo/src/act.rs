// SPDX-License-Identifier: GPL-2.0-only
//! The acts. All run the same code with different floods.

use std::net::Ipv4Addr;

use bench::generator::Flood;

/// A flood.
#[derive(Debug)]
pub struct Act {
    pub name: &'static str,
    /// Where it seems to come from.
    pub meaning: &'static str,
    /// The first of its sources, which follow each other.
    pub first: Ipv4Addr,
    pub sources: u64,
}

pub const ACTS: [Act; 3] = [
    Act {
        name: "one source",
        meaning: "every SYN is of 10.9.0.0",
        first: Ipv4Addr::new(10, 9, 0, 0),
        sources: 1,
    },
    Act {
        name: "a botnet",
        meaning: "SYNs of 50,000 addresses, in random order",
        first: Ipv4Addr::new(10, 9, 0, 0),
        sources: 50_000,
    },
    Act {
        name: "random sources",
        meaning: "every SYN is of another address",
        first: Ipv4Addr::UNSPECIFIED,
        sources: 1 << 32,
    },
];

impl Act {
    /// As fast as one CPU goes.
    pub fn flood(&self) -> Flood {
        Flood { ipv6: false, sources: self.sources, rate: None, count: None }
    }
}
