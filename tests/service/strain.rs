// SPDX-License-Identifier: GPL-2.0-only
//! Two hundred changes of each kind under a flood, for `make soak`: no frame is unjudged, and nothing is left behind.

use std::fs;
use std::thread;
use std::time::Duration;

use lab::defence::Defence;
use lab::netns::connect;
use lab::{wait_at_most, wait_for};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use crate::flood::{DENIED, Flood};

const TIMES: usize = 200;

/// For a reload, while the flood has a CPU for itself and other work may have the other one.
const PATIENCE: Duration = Duration::from_secs(60);

/// What a process holds: descriptors of any kind, and among them those of bpf(2).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Held {
    descriptors: usize,
    programs: usize,
    maps: usize,
    links: usize,
}

fn held(pid: Pid) -> Held {
    let targets: Vec<String> = fs::read_dir(format!("/proc/{pid}/fd"))
        .unwrap()
        .filter_map(|fd| fs::read_link(fd.ok()?.path()).ok())
        .map(|target| target.to_string_lossy().into_owned())
        .collect();
    let count = |kind: &str| targets.iter().filter(|target| target.contains(kind)).count();
    Held {
        descriptors: targets.len(),
        programs: count("bpf-prog"),
        maps: count("bpf-map"),
        links: count("bpf_link") + count("bpf-link"),
    }
}

/// A firewall's tool may be running when it is looked at, and a new program's ring buffers are opened by the next
/// look, a second later at most.
fn settled(pid: Pid) -> Held {
    wait_for("the descriptors to settle", || {
        let first = held(pid);
        thread::sleep(Duration::from_millis(1_500));
        (held(pid) == first).then_some(first)
    })
}

/// In KiB.
fn memory(pid: Pid) -> u64 {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
    line.trim().trim_end_matches(" kB").parse().unwrap()
}

#[test]
#[ignore = "takes minutes: make soak"]
fn changes_leave_nothing_behind() {
    let pair = lab::pair!();
    let directory = tempfile::tempdir().unwrap();
    let config = directory.path().join("config.toml");
    let write = |interfaces: &str, rate: usize| {
        let text = format!("iface = [{interfaces}]\ndeny = '{DENIED}'\npass-rate = {rate}\n");
        fs::write(&config, text).unwrap();
    };
    write("'eth0'", 1);
    let words = ["--config", config.to_str().unwrap()];
    let mut defence = Defence::start(&pair, &words);
    let flood = Flood::start(&pair);
    let reload = |defence: &Defence| {
        let count = |defence: &Defence| defence.stderr().matches("note: reloaded").count();
        let before = count(defence);
        kill(defence.pid(), Signal::SIGHUP).unwrap();
        let done = wait_at_most(PATIENCE, || (count(defence) > before).then_some(()));
        let stderr = defence.stderr();
        let last: Vec<_> = stderr.lines().rev().take(9).collect();
        assert!(done.is_some(), "no reload; it said, the last line first: {last:#?}");
    };
    let verb =
        |words: &[&str]| assert!(pair.synflood(words).output().unwrap().status.success(), "{words:?}");

    reload(&defence);
    let (before, memory_before) = (settled(defence.pid()), memory(defence.pid()));
    for time in 0..TIMES {
        write("'eth0'", 10 + time);
        reload(&defence);
        verb(&["deny", "192.0.2.0/24", "--note", &time.to_string()]);
        verb(&["deny", "192.0.2.0/24", "--remove"]);
    }
    for _ in 0..TIMES {
        connect(&pair.client, "eth1", &pair.server, "eth1");
        write("'eth0', 'eth1'", 7);
        reload(&defence);
        write("'eth0'", 7);
        reload(&defence);
        pair.server.run("ip", &["link", "delete", "eth1"]);
    }
    wait_for("as many descriptors as before", || (held(defence.pid()) <= before).then_some(()));
    let memory_after = memory(defence.pid());
    println!("{before:?}; {memory_before} KiB before, {memory_after} after {} reloads", 3 * TIMES);
    assert!(memory_after < memory_before + 8192, "{memory_before} KiB before, {memory_after} after");

    for _ in 0..TIMES {
        let next = Defence::start(&pair, &[&words[..], &["--replace"]].concat());
        assert!(defence.wait().status.success());
        defence = next;
    }
    reload(&defence);
    // For two minutes it has the lock that keeps the sysctls of its predecessor.
    let as_before =
        |now: Held| Held { descriptors: now.descriptors.min(before.descriptors + 1), ..now };
    wait_for("as many descriptors as the first", || {
        let now = held(defence.pid());
        (now == as_before(now)
            && now.programs + now.maps + now.links == before.programs + before.maps + before.links)
            .then_some(())
    });
    flood.assert_judged();
}
