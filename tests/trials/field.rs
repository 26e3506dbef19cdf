// SPDX-License-Identifier: GPL-2.0-only
//! A server under protection, and the wire to it, on which everybody is: honest clients of every stack, and those who
//! flood it.

use std::collections::HashMap;
use std::fs;
use std::net::SocketAddr;
use std::os::fd::OwnedFd;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use lab::defence::Defence;
use lab::forger::Forger;
use lab::frames::{SERVER, SERVER_MAC, SERVER6};
use lab::pair::Pair;
use lab::{pass, wait_at_most};
use nix::unistd::{SysconfVar, sysconf};
use serde_json::Value;
use socket2::{Domain, Socket, Type};

/// Where the flood goes, and where most honest clients go.
const PORTS: [u16; 2] = [80, 443];

/// The queue of a listener, as nginx has it.
const BACKLOG: i32 = 511;

/// Who has got in, and when.
pub type Guests = Arc<Mutex<HashMap<SocketAddr, Instant>>>;

/// A server that lets everybody in, and the wire to it.
pub struct Place {
    pub pair: Pair,
    pub guests: Guests,
    is_over: Arc<AtomicBool>,
    doors: Vec<JoinHandle<()>>,
    _pass: OwnedFd,
}

/// The same under protection.
pub struct Field {
    pub defence: Defence,
    pub place: Place,
}

impl Place {
    pub fn new() -> Self {
        let (pair, pass) = ground();
        let (guests, is_over) = (Guests::default(), Arc::new(AtomicBool::new(false)));
        let doors = PORTS.map(|port| open(&pair, port, guests.clone(), is_over.clone()));
        Self { pair, guests, is_over, doors: doors.into(), _pass: pass }
    }

    pub fn flood(&self, frames: Vec<Vec<u8>>, per_second: usize) -> Forger {
        Forger::start(&self.pair, "eth0", frames, Some(per_second as u64))
    }

    pub fn protect(self, options: &[&str]) -> Field {
        let options = [&["--iface", "eth0", "--json", "--cookies", "own"], options].concat();
        Field { defence: Defence::start(&self.pair, &options), place: self }
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.is_over.store(true, Ordering::Relaxed);
        self.doors.drain(..).for_each(|door| drop(door.join()));
    }
}

impl Field {
    pub fn flood(&self, frames: Vec<Vec<u8>>, per_second: usize) -> Forger {
        self.place.flood(frames, per_second)
    }

    /// Whether a rule drops something.
    pub fn has_dropped(&self) -> bool {
        let rules = self.ask(&["rule", "list"]);
        rules["rules"].as_array().unwrap().iter().any(|rule| rule["dropped"] != 0)
    }

    /// What a command with `--json` says of the only instance.
    pub fn ask(&self, command: &[&str]) -> Value {
        let output = self.place.pair.synflood(&[command, &["--json"]].concat()).output().unwrap();
        let mut said: Value = serde_json::from_slice(&output.stdout).unwrap();
        said["instances"][0].take()
    }

    /// SYNs of honest clients that it knows.
    pub fn known(&self) -> u64 {
        self.ask(&["status"])["honest_syns"].as_u64().unwrap()
    }

    #[track_caller]
    pub fn wait_until_known(&self, least: u64) {
        let known = wait_at_most(Duration::from_secs(20), || {
            let known = self.known();
            (known >= least).then_some(known)
        });
        assert!(known.is_some(), "it knows {} SYNs of honest clients after 20 s", self.known());
    }

    /// How long the learner's thread has worked.
    pub fn learner_worked(&self) -> Duration {
        let tasks = fs::read_dir(format!("/proc/{}/task", self.defence.pid())).unwrap();
        let stats = tasks.map(|task| fs::read_to_string(task.unwrap().path().join("stat")).unwrap());
        let ticks: u64 = stats.filter_map(|stat| ticks_of_learner(&stat)).sum();
        let per_second = sysconf(SysconfVar::CLK_TCK).unwrap().unwrap();
        Duration::from_secs_f64(ticks as f64 / per_second as f64)
    }

    /// The memory of the process, in bytes.
    pub fn memory(&self) -> u64 {
        let status = fs::read_to_string(format!("/proc/{}/status", self.defence.pid())).unwrap();
        let resident = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
        1024 * resident.trim().trim_end_matches(" kB").parse::<u64>().unwrap()
    }
}

/// utime and stime: see proc_pid_stat(5).
fn ticks_of_learner(stat: &str) -> Option<u64> {
    let (name, rest) = stat.split_once(") ")?;
    let fields: Vec<&str> = rest.split(' ').collect();
    name.ends_with("(learner")
        .then(|| fields[11..13].iter().map(|ticks| ticks.parse::<u64>().unwrap()).sum())
}

/// The server has the addresses of [`lab::frames`], and answers everybody into nothing but the wire.
fn ground() -> (Pair, OwnedFd) {
    let pair = lab::pair!();
    let mac = SERVER_MAC.map(|octet| format!("{octet:02x}")).join(":");
    let server = &pair.server;
    server.run("nft", &["delete table inet arrived"]);
    server.run("ip", &["link", "set", "eth0", "address", &mac]);
    for (family, own, router) in
        [("-4", SERVER.to_string(), "10.0.255.254"), ("-6", SERVER6.to_string(), "fd00:5::fe")]
    {
        server.run("ip", &[family, "address", "add", &own, "dev", "eth0"]);
        let neighbour = ["neighbour", "replace", router, "lladdr", "02:00:00:00:00:fe", "dev", "eth0"];
        server.run("ip", &[&[family], &neighbour[..]].concat());
        server.run("ip", &[family, "route", "replace", "default", "via", router]);
    }
    let pass = pass::attach(&pair.client, "eth0");
    (pair, pass)
}

/// Lets everybody in at this port, notes who it was, and says good-bye.
fn open(pair: &Pair, port: u16, guests: Guests, is_over: Arc<AtomicBool>) -> JoinHandle<()> {
    let listener = pair.server.enter(|| {
        let listener = Socket::new(Domain::IPV6, Type::STREAM, None).unwrap();
        listener.bind(&SocketAddr::from(([0_u16; 8], port)).into()).unwrap();
        listener.listen(BACKLOG).unwrap();
        listener.set_read_timeout(Some(Duration::from_millis(100))).unwrap();
        listener
    });
    thread::spawn(move || {
        while !is_over.load(Ordering::Relaxed) {
            let Ok((guest, from)) = listener.accept() else { continue };
            let from = from.as_socket().unwrap();
            guests
                .lock()
                .unwrap()
                .insert(SocketAddr::new(from.ip().to_canonical(), from.port()), Instant::now());
            guest.set_linger(Some(Duration::ZERO)).unwrap();
        }
    })
}
