// SPDX-License-Identifier: GPL-2.0-only
//! The phases, one after the other, while the flood, the honest client and the dumps go on. Each
//! returns a description of what it did.

use std::fs;
use std::process::Stdio;
use std::thread;
use std::time::{Duration, Instant};

use fastrand::Rng;
use lab::{Process, pass};
use nix::sys::signal::Signal;
use nix::unistd::Pid;
use serde_json::Value;

use crate::Soak;
use crate::kernel::Held;
use crate::life::{self, Life, Line};

/// The rounds of a phase: until its time is over, and at least this many.
fn rounds(time: Duration, at_least: u32) -> impl Iterator<Item = u32> {
    let end = Instant::now() + time;
    (0..).take_while(move |&round| round < at_least || Instant::now() < end)
}

/// One instance for the whole time.
pub fn steady(soak: &Soak, time: Duration, _: &mut Rng) -> String {
    let life = Life::start(soak, soak.flooded(), &["--mode", "native"]);
    let memory = watch(soak, &life, time, |life| life.check_bucket());
    let kernel_kb = life.held.bytes / 1024;
    life.end(Signal::SIGINT);
    format!("one instance: {memory}; in the kernel some {kernel_kb} kB throughout")
}

/// One instance that answers the flood and the honest client with cookies.
pub fn answered(soak: &Soak, time: Duration, _: &mut Rng) -> String {
    let _pass = pass::attach(&soak.pair.client, soak.flooded().interface);
    let life = Life::start(soak, soak.flooded(), &["--pass-rate", "10", "--json"]);
    let memory = watch(soak, &life, time, |_| {});
    let ended = life.end(Signal::SIGINT);
    let summary: Value = serde_json::from_str(ended.stdout.lines().last().unwrap()).unwrap();
    let challenged = summary["challenged"].as_u64().unwrap();
    assert!(challenged > 1_000, "{summary}");
    format!("one instance sent {challenged} cookies: {memory}")
}

/// Watches a running instance for a while. What it holds in the kernel must stay the same, and its
/// memory must not grow. Returns a description of its memory.
fn watch(soak: &Soak, life: &Life<'_>, time: Duration, check: impl Fn(&Life<'_>)) -> String {
    /// For the allocator's fluctuation. A leak in each status line would be more.
    const MARGIN_KB: u64 = 512;
    let look = || {
        check(life);
        look(soak, life)
    };
    let warm = rounds(time / 4, 1).map(|_| look()).max().unwrap();
    let peak = rounds(time * 3 / 4, 1).map(|_| look()).max().unwrap();
    assert!(peak <= warm + MARGIN_KB, "its memory grew from {warm} kB to {peak} kB");
    format!("{warm} kB of memory, then {peak} kB")
}

/// Its memory in kB.
fn look(soak: &Soak, life: &Life<'_>) -> u64 {
    /// For routes and addresses that come later, as IPv6 ones do: 64 bytes each. A leak in each second would be more.
    const MARGIN_BYTES: u64 = 2_048;
    soak.check();
    let pid = life.defence.pid();
    let now = soak.kernel.note(pid);
    assert!(
        now.bytes.abs_diff(life.held.bytes) <= MARGIN_BYTES,
        "in the kernel it holds {} bytes, and at first {}",
        now.bytes,
        life.held.bytes
    );
    assert_eq!(Held { bytes: life.held.bytes, ..now }, life.held, "what it holds in the kernel");
    thread::sleep(Duration::from_millis(200));
    let status = fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
    let resident = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
    resident.trim().strip_suffix(" kB").unwrap().parse().unwrap()
}

/// A second instance on the same interface.
pub fn refused(soak: &Soak, time: Duration, rng: &mut Rng) -> String {
    let life = Life::start(soak, soak.flooded(), &["--mode", "native"]);
    let mut count = 0;
    for _ in rounds(time, 3) {
        let mode = ["auto", "native", "skb"][rng.usize(..3)];
        let second = life::options(soak, soak.flooded(), &["--mode", mode]);
        let output = soak.pair.synflood(&second).output().unwrap();
        let error = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(1), "{mode}: {error}");
        let sentence = "cannot attach to eth0: synflood-xdp already protects it";
        assert!(error.contains(sentence), "{mode}: {error}");
        life.check_bucket();
        look(soak, &life);
        count += 1;
    }
    life.end(Signal::SIGTERM);
    format!("{count} second instances refused, the first went on")
}

/// The interface is deleted under the flood and added again. The honest client pauses meanwhile.
pub fn deleted(soak: &Soak, time: Duration, rng: &mut Rng) -> String {
    let away = soak.honest.keep_away();
    let mut count = 0;
    for _ in rounds(time, 3) {
        let life = Life::start(soak, soak.flooded(), &[]);
        life.check_bucket();
        let end = if rng.bool() { &soak.pair.server } else { &soak.pair.client };
        end.run("ip", &["link", "delete", "eth0"]);
        let ended = life.wait();
        assert_eq!(ended.status.code(), Some(1), "{}", ended.stderr);
        for sentence in ["eth0 is no longer protected", "no interface is left to protect"] {
            assert!(ended.stderr.contains(sentence), "{}", ended.stderr);
        }
        soak.pair.plug();
        crate::route(&soak.pair);
        count += 1;
    }
    let life = Life::start(soak, soak.flooded(), &[]);
    life.check_bucket();
    drop(away);
    soak.honest.wait_for_connections();
    life.end(Signal::SIGINT);
    format!("eth0 deleted and made again {count} times, the honest client away meanwhile")
}

/// SIGKILL at a random moment after the start, and then SIGKILL to an instance that protects.
pub fn killed(soak: &Soak, time: Duration, rng: &mut Rng) -> String {
    let line = soak.flooded();
    let (mut count, mut attached) = (0, 0);
    for _ in rounds(time, 5) {
        let mode = ["native", "skb"][rng.usize(..2)];
        let options = life::options(soak, line, &["--mode", mode]);
        let mut command = soak.pair.synflood(&options);
        let mut process = Process(command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap());
        thread::sleep(Duration::from_millis(rng.u64(..1000)));
        let held = soak.kernel.note(Pid::from_raw(process.0.id() as i32));
        attached += held.links.len();
        process.0.kill().unwrap();
        process.0.wait().unwrap();
        life::wait_until_open(soak, line.interface);

        let life = Life::start(soak, line, &["--mode", mode]);
        life.check_bucket();
        thread::sleep(Duration::from_millis(rng.u64(..200)));
        life.kill();
        count += 2;
    }
    format!("{count} instances killed, {} of them while they protected", attached as u32 + count / 2)
}

/// Starts and stops instances on two interfaces at once.
pub fn restarted(soak: &Soak, time: Duration, rng: &mut Rng) -> String {
    let restart = |line: &Line, mut rng: Rng| {
        let mut count = 0;
        for _ in rounds(time, 100) {
            let life = Life::start(soak, line, &["--mode", ["native", "skb"][rng.usize(..2)]]);
            life.check_bucket();
            life.end([Signal::SIGINT, Signal::SIGTERM][rng.usize(..2)]);
            count += 1;
        }
        count
    };
    let count: u32 = thread::scope(|scope| {
        let threads = soak.lines.each_ref().map(|line| {
            let rng = rng.fork();
            scope.spawn(move || restart(line, rng))
        });
        threads.map(|thread| thread.join().expect("failed as said above")).iter().sum()
    });
    format!("{count} instances started and stopped, two at a time")
}
