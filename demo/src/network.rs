// SPDX-License-Identifier: GPL-2.0-only
//! Two hosts on one cable:
//!
//! ```text
//!     CPU 0: internet 10.0.0.1, clients 10.0.0.101 to 120    CPU 1: server 10.0.0.10 (nginx)
//!                     fd00:5::1                                             fd00:5::10
//! ```
//!
//! The cable is a veth, whose work the sender's CPU does unless told otherwise. Here each host does the
//! work on its own packets: the server as it would for a NIC whose interrupts come to CPU 1, in softirqs,
//! the internet in a thread.

use std::fs::{self, DirBuilder};
use std::io;
use std::mem;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::ops::RangeInclusive;
use std::os::unix::fs::DirBuilderExt;
use std::path::PathBuf;
use std::process::{Command, Stdio};

use anyhow::{Context, Result};
use lab::netns::{self, Netns, connect};
use lab::nginx::{self, Page, Site};
use lab::{Process, cpu, wait_for};
use nix::unistd::Pid;

pub const SERVER4: Ipv4Addr = Ipv4Addr::new(10, 0, 0, 10);
/// The web server, to its clients.
pub const SERVER: SocketAddr = SocketAddr::new(IpAddr::V4(SERVER4), 80);
pub const SERVER6: &str = "fd00:5::10";

/// The last bytes of the clients' addresses.
pub const CLIENTS: RangeInclusive<u8> = 101..=120;

/// The CPUs of the flood and the clients, and of the server.
pub const INTERNET_CPU: usize = 0;
pub const SERVER_CPU: usize = 1;

/// The internet's end of the cable. The kernel names a thread after it.
pub const CABLE: &str = "internet";

/// What the server answers to forged addresses ends here.
const NOBODY: &str = "table netdev nobody {
    chain arriving {
        type filter hook ingress device internet priority 0
        ip daddr != 10.0.0.0/24 drop
    }
}";

/// The hosts. They are removed when this value is dropped.
#[derive(Debug)]
pub struct Network {
    nginx: Process,
    pub internet: Netns,
    pub server: Netns,
}

impl Network {
    /// Sets up the hosts, with a web server that answers clients. Two networks with different names can
    /// exist at a time. Panics if something cannot be set up.
    pub fn new(name: &str) -> Self {
        let [internet, server] =
            ["internet", "server"].map(|role| Netns::named(format!("{name}-{role}")));
        connect(&internet, CABLE, &server, "eth0");
        let addresses = ["10.0.0.1/24".into(), "fd00:5::1/64".into()];
        let clients = CLIENTS.map(|client| format!("10.0.0.{client}/24"));
        for address in addresses.into_iter().chain(clients) {
            address_add(&internet, &address, CABLE);
        }
        address_add(&server, "10.0.0.10/24", "eth0");
        address_add(&server, "fd00:5::10/64", "eth0");
        server.run("ip", &["route", "add", "default", "via", "10.0.0.1"]);
        internet.run("nft", &[NOBODY]);
        for (host, end) in [(&internet, CABLE), (&server, "eth0")] {
            // A veth takes what XDP redirects to it only if it polls, which it does for GRO.
            host.run("ethtool", &["-K", end, "gro", "on"]);
        }
        share_work(&internet, &server);

        let root = directory(name);
        DirBuilder::new().mode(0o700).create(&root).unwrap();
        let pages = &[Page::Text("index.html", "The server answers.\n")];
        let nginx = nginx::start(&server, &root, &Site { port: 80, pages, limit_rate: None });
        // Fails on a machine with one CPU, which is enough for the lab.
        let _ = cpu::keep_on(SERVER_CPU, Pid::from_raw(nginx.0.id() as i32));
        wait_for("the web server to answer its client", || stands(name).then_some(()));
        Self { nginx, internet, server }
    }

    /// Keeps the network after this process ends, until [`remove`] removes it by its name.
    pub fn leave(self) {
        let Self { nginx, internet, server } = self;
        mem::forget((nginx, internet, server));
    }
}

fn address_add(host: &Netns, address: &str, end: &str) {
    let add = ["address", "add", address, "dev", end];
    // Only IPv6 looks for duplicate addresses, so only IPv6 accepts `nodad`.
    let nodad: &[&str] = if address.contains(':') { &["nodad"] } else { &[] };
    host.run("ip", &[&add, nodad].concat());
}

/// Has each host's CPU work on the packets that arrive there.
fn share_work(internet: &Netns, server: &Netns) {
    let write = |host: &Netns, file: &str, value: &str| {
        // /sys shows the interfaces of the namespace in which it is mounted, so a command must write.
        host.run("sh", &["-c", &format!("echo {value} > /sys/class/net/{file}")]);
    };
    let mask = format!("{:x}", 1 << SERVER_CPU);
    write(server, "eth0/queues/rx-0/rps_cpus", &mask);
    write(internet, &format!("{CABLE}/threaded"), "1");
    let threads = wait_for("the thread of the cable", || {
        let threads = threads_of_cable();
        (!threads.is_empty()).then_some(threads)
    });
    for thread in threads {
        // The flood must not hold up what the clients get, as it would not on a cable. Where this is
        // forbidden, clients only wait longer.
        let _ = cpu::keep_on(INTERNET_CPU, thread);
        let _ = cpu::run_first(thread);
    }
}

/// Those of all networks of this kind. What is done to another one's has been done to it before.
fn threads_of_cable() -> Vec<Pid> {
    let ours = format!("napi/{CABLE}-");
    let processes = fs::read_dir("/proc").into_iter().flatten().flatten();
    let threads = processes.filter(|process| {
        fs::read_to_string(process.path().join("comm")).is_ok_and(|name| name.starts_with(&ours))
    });
    threads
        .filter_map(|process| process.file_name().to_str()?.parse().ok().map(Pid::from_raw))
        .collect()
}

/// Whether a complete network of this name exists.
pub fn stands(name: &str) -> bool {
    let internet = format!("{name}-internet");
    let mut curl = Command::new("ip");
    curl.args(["netns", "exec", &internet, "curl", "-s", "-o", "/dev/null", "--max-time", "1"]);
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
