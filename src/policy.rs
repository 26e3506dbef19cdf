// SPDX-License-Identifier: GPL-2.0-only
//! What is protected, and how, in plain values. They know neither the kernel nor the command line.

mod event_command;
pub mod faults;
pub mod learning;
mod limit;
pub mod list_file;
mod lists;
mod metrics_address;
mod need;
mod network;
pub mod networks;
mod place;
mod ports;
pub mod service;
mod services;
pub mod text_file;

use std::fmt;
use std::net::IpAddr;

use clap::ValueEnum;
use ipnet::IpNet;
use serde::Serialize;

pub use event_command::EventCommand;
pub use learning::Learn;
pub use limit::{Limit, Rate, TotalRate, burst};
pub use list_file::{Entry as ListEntry, ListFile, SHORTEST_PREFIX};
pub use lists::{Listed, ListedBy, Listing, Lists, Origin};
pub use metrics_address::MetricsAddress;
pub use need::{ADVISED_RATES, Need, Needs};
pub use network::{network, network_name};
pub use networks::Networks;
pub use place::{AttachMode, Mode, Place, Sizes};
pub use ports::{PortRange, Ports};
pub use service::Service;
pub use services::Services;

/// The limits and ports that decide about a SYN. It is made from the command line or from a running
/// program; text and JSON are made from it. Its fields have the same names in the JSON.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Policy {
    /// What the kernel gets of each source unasked: SYNs.
    pub syn_limit: Limit,
    /// The connections of each source. None: no limit.
    pub connection_limit: Option<Limit>,
    /// SYNs that the kernel gets unasked, of all sources.
    pub pass_rate: TotalRate,
    /// The same for SYNs that cannot be challenged because of where they go.
    pub unchallenged_rate: TotalRate,
    pub challenge: Challenge,
    /// SYN cookies sent.
    pub challenge_rate: TotalRate,
    pub cookies: Cookies,
    /// Bits of an IPv4 address that make a source, 1 to 32.
    pub ipv4_prefix: u8,
    /// Bits of an IPv6 address that make a source, 1 to 128.
    pub ipv6_prefix: u8,
    /// The ports that are protected.
    pub ports: Ports,
    /// Ports at which each source has buckets of their own.
    pub services: Services,
    /// Whether networks have limits, where sources have. `networks` are those of the lists, in other fields of the JSON.
    #[serde(rename = "network_limits")]
    pub networks: Networks,
    /// Judge and count, drop nothing.
    pub dry_run: bool,
    /// What becomes of rules that a flood teaches.
    pub learn: Learn,
}

impl Policy {
    /// Whether SYNs to this TCP port may be answered with a cookie.
    pub fn challenges(&self, port: u16) -> bool {
        self.challenge != Challenge::Off
            && self.ports.contains(port)
            && self.services.at(port).is_none_or(|service| service.challenge)
    }

    /// The address of a source, with its prefix length where it stands for more than one.
    pub fn source_name(&self, address: IpAddr) -> String {
        let prefix_len = if address.is_ipv4() { self.ipv4_prefix } else { self.ipv6_prefix };
        let network = IpNet::new(address, prefix_len);
        network.map_or(address.to_string(), |network| network_name(&network))
    }

    /// What the networks of an address have at the ports of a service, or of none; from the narrowest on.
    pub fn network_limits(
        &self,
        address: IpAddr,
        service: Option<&Service>,
    ) -> impl Iterator<Item = (networks::Step, Limit)> {
        let source_prefix = if address.is_ipv4() { self.ipv4_prefix } else { self.ipv6_prefix };
        let limit = self.limits_of(service).connections.filter(|_| self.networks == Networks::On);
        let wider =
            networks::STEPS.into_iter().filter(move |step| step.prefix_of(address) < source_prefix);
        wider.filter_map(move |step| Some((step, step.limit(limit?)?)))
    }

    /// The limits of each source at the ports of a service, or of none.
    pub fn limits_of(&self, service: Option<&Service>) -> SourceLimits {
        match service.and_then(|service| service.limit) {
            Some(limit) => SourceLimits { syns: limit, connections: Some(limit) },
            None => SourceLimits { syns: self.syn_limit, connections: self.connection_limit },
        }
    }
}

/// What each source has at the ports of one service.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SourceLimits {
    /// SYNs that the kernel gets unasked.
    pub syns: Limit,
    /// None: no limit.
    pub connections: Option<Limit>,
}

/// Which SYNs are answered with a cookie instead of dropped.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Challenge {
    /// None
    Off,
    /// Whatever may not pass unasked
    All,
}

impl fmt::Display for Challenge {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Off => "off",
            Self::All => "all",
        })
    }
}

/// Whose SYN cookies are sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Cookies {
    /// Our own where the kernel takes them (Linux 6.9), else the kernel's
    Auto,
    /// Our own
    Own,
    /// The kernel's
    Kernel,
}

impl fmt::Display for Cookies {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Auto => "auto",
            Self::Own => "own",
            Self::Kernel => "kernel",
        })
    }
}
