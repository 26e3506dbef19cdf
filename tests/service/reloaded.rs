// SPDX-License-Identifier: GPL-2.0-only
//! SIGHUP: the configuration is read again.

use std::fs;
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::PathBuf;
use std::thread;
use std::time::Duration;

use lab::defence::{Defence, dump, source};
use lab::netns::connect;
use lab::pair::Pair;
use lab::wait_for;
use nix::sys::signal::{Signal, kill};
use tempfile::TempDir;

use crate::flood::{DENIED, Flood};

/// A run with a configuration that a test changes.
struct Run {
    pair: Pair,
    directory: TempDir,
    defence: Defence,
}

impl Run {
    fn start(config: &str) -> Self {
        let pair = lab::pair!();
        let directory = tempfile::tempdir().unwrap();
        fs::write(directory.path().join("list"), "").unwrap();
        fs::write(path(&directory), config).unwrap();
        let defence = Defence::start(&pair, &["--config", path(&directory).to_str().unwrap()]);
        Self { pair, directory, defence }
    }

    fn reload(&self) {
        kill(self.defence.pid(), Signal::SIGHUP).unwrap();
    }

    /// Reloads with this configuration, and waits for what is said of it.
    fn become_(&self, config: &str) {
        let reloads = self.count("note: reloaded");
        fs::write(path(&self.directory), config).unwrap();
        self.reload();
        wait_for("the reload", || (self.count("note: reloaded") > reloads).then_some(()));
    }

    /// Reloads, and returns what is said to be wrong.
    fn refused(&self) -> String {
        const REFUSED: &str = "nothing is reloaded, and all stays as it was: ";
        let before = self.count(REFUSED);
        self.reload();
        wait_for("the refusal", || (self.count(REFUSED) > before).then_some(()));
        let said = self.defence.stderr();
        said.rsplit_once(REFUSED).unwrap().1.lines().next().unwrap().to_owned()
    }

    fn count(&self, text: &str) -> usize {
        self.defence.stderr().matches(text).count()
    }
}

fn path(directory: &TempDir) -> PathBuf {
    directory.path().join("config.toml")
}

fn config(rest: &str) -> String {
    format!("iface = 'eth0'\ndeny = '{DENIED}'\n{rest}\n")
}

#[test]
fn no_frame_is_unjudged_while_limits_change() {
    let run = Run::start(&config("mode = 'native'"));
    let flood = Flood::start(&run.pair);
    for rest in ["pass-rate = 10", "burst = 5\nrate = 1", "cookies = 'kernel'", "challenge = 'off'", ""]
    {
        let sent = flood.sent();
        run.become_(&config(&format!("mode = 'native'\n{rest}")));
        assert!(flood.sent() > sent, "the flood goes on meanwhile");
    }
    flood.assert_judged();
}

/// Those that come together count once.
#[test]
fn ten_reloads_a_second_leave_no_frame_unjudged() {
    let run = Run::start(&config(""));
    let flood = Flood::start(&run.pair);
    for round in 0..30 {
        fs::write(path(&run.directory), config(&format!("pass-rate = {}", 100 + round))).unwrap();
        run.reload();
        thread::sleep(Duration::from_millis(100)); // the pace
    }
    wait_for("the last one", || {
        (dump(&run.pair, &[])["pass_rate"].as_f64().unwrap().round() == 129.0).then_some(())
    });
    flood.assert_judged();
}

#[test]
fn a_fault_changes_nothing_and_is_named() {
    let run = Run::start(&config("pass-rate = 77"));
    let in_force = || dump(&run.pair, &[])["pass_rate"].as_f64().unwrap().round();
    let path = path(&run.directory);
    for (faulty, said) in [
        ("iface = 'eth0'\npas-rate = 7\n", "config.toml:2: "),
        ("iface = 'eth0'\npass-rate = 'x'\n", "config.toml:2: "),
        ("iface = 'eth0'\ndeny-file = 'none'\n", "there is no file "),
        ("iface = 'none'\n", "there is no interface none"),
        ("iface = ['eth0', 'lo']\n", "lo is not an Ethernet interface"),
    ] {
        fs::write(&path, faulty).unwrap();
        let refused = run.refused();
        assert!(refused.contains(said), "{faulty}: {refused}");
        assert_eq!(in_force(), 77.0, "{faulty}");
    }
    fs::remove_file(&path).unwrap();
    assert!(run.refused().contains("there is no file"));
    fs::create_dir(&path).unwrap();
    assert!(run.refused().contains("is a directory"));
    fs::remove_dir(&path).unwrap();
    nix::unistd::mkfifo(&path, nix::sys::stat::Mode::S_IRWXU).unwrap();
    assert!(run.refused().contains("is a device, a socket, a named pipe or the kernel's"));
    fs::remove_file(&path).unwrap();
    run.become_(&config("pass-rate = 78"));
    assert_eq!(in_force(), 78.0);
}

/// As at a start, a list that holds this host's own network is no silent success.
#[test]
fn a_list_that_locks_the_neighbours_out_is_warned_of() {
    let run = Run::start("iface = 'eth0'\ndeny-file = 'list'\n");
    fs::write(run.directory.path().join("list"), "10.0.0.0/16\n").unwrap();
    run.become_("iface = 'eth0'\ndeny-file = 'list'\n");
    let warning = "warning: eth0's own address 10.0.0.10 is in a denied network";
    wait_for("the warning", || run.defence.stderr().contains(warning).then_some(()));
    let by_command = run.pair.synflood(&["deny", "10.0.0.0/24"]).output().unwrap().stdout;
    let by_command = String::from_utf8(by_command).unwrap();
    assert!(by_command.contains(warning), "{by_command}");
}

/// What is told is who is listed, not where: a list that was only sorted has not changed.
#[test]
fn lines_that_move_are_no_change() {
    let run = Run::start("iface = 'eth0'\ndeny-file = 'list'\nallow = '203.0.113.9'\n");
    let reload = |list: &str| {
        let before = run.defence.stderr();
        fs::write(run.directory.path().join("list"), list).unwrap();
        run.become_("iface = 'eth0'\n# a line more\ndeny-file = 'list'\nallow = '203.0.113.9'\n");
        run.defence.stderr()[before.len()..].to_owned()
    };
    let said = reload("192.0.2.0/24\n198.51.100.0/24\n");
    assert!(said.contains("lists: 2 networks new or changed, 0 removed"), "{said}");
    let said = reload("198.51.100.0/24\n192.0.2.0/24\n");
    assert!(said.contains("reloaded") && !said.contains("lists:"), "{said}");
    let lists = run.pair.synflood(&["lists"]).output().unwrap().stdout;
    let lists = String::from_utf8(lists).unwrap();
    assert!(lists.contains("list:2") && lists.contains("config.toml:4"), "{lists}");
    let said = reload("198.51.100.0/24\n");
    assert!(said.contains("lists: 0 networks new or changed, 1 removed"), "{said}");
}

/// A source that had its connection for an hour has another one at once when the limit is looser, and a limit that
/// is tighter holds at once.
#[test]
fn limits_hold_from_the_reload_on() {
    let limits = |burst, rate| format!("iface = 'eth0'\nburst = {burst}\nrate = '{rate}'\n");
    let run = Run::start(&limits(1, "1/h"));
    let _listener = run.pair.server.enter(|| TcpListener::bind("0.0.0.0:80").unwrap());
    let connect = || {
        let server = SocketAddr::from(([10, 0, 0, 10], 80));
        run.pair.client.enter(|| TcpStream::connect_timeout(&server, Duration::from_millis(500)))
    };
    connect().unwrap();
    connect().unwrap_err();
    run.become_(&limits(100, "100/s"));
    wait_for("a token", || connect().ok());
    run.become_(&limits(1, "1/h"));
    wait_for("a full stop", || connect().err());
    let shown = dump(&run.pair, &["--all"]);
    assert_eq!(source(&shown, "10.0.0.1").unwrap()["connections"]["tokens"], 0);
}

/// The name is the same, but the link has gone with the interface before.
#[test]
fn an_interface_that_was_made_again_is_attached_to() {
    let run = Run::start("iface = 'eth0'\n");
    let (server, client) = (&run.pair.server, &run.pair.client);
    let both = "iface = ['eth0', 'eth1']\n";
    connect(client, "eth1", server, "eth1");
    run.become_(both);
    server.run("ip", &["link", "delete", "eth1"]);
    connect(client, "eth1", server, "eth1");
    assert_eq!(server.xdp("eth1"), None);
    run.become_(both);
    assert_eq!([server.xdp("eth0"), server.xdp("eth1")], [Some("xdpgeneric"); 2]);
}

#[test]
fn interfaces_come_and_go() {
    let run = Run::start("iface = 'eth0'\n");
    let (server, client) = (&run.pair.server, &run.pair.client);
    connect(client, "eth1", server, "eth1");
    run.become_("iface = ['eth0', 'eth1']\n");
    assert_eq!([server.xdp("eth0"), server.xdp("eth1")], [Some("xdpgeneric"); 2]);
    run.become_("iface = 'eth1'\n");
    // A child that is about to become a tool of the firewall's may hold the link for a moment.
    wait_for("eth0 as before", || server.xdp("eth0").is_none().then_some(()));
    assert_eq!(server.xdp("eth1"), Some("xdpgeneric"));
    // An interface that cannot be had leaves the others as they are.
    fs::write(path(&run.directory), "iface = ['eth0', 'eth1']\n").unwrap();
    let other = Defence::start(&run.pair, &["--iface", "eth0"]);
    assert!(run.refused().contains("another XDP program is attached"));
    assert_eq!([server.xdp("eth0"), server.xdp("eth1")], [Some("xdpgeneric"); 2]);
    drop(other);
}
