// SPDX-License-Identifier: GPL-2.0-only
//! What `kernel::netlink` reads, against what `ip`, `ss` and real sockets make in network namespaces.
//! Needs root.

mod interfaces;
mod listeners;
mod peers;
mod routes;
mod watch;

use lab::netns::{Netns, connect};

/// A host with `eth0`, 10.0.0.10/16 and fd00:5::10/64, and what is at the other end.
fn host() -> (Netns, Netns) {
    let (host, other) = (Netns::new("host"), Netns::new("other"));
    connect(&host, "eth0", &other, "eth0");
    host.run("ip", &["address", "add", "10.0.0.10/16", "dev", "eth0"]);
    host.run("ip", &["address", "add", "fd00:5::10/64", "dev", "eth0", "nodad"]);
    (host, other)
}
