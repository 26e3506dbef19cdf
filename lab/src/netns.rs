// SPDX-License-Identifier: GPL-2.0-only
//! Hosts, each in its own network namespace. Dropping the value removes the namespace, however a test
//! ends. Panics if something cannot be set up, with the error of the failed command.

use std::fs::File;
use std::process::{Command, Output};
use std::sync::atomic::{AtomicU32, Ordering};
use std::thread;

use nix::ifaddrs::getifaddrs;
use nix::sched::{CloneFlags, setns};

mod remove;

pub use remove::remove_all;

/// A namespace that is removed when this value is dropped.
#[derive(Debug)]
pub struct Netns {
    name: String,
    nic: Option<Nic>,
}

/// A NIC from outside, with its names outside and inside the namespace.
#[derive(Debug)]
struct Nic {
    outside: String,
    inside: String,
}

impl Netns {
    /// A new namespace with `lo` up. Its name contains the role, for human readers.
    pub fn new(role: &str) -> Self {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let count = COUNT.fetch_add(1, Ordering::Relaxed);
        Self::named(format!("synflood-test-{}-{count}-{role}", std::process::id()))
    }

    /// A new namespace with `lo` up and this name, which people can type.
    pub fn named(name: String) -> Self {
        run("ip", &["netns", "add", &name]);
        let namespace = Self { name, nic: None };
        namespace.run("ip", &["link", "set", "lo", "up"]);
        // No router solicitations and no duplicate address detection: no packets before the test sends
        // some.
        namespace.run("sysctl", &["-qw", "net.ipv6.conf.default.accept_dad=0"]);
        namespace
    }

    /// Its name for `ip netns`.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Moves a NIC in here, renames it and sets it up. Dropping the value moves it back. One NIC at
    /// most.
    pub fn take(&mut self, nic: &str, name: &str) {
        run("ip", &["link", "set", nic, "down"]);
        run("ip", &["link", "set", nic, "netns", &self.name, "name", name]);
        self.nic = Some(Nic { outside: nic.into(), inside: name.into() });
        self.run("ip", &["link", "set", name, "up"]);
    }

    /// A command to run in here.
    pub fn command(&self, program: &str, args: &[&str]) -> Command {
        let mut command = Command::new("ip");
        command.args(["netns", "exec", &self.name, program]).args(args);
        command
    }

    /// Runs a command, which must succeed, and returns its output.
    pub fn run(&self, program: &str, args: &[&str]) -> String {
        check(self.command(program, args).output().unwrap(), program, args)
    }

    /// Runs `work` in here, on its own thread. A panic in it continues in the caller.
    pub fn enter<T: Send>(&self, work: impl FnOnce() -> T + Send) -> T {
        let namespace = File::open(format!("/run/netns/{}", self.name)).unwrap();
        let inside = move || {
            setns(&namespace, CloneFlags::CLONE_NEWNET).unwrap();
            work()
        };
        thread::scope(|scope| scope.spawn(inside).join())
            .unwrap_or_else(|panic| std::panic::resume_unwind(panic))
    }

    /// The MAC address of an interface in here.
    pub fn mac(&self, interface: &str) -> [u8; 6] {
        let addresses = self.enter(|| getifaddrs().unwrap().collect::<Vec<_>>());
        let mut ours = addresses.iter().filter(|each| each.interface_name == interface);
        ours.find_map(|each| each.address?.as_link_addr()?.addr())
            .unwrap_or_else(|| panic!("{interface} has no MAC address"))
    }

    /// What `ip` says about an interface's XDP program: "xdp", "xdpgeneric", or nothing.
    pub fn xdp(&self, interface: &str) -> Option<&'static str> {
        let shown = self.run("ip", &["link", "show", "dev", interface]);
        ["xdpgeneric", "xdp"]
            .into_iter()
            .find(|word| shown.split_whitespace().any(|each| each == *word))
    }
}

impl Drop for Netns {
    fn drop(&mut self) {
        // A failure here must not hide the test's failure.
        if let Some(Nic { outside, inside }) = &self.nic {
            let here = std::process::id().to_string();
            let back = ["-n", &self.name, "link", "set", inside, "netns", &here, "name", outside];
            let _ = Command::new("ip").args(back).output();
        }
        // This also deletes the other interfaces.
        let _ = Command::new("ip").args(["netns", "delete", &self.name]).output();
    }
}

/// Adds a pair of virtual Ethernet interfaces with these names, one end in each namespace, both up.
pub fn connect(a: &Netns, a_end: &str, b: &Netns, b_end: &str) {
    run(
        "ip",
        &[
            "link", "add", a_end, "netns", &a.name, "type", "veth", "peer", "name", b_end, "netns",
            &b.name,
        ],
    );
    for (namespace, end) in [(a, a_end), (b, b_end)] {
        // A sender leaves checksums to its NIC, but a virtual interface computes none.
        namespace.run("ethtool", &["-K", end, "tx", "off"]);
        namespace.run("ip", &["link", "set", end, "up"]);
    }
}

fn run(program: &str, args: &[&str]) -> String {
    check(Command::new(program).args(args).output().unwrap(), program, args)
}

fn check(output: Output, program: &str, args: &[&str]) -> String {
    let error = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{program} {args:?}: {error}");
    String::from_utf8(output.stdout).unwrap()
}
