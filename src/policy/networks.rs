// SPDX-License-Identifier: GPL-2.0-only
//! What a whole network may have, when its sources have a limit.

use std::fmt;
use std::net::IpAddr;

use clap::ValueEnum;
use serde::Serialize;

use super::{Limit, Rate};

/// Whether networks have limits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Networks {
    /// Only sources have
    Off,
    /// A network has many times what a source has
    On,
}

impl fmt::Display for Networks {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Off => "off",
            Self::On => "on",
        })
    }
}

/// How wide a network is, and how much it has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Step {
    pub ipv4_prefix: u8,
    pub ipv6_prefix: u8,
    /// Times as much as a source.
    pub multiple: u16,
}

/// From the narrowest on.
///
/// An IPv4 /24 is the longest prefix that is routed, and a customer of a hoster gets an IPv6 /48 (RFC 6177): behind
/// each is a single offender as a rule. An eighth of a /24 may use all that it has before the rest notices; where more
/// do so at once, they act together. A /20 and a /40 are what a small hoster or a block of its customers has: 16 and
/// 256 of those. It has what four of them have, so that one that is limited does not limit its neighbours.
pub const STEPS: [Step; 2] = [
    Step { ipv4_prefix: 24, ipv6_prefix: 48, multiple: 32 },
    Step { ipv4_prefix: 20, ipv6_prefix: 40, multiple: 128 },
];

impl Step {
    /// Bits of the prefix of an address's network.
    pub fn prefix_of(&self, address: IpAddr) -> u8 {
        if address.is_ipv4() { self.ipv4_prefix } else { self.ipv6_prefix }
    }

    /// What a network has, by what each of its sources has. None: no limit, as no clock is fine enough.
    pub fn limit(&self, source: Limit) -> Option<Limit> {
        let interval_ns = source.rate.interval_ns / u64::from(self.multiple);
        (interval_ns != 0).then(|| Limit {
            burst: source.burst * u64::from(self.multiple),
            rate: Rate { interval_ns },
        })
    }
}
