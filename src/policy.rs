// SPDX-License-Identifier: GPL-2.0-only
//! What is protected, and how, in plain values. They know neither the kernel nor the command line.

mod limit;
mod lists;
mod place;
mod ports;

use std::fmt;

use clap::ValueEnum;
use serde::Serialize;

pub use limit::{Budget, Limit, Rate};
pub use lists::{Listed, Lists, network_name};
pub use place::{AttachMode, Mode, Place, Sizes};
pub use ports::{PortRange, Ports};

/// The limits and ports that decide about a SYN. It is made from the command line or from a running
/// program; text and JSON are made from it. Its fields have the same names in the JSON.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Policy {
    /// The limit of each source: `burst` and `rate` in the JSON.
    #[serde(flatten)]
    pub source_limit: Limit,
    /// New sources admitted, in total.
    pub new_sources: Budget,
    /// SYNs let through, in total.
    pub total_rate: Budget,
    pub challenge: Challenge,
    pub challenge_ports: Ports,
    /// SYN cookies sent.
    pub challenge_rate: Budget,
    /// Bits of an IPv4 address that make a source, 1 to 32.
    pub ipv4_prefix: u8,
    /// Bits of an IPv6 address that make a source, 1 to 128.
    pub ipv6_prefix: u8,
    /// The ports that are protected.
    pub ports: Ports,
    /// Judge and count, drop nothing.
    pub dry_run: bool,
}

impl Policy {
    /// Whether SYNs to this TCP port may be answered with a cookie.
    pub fn challenges(&self, port: u16) -> bool {
        self.challenge != Challenge::Off
            && !self.dry_run
            && self.ports.contains(port)
            && self.challenge_ports.contains(port)
    }
}

/// Which SYNs are answered with a cookie instead of dropped.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Challenge {
    /// None
    Off,
    /// Those that --new-sources or --total-rate refuses
    Budget,
    /// Also those that the limit of their source refuses
    All,
}

impl fmt::Display for Challenge {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Off => "off",
            Self::Budget => "budget",
            Self::All => "all",
        })
    }
}
