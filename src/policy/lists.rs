// SPDX-License-Identifier: GPL-2.0-only
//! Networks that are exempt from the limits, one way or the other.

use std::net::IpAddr;

use ipnet::IpNet;
use serde::Serialize;

/// Networks whose SYNs always pass, and networks whose SYNs never pass. No network is in both.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Lists {
    pub allow: Vec<IpNet>,
    pub deny: Vec<IpNet>,
}

/// A list's verdict on a network.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Listed {
    Allowed,
    Denied,
}

impl Lists {
    /// Every network with the verdict of its list.
    pub fn entries(&self) -> impl Iterator<Item = (&IpNet, Listed)> {
        let allowed = self.allow.iter().map(|network| (network, Listed::Allowed));
        allowed.chain(self.deny.iter().map(|network| (network, Listed::Denied)))
    }

    pub fn is_empty(&self) -> bool {
        self.allow.is_empty() && self.deny.is_empty()
    }

    pub fn len(&self) -> usize {
        self.allow.len() + self.deny.len()
    }

    /// The lists' verdict on an address. The longest prefix decides, as in the kernel's trie.
    pub fn listed(&self, address: IpAddr) -> Option<Listed> {
        let covering = self.entries().filter(|(network, _)| network.contains(&address));
        covering.max_by_key(|(network, _)| network.prefix_len()).map(|(_, listed)| listed)
    }
}

/// A network as people write it: without a prefix length where it is a single address.
pub fn network_name(network: &IpNet) -> String {
    if network.prefix_len() == network.max_prefix_len() {
        network.addr().to_string()
    } else {
        network.to_string()
    }
}
