// SPDX-License-Identifier: GPL-2.0-only
//! Three hosts on one bridge:
//!
//! ```text
//!     client 10.0.0.1    attacker 10.0.0.2    server 10.0.0.10 (nginx)
//!            fd00:5::1            fd00:5::2          fd00:5::10
//! ```
//!
//! Over IPv6 the program treats the three as one source: it takes a /64 for one customer.

use std::fs::{self, DirBuilder};
use std::io;
use std::mem;
use std::ops::RangeInclusive;
use std::os::unix::fs::DirBuilderExt;
use std::path::PathBuf;
use std::process::{Command, Stdio};

use anyhow::{Context, Result};
use lab::lan::Lan;
use lab::netns::{self, Netns};
use lab::nginx::{self, Page, Site};
use lab::{Process, wait_for};

pub const ATTACKER: &str = "10.0.0.2";
pub const SERVER: &str = "10.0.0.10";
pub const SERVER6: &str = "fd00:5::10";

/// The last bytes of the client's other addresses, for clients that the server does not know.
pub const NEWCOMERS: RangeInclusive<u8> = 101..=120;

/// The attacker counts what it sends, and the server counts what it gets and answers. The program on
/// show counts nothing here.
const ATTACKER_COUNTS: &str = "table inet lab {
    counter syns_sent { }
    counter rsts_withheld { }
    chain output {
        type filter hook output priority 0
        ip daddr 10.0.0.10 tcp flags & (syn | ack) == syn counter name syns_sent
        # The attacker's kernel does not know the connections of these SYNs and would end each with an
        # RST. It sends no RST for a forged source.
        ip daddr 10.0.0.10 tcp flags & rst == rst counter name rsts_withheld drop
    }
}";

const SERVER_COUNTS: &str = "table inet lab {
    counter syns_received { }
    counter syn_acks_sent { }
    counter forged_received { }
    counter forged_answered { }
    chain input {
        type filter hook input priority 0
        ip saddr 10.0.0.2 tcp flags & (syn | ack) == syn counter name syns_received
        ip saddr != 10.0.0.0/24 tcp flags & (syn | ack) == syn counter name forged_received
    }
    chain output {
        type filter hook output priority 0
        ip daddr 10.0.0.2 tcp flags & (syn | ack) == syn | ack counter name syn_acks_sent
        ip daddr != 10.0.0.0/24 tcp flags & (syn | ack) == syn | ack counter name forged_answered
    }
}";

/// The hosts. They are removed when this value is dropped.
#[derive(Debug)]
pub struct Network {
    nginx: Process,
    pub client: Netns,
    pub attacker: Netns,
    pub server: Netns,
    lan: Lan,
}

impl Network {
    /// Sets up the hosts, with a web server that answers the client. Two networks with different names
    /// can exist at a time. Panics if something cannot be set up.
    pub fn new(name: &str) -> Self {
        let mut lan = Lan::new(name);
        let mut addresses = vec!["10.0.0.1/24".to_string(), "fd00:5::1/64".to_string()];
        addresses.extend(NEWCOMERS.map(|host| format!("10.0.0.{host}/24")));
        let client = lan.add_host("client", &addresses);
        let attacker = lan.add_host("attacker", &["10.0.0.2/24", "fd00:5::2/64"]);
        let server = lan.add_host("server", &["10.0.0.10/24", "fd00:5::10/64"]);
        // The server's answers to forged addresses go to the attacker's host, and end there.
        server.run("ip", &["route", "add", "default", "via", ATTACKER]);
        attacker.run("nft", &[ATTACKER_COUNTS]);
        server.run("nft", &[SERVER_COUNTS]);

        let root = directory(name);
        DirBuilder::new().mode(0o700).create(&root).unwrap();
        let pages = &[Page::Text("index.html", "The server answers.\n")];
        let nginx = nginx::start(&server, &root, &Site { port: 80, pages, limit_rate: None });
        wait_for("the web server to answer its client", || stands(name).then_some(()));
        Self { nginx, client, attacker, server, lan }
    }

    /// Keeps the network after this process ends, until [`remove`] removes it by its name.
    pub fn leave(self) {
        let Self { nginx, client, attacker, server, lan } = self;
        mem::forget((nginx, client, attacker, server, lan));
    }
}

/// Whether a complete network of this name exists.
pub fn stands(name: &str) -> bool {
    let client = format!("{name}-client");
    let mut curl = Command::new("ip");
    curl.args(["netns", "exec", &client, "curl", "-s", "-o", "/dev/null", "--max-time", "1"]);
    curl.arg(format!("http://{SERVER}/")).stderr(Stdio::null());
    curl.status().is_ok_and(|status| status.success())
}

/// Ends and removes whatever exists of the network of this name.
pub fn remove(name: &str) -> Result<()> {
    netns::remove_all(&format!("{name}-"))?;
    match fs::remove_dir_all(directory(name)) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => {
            Err(error).with_context(|| format!("cannot remove {}", directory(name).display()))
        }
        _ => Ok(()),
    }
}

/// The web server's directory.
fn directory(name: &str) -> PathBuf {
    PathBuf::from("/run").join(name)
}
