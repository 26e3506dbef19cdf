// SPDX-License-Identifier: GPL-2.0-only
//! Where the answer to a SYN goes, as in `bpf/destination.bpf.h`.

/// How the next hop of an answer is found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NextHop {
    Sender,
    /// The gateway, if that sent the SYN; else the route says.
    Gateway,
    Route,
}

/// The interface by which a SYN comes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Link {
    pub next_hop: NextHop,
    /// What is stacked on each other has the same.
    pub group: u32,
    /// Sources that are routed by another interface are dropped.
    pub rp_filter: bool,
}

/// The route to a source.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Route {
    /// Of the interface. None: several.
    pub group: Option<u32>,
    pub is_default: bool,
}

/// Where an answer goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Way {
    /// To where the kernel would send it.
    Open,
    NoRoute,
    /// The kernel would send it there.
    OtherInterface,
    /// And refuses the SYN for it.
    OtherInterfaceRefused,
}

/// `route`: the longest that covers the source.
pub fn way(link: Link, route: Option<Route>, is_ipv4: bool, is_by_gateway: bool) -> Way {
    if link.next_hop == NextHop::Sender || (link.next_hop == NextHop::Gateway && is_by_gateway) {
        return Way::Open;
    }
    match route {
        None => Way::NoRoute,
        Some(Route { group: Some(group), is_default }) if group != link.group => {
            if link.rp_filter && !is_default && is_ipv4 {
                Way::OtherInterfaceRefused
            } else {
                Way::OtherInterface
            }
        }
        Some(_) => Way::Open,
    }
}
