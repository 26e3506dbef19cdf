// SPDX-License-Identifier: GPL-2.0-only
//! What takes its time does not hold up the looks at the host. A new address shows that they go on.

use std::fs;
use std::io::Write;
use std::os::unix::fs::symlink;
use std::os::unix::net::UnixDatagram;
use std::path::Path;
use std::process::Command;
use std::thread;
use std::time::{Duration, Instant};

use lab::defence::Defence;
use lab::pair::Pair;
use lab::wait_for;
use nix::sys::signal::{Signal, kill};
use nix::sys::stat::Mode;

/// Whoever writes the lists of a network namespace locks this file of it.
const LOCK: &str = "/proc/sys/net/ipv4/route/flush";

fn status(pair: &Pair) -> serde_json::Value {
    let output = pair.synflood(&["status", "--json"]).output().unwrap();
    let mut status: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    status["instances"][0].take()
}

/// Waits until the run knows of an address that the server did not have.
fn assert_goes_on(pair: &Pair, address: &str) {
    let known = || status(pair)["tables"]["own_addresses"]["used"].as_u64().unwrap();
    let before = known();
    pair.server.run("ip", &["address", "add", address, "dev", "eth0"]);
    wait_for("the new address", || (known() > before).then_some(()));
}

fn count(defence: &Defence, text: &str) -> usize {
    defence.stderr().matches(text).count()
}

/// A run with this file of denied networks, and its configuration.
fn start_command(pair: &Pair, folder: &Path, networks: &str) -> Command {
    let config = folder.join("config.toml");
    fs::write(folder.join("drop"), networks).unwrap();
    fs::write(&config, "iface = 'eth0'\ndeny-file = 'drop'\n").unwrap();
    pair.synflood(&["--config", config.to_str().unwrap()])
}

/// Another process may have the lock for long, and a million networks take as long.
#[test]
fn the_host_is_looked_at_while_lists_are_entered() {
    let pair = lab::pair!();
    let folder = tempfile::tempdir().unwrap();
    let command = start_command(&pair, folder.path(), "192.0.2.0/24\n");
    let defence = Defence::start_command(command).unwrap();
    let lock = pair.server.enter(|| fs::File::options().write(true).open(LOCK).unwrap());
    lock.lock().unwrap();
    fs::write(folder.path().join("drop"), "192.0.2.0/25\n198.51.100.0/24\n").unwrap();
    kill(defence.pid(), Signal::SIGHUP).unwrap();
    let locks = || fs::read_to_string("/proc/locks").unwrap();
    let waits = format!("-> FLOCK  ADVISORY  WRITE {} ", defence.pid());
    wait_for("it to wait for the lock", || locks().contains(&waits).then_some(()));
    assert_goes_on(&pair, "10.0.0.98/32");
    // It is asked again meanwhile, for other lists.
    fs::write(folder.path().join("drop"), "203.0.113.0/24\n").unwrap();
    kill(defence.pid(), Signal::SIGHUP).unwrap();
    assert_goes_on(&pair, "10.0.0.99/32");
    assert_eq!(
        (count(&defence, "note: reloaded"), status(&pair)["networks"]["denied"].as_u64()),
        (0, Some(1))
    );

    drop(lock);
    wait_for("both reloads", || (count(&defence, "note: reloaded") == 2).then_some(()));
    let said = defence.stderr();
    assert!(said.contains("lists: 2 networks new or changed, 1 removed"), "{said}");
    assert!(said.contains("lists: 1 networks new or changed, 2 removed"), "{said}");
    let listed = pair.synflood(&["lists"]).output().unwrap();
    let listed = String::from_utf8(listed.stdout).unwrap();
    assert!(listed.contains("203.0.113.0/24") && !listed.contains("192.0.2.0"), "{listed}");
}

/// A named pipe that nobody reads is a disk that does not answer.
#[test]
fn the_host_is_looked_at_while_a_disk_is_slow() {
    let pair = lab::pair!();
    let state = tempfile::tempdir().unwrap();
    let slow = state.path().join("live-entries.new");
    nix::unistd::mkfifo(&slow, Mode::S_IRWXU).unwrap();
    let mut command = pair.synflood(&["--iface", "eth0"]);
    command.env("STATE_DIRECTORY", state.path());
    let defence = Defence::start_command(command).unwrap();
    // What the first look finds is no news.
    wait_for("a second look at the entries", || {
        assert!(pair.synflood(&["deny", "192.0.2.0/24"]).status().unwrap().success());
        (count(&defence, "by command, 192.0.2.0/24 is denied") > 0).then_some(())
    });
    assert_goes_on(&pair, "10.0.0.99/32");

    let stopped = Instant::now();
    let ended = defence.signal(Signal::SIGTERM);
    assert!(stopped.elapsed() < Duration::from_secs(6), "{:?}", stopped.elapsed());
    assert!(ended.stderr.contains("the last changes of live entries are not kept"), "{}", ended.stderr);
    assert_eq!(pair.server.xdp("eth0"), None);
}

/// The last state is written at the end, however soon that comes.
#[test]
fn the_last_live_entry_is_kept() {
    let pair = lab::pair!();
    let state = tempfile::tempdir().unwrap();
    let mut command = pair.synflood(&["--iface", "eth0"]);
    command.env("STATE_DIRECTORY", state.path());
    let defence = Defence::start_command(command).unwrap();
    let kept = || fs::read_to_string(state.path().join("live-entries.json")).unwrap_or_default();
    wait_for("the first state", || (kept() == "[]").then_some(()));
    assert!(pair.synflood(&["deny", "192.0.2.0/24"]).status().unwrap().success());
    defence.signal(Signal::SIGTERM);
    assert!(kept().contains("192.0.2.0/24"), "{}", kept());
}

/// A pipe is a file that does not end.
#[test]
fn the_host_is_looked_at_while_a_file_is_read() {
    let pair = lab::pair!();
    let folder = tempfile::tempdir().unwrap();
    let (reader, mut writer) = std::io::pipe().unwrap();
    let mut command = start_command(&pair, folder.path(), "192.0.2.0/24\n");
    command.stdin(reader);
    let defence = Defence::start_command(command).unwrap();
    let path = folder.path().join("drop");
    fs::remove_file(&path).unwrap();
    symlink("/proc/self/fd/0", &path).unwrap();
    kill(defence.pid(), Signal::SIGHUP).unwrap();
    assert_goes_on(&pair, "10.0.0.99/32");
    assert_eq!(count(&defence, "reloaded"), 0);
    writer.write_all(b"198.51.100.0/24\n").unwrap();
    drop(writer);
    wait_for("the reload", || (count(&defence, "note: reloaded") == 1).then_some(()));
    assert!(defence.stderr().contains("lists: 1 networks new or changed, 1 removed"));
}

/// Ten messages fill the socket of a manager that has stopped.
#[test]
fn a_manager_that_does_not_read_stops_nothing() {
    let pair = lab::pair!();
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("notify");
    let manager = UnixDatagram::bind(&path).unwrap();
    let reader = manager.try_clone().unwrap();
    let until_ready = thread::spawn(move || {
        let mut message = [0; 4096];
        while !message.starts_with(b"READY=1") {
            reader.recv(&mut message).unwrap();
        }
    });
    let mut command = pair.synflood(&["--iface", "eth0"]);
    command.env("NOTIFY_SOCKET", &path);
    let defence = Defence::start_command(command).unwrap();
    until_ready.join().unwrap();
    let other = UnixDatagram::unbound().unwrap();
    other.set_nonblocking(true).unwrap();
    while other.send_to(b"STATUS=", &path).is_ok() {}
    assert_goes_on(&pair, "10.0.0.98/32");
    assert_goes_on(&pair, "10.0.0.99/32");
    assert_eq!(defence.signal(Signal::SIGTERM).status.code(), Some(0));
}
