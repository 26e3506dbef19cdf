// SPDX-License-Identifier: GPL-2.0-only
//! Hosts on one bridge. The bridge has its own namespace, so the machine's network is not touched.
//! Panics if something cannot be set up.

use crate::netns::{Netns, connect};

/// The bridge. It is removed when this value is dropped, which disconnects the hosts.
#[derive(Debug)]
pub struct Lan {
    name: String,
    switch: Netns,
    ports: u32,
}

impl Lan {
    /// A bridge without hosts. The names of all its namespaces begin with `name` and a dash.
    pub fn new(name: &str) -> Self {
        let switch = Netns::named(format!("{name}-switch"));
        switch.run("ip", &["link", "add", "bridge", "type", "bridge"]);
        switch.run("ip", &["link", "set", "bridge", "up"]);
        Self { name: name.into(), switch, ports: 0 }
    }

    /// Adds a host with these addresses, like "10.0.0.1/24", on its `eth0`.
    pub fn add_host<A: AsRef<str>>(&mut self, role: &str, addresses: &[A]) -> Netns {
        let host = Netns::named(format!("{}-{role}", self.name));
        let port = format!("port{}", self.ports);
        self.ports += 1;
        connect(&self.switch, &port, &host, "eth0");
        self.switch.run("ip", &["link", "set", &port, "master", "bridge"]);
        for address in addresses.iter().map(A::as_ref) {
            let add = ["address", "add", address, "dev", "eth0"];
            // Only IPv6 looks for duplicate addresses, so only IPv6 accepts `nodad`.
            let nodad: &[&str] = if address.contains(':') { &["nodad"] } else { &[] };
            host.run("ip", &[&add, nodad].concat());
        }
        host
    }
}
