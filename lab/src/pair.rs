// SPDX-License-Identifier: GPL-2.0-only
//! A server with one interface, `eth0`, and a client that can send from several addresses.

use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;

use crate::Process;
use crate::netns::{Netns, connect};
use crate::nginx::{self, Page, Site};

/// The two hosts, and the binary that protects the server.
///
/// The client has the addresses 10.0.0.1 to 10.0.0.4 and fd00:5::1 to fd00:5::4. Every method panics if
/// a command fails that must succeed.
#[derive(Debug)]
pub struct Pair {
    /// The host at the other end of the server's `eth0`.
    pub client: Netns,
    /// The host where the binary runs.
    pub server: Netns,
    binary: PathBuf,
}

impl Pair {
    /// The server's IPv4 address. Its /16 is on the link.
    pub const SERVER: &str = "10.0.0.10";
    /// The server's IPv6 address. Its /64 is on the link.
    pub const SERVER6: &str = "fd00:5::10";
    /// Bytes of the page `/large` of [`Self::serve`].
    pub const LARGE: u64 = 20_000_000;

    /// Two hosts joined by a pair of virtual interfaces. `binary` is the path of the binary under test.
    pub fn new(binary: PathBuf) -> Self {
        let pair = Self::apart(binary);
        pair.plug();
        pair.count_syns();
        pair
    }

    /// Two hosts joined by two NICs of this machine that are on one wire. Dropping the pair gives them
    /// back.
    pub fn on_nics(binary: PathBuf, client_nic: &str, server_nic: &str) -> Self {
        let mut pair = Self::apart(binary);
        pair.client.take(client_nic, "eth0");
        pair.server.take(server_nic, "eth0");
        pair.give_addresses();
        pair.count_syns();
        pair
    }

    fn apart(binary: PathBuf) -> Self {
        Self { client: Netns::new("client"), server: Netns::new("server"), binary }
    }

    /// Joins the hosts by virtual interfaces. Call it again after these have been deleted.
    pub fn plug(&self) {
        connect(&self.client, "eth0", &self.server, "eth0");
        self.give_addresses();
    }

    fn give_addresses(&self) {
        self.server.run("ip", &["address", "add", "10.0.0.10/16", "dev", "eth0"]);
        self.server.run("ip", &["address", "add", "fd00:5::10/64", "dev", "eth0", "nodad"]);
        for host in 1..=4 {
            self.client.run("ip", &["address", "add", &format!("10.0.0.{host}/16"), "dev", "eth0"]);
            self.client
                .run("ip", &["address", "add", &format!("fd00:5::{host}/64"), "dev", "eth0", "nodad"]);
        }
    }

    /// Makes the server's stack count the SYNs that reach it, with nftables, which comes after XDP.
    fn count_syns(&self) {
        self.server.run("nft", &["add table inet arrived"]);
        self.server
            .run("nft", &["add set inet arrived sources4 { type ipv4_addr; flags dynamic; counter; }"]);
        self.server
            .run("nft", &["add set inet arrived sources6 { type ipv6_addr; flags dynamic; counter; }"]);
        self.server.run(
            "nft",
            &["add chain inet arrived first { type filter hook prerouting priority raw; }"],
        );
        for rule in [
            "tcp flags & (syn | ack) == syn add @sources4 { ip saddr }",
            "tcp flags & (syn | ack) == syn add @sources6 { ip6 saddr }",
        ] {
            self.server.run("nft", &[&format!("add rule inet arrived first {rule}")]);
        }
    }

    /// How many SYNs from this source reached the server's stack.
    pub fn arrived(&self, source: &str) -> u64 {
        let set = if source.contains(':') { "sources6" } else { "sources4" };
        let listing = self.server.run("nft", &["-j", "list", "set", "inet", "arrived", set]);
        let listing: Value = serde_json::from_str(&listing).unwrap();
        let elements = listing["nftables"].as_array().unwrap();
        let elements = elements.iter().filter_map(|each| each["set"]["elem"].as_array()).flatten();
        let mut ours = elements.map(|each| &each["elem"]).filter(|elem| elem["val"] == source);
        ours.next().map_or(0, |elem| elem["counter"]["packets"].as_u64().unwrap())
    }

    /// Sets one of the server's kernel settings, like "net.ipv4.tcp_syncookies=2".
    pub fn set(&self, setting: &str) {
        self.server.run("sysctl", &["-qw", setting]);
    }

    /// Starts nginx on port 80 of the server, with its files in `root`. `/` is short, `/large` has
    /// [`Self::LARGE`] bytes at 5 MiB/s.
    pub fn serve(&self, root: &Path) -> Process {
        let pages = [Page::Text("index.html", "served\n"), Page::Zeros("large", Self::LARGE)];
        let site = Site { port: 80, pages: &pages, limit_rate: Some(5 << 20) };
        nginx::start(&self.server, root, &site)
    }

    /// Whether a client at this address gets the short page of [`Self::serve`] over a new connection,
    /// within 2 s.
    pub fn is_served(&self, source: &str) -> bool {
        let url = if source.contains(':') { "http://[fd00:5::10]/" } else { "http://10.0.0.10/" };
        let args = ["-s", "--max-time", "2", "--interface", source, url];
        let output = self.client.command("curl", &args).output().unwrap();
        output.status.success() && output.stdout == b"served\n"
    }

    /// The binary under test with these arguments, in the server's namespace.
    pub fn synflood(&self, args: &[&str]) -> Command {
        self.server.command(self.binary.to_str().unwrap(), args)
    }
}
