// SPDX-License-Identifier: GPL-2.0-only
//! A server with one interface, `eth0`, and a client that can speak from many addresses.

use std::env;
use std::fs;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use super::netns::{Netns, connect};

/// Longer than anything here takes on a busy machine.
const PATIENCE: Duration = Duration::from_secs(20);

/// Waits until `condition` gives something.
pub fn wait_for<T>(what: &str, mut condition: impl FnMut() -> Option<T>) -> T {
    let deadline = Instant::now() + PATIENCE;
    loop {
        if let Some(value) = condition() {
            return value;
        }
        assert!(Instant::now() < deadline, "waited in vain for {what}");
        std::thread::sleep(Duration::from_millis(10));
    }
}

/// A process that ends with this value.
pub struct Process(pub Child);

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

pub struct Lab {
    pub client: Netns,
    pub server: Netns,
}

impl Lab {
    pub const SERVER: &str = "10.0.0.10";
    pub const SERVER6: &str = "fd00:5::10";

    pub fn new() -> Self {
        let lab = Self { client: Netns::new("client"), server: Netns::new("server") };
        lab.plug();
        lab.count_syns();
        lab
    }

    /// Joined by two NICs of this machine that are on one wire. They are back when the lab is gone.
    pub fn on_nics(client_nic: &str, server_nic: &str) -> Self {
        let mut lab = Self { client: Netns::new("client"), server: Netns::new("server") };
        lab.client.take(client_nic, "eth0");
        lab.server.take(server_nic, "eth0");
        lab.give_addresses();
        lab.count_syns();
        lab
    }

    /// Joins them by virtual interfaces: at first, and again should these have been deleted.
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

    /// The server's own stack counts what reaches it: by nftables, behind XDP.
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

    /// How many SYNs of this source arrived at the server's stack.
    pub fn arrived(&self, source: &str) -> u64 {
        let set = if source.contains(':') { "sources6" } else { "sources4" };
        let listing = self.server.run("nft", &["-j", "list", "set", "inet", "arrived", set]);
        let listing: serde_json::Value = serde_json::from_str(&listing).unwrap();
        let elements = listing["nftables"].as_array().unwrap();
        let elements = elements.iter().filter_map(|each| each["set"]["elem"].as_array()).flatten();
        let mut ours = elements.map(|each| &each["elem"]).filter(|elem| elem["val"] == source);
        ours.next().map_or(0, |elem| elem["counter"]["packets"].as_u64().unwrap())
    }

    /// The MAC address of the server's interface.
    pub fn server_mac(&self) -> [u8; 6] {
        let shown = self.server.run("ip", &["-j", "link", "show", "dev", "eth0"]);
        let shown: serde_json::Value = serde_json::from_str(&shown).unwrap();
        let octets = shown[0]["address"].as_str().unwrap().split(':');
        let octets: Vec<u8> = octets.map(|octet| u8::from_str_radix(octet, 16).unwrap()).collect();
        octets.try_into().unwrap()
    }

    /// Sets one of the server's kernel settings, like "net.ipv4.tcp_syncookies=2".
    pub fn set(&self, setting: &str) {
        self.server.run("sysctl", &["-qw", setting]);
    }

    /// Starts nginx on port 80 of the server; `/` is short, `/large` has 20 MB at 5 MB/s.
    pub fn serve(&self, directory: &tempfile::TempDir) -> Process {
        let root = directory.path();
        fs::write(root.join("index.html"), "served\n").unwrap();
        fs::File::create(root.join("large")).unwrap().set_len(Self::LARGE).unwrap();
        let configuration = root.join("nginx.conf");
        let text = format!(
            "daemon off; master_process off; pid {root}/pid; error_log stderr;
             events {{}}
             http {{
                 access_log off; limit_rate 5m;
                 client_body_temp_path {root}/body; proxy_temp_path {root}/proxy;
                 fastcgi_temp_path {root}/fastcgi; uwsgi_temp_path {root}/uwsgi; scgi_temp_path {root}/scgi;
                 server {{ listen 80; listen [::]:80; root {root}; }}
             }}",
            root = root.display()
        );
        fs::write(&configuration, text).unwrap();
        let mut command = self.server.command("nginx", &["-c", configuration.to_str().unwrap()]);
        let process = Process(command.stderr(Stdio::null()).spawn().unwrap());
        wait_for("nginx to listen", || {
            self.server.run("ss", &["-Hltn", "sport", "=", "80"]).contains(":80").then_some(())
        });
        process
    }

    pub const LARGE: u64 = 20_000_000;

    /// Whether a client at this address gets the short page over a new connection.
    pub fn is_served(&self, source: &str) -> bool {
        let url = if source.contains(':') { "http://[fd00:5::10]/" } else { "http://10.0.0.10/" };
        let args = ["-s", "--max-time", "2", "--interface", source, url];
        let output = self.client.command("curl", &args).output().unwrap();
        output.status.success() && output.stdout == b"served\n"
    }

    /// The shipped binary, in the server's namespace.
    pub fn synflood(&self, args: &[&str]) -> Command {
        self.server.command(binary().to_str().unwrap(), args)
    }
}

/// The one built with the tests, if no other is named.
pub fn binary() -> PathBuf {
    env::var_os("SYNFLOOD_XDP").unwrap_or_else(|| env!("CARGO_BIN_EXE_synflood-xdp").into()).into()
}
