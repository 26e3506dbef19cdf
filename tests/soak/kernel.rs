// SPDX-License-Identifier: GPL-2.0-only
//! What the kernel holds for our instances. Other instances may run on the same machine. Ours are
//! identified by their processes and by a unique table size.

use std::collections::BTreeSet;
use std::ffi::c_int;
use std::fs;
use std::os::fd::{FromRawFd, OwnedFd};
use std::sync::Mutex;
use std::thread;
use std::time::{Duration, Instant};

use libbpf_rs::query::MapInfoIter;
use nix::errno::Errno;
use nix::unistd::Pid;

/// The kernel frees things late: after a grace period, and after a dump that still reads.
const PATIENCE: Duration = Duration::from_secs(20);

/// The BPF objects that a process holds open, by the kernel's ids.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Held {
    pub programs: BTreeSet<u32>,
    pub maps: BTreeSet<u32>,
    pub links: BTreeSet<u32>,
    /// The memory of these, as the kernel reports it.
    pub bytes: u64,
}

impl Held {
    pub fn by(pid: Pid) -> Self {
        let mut held = Self::default();
        for entry in fs::read_dir(format!("/proc/{pid}/fdinfo")).unwrap() {
            // A descriptor that was closed meanwhile is not held.
            let Ok(text) = fs::read_to_string(entry.unwrap().path()) else { continue };
            let field = |name: &str| {
                let mut lines = text.lines().filter_map(|line| line.split_once(":\t"));
                lines.find(|(each, _)| *each == name).map(|(_, value)| value.parse::<u64>().unwrap())
            };
            // A link also shows its program's id.
            let (ids, id) = match (field("link_id"), field("prog_id"), field("map_id")) {
                (Some(id), ..) => (&mut held.links, id),
                (_, Some(id), _) => (&mut held.programs, id),
                (.., Some(id)) => (&mut held.maps, id),
                _ => continue,
            };
            ids.insert(id as u32);
            held.bytes += field("memlock").unwrap_or(0);
        }
        held
    }

    /// The objects that still exist.
    fn left(&self) -> Self {
        let left = |ids: &BTreeSet<u32>, fd_by_id| {
            ids.iter().copied().filter(|&id| exists(fd_by_id, id)).collect()
        };
        Self {
            programs: left(&self.programs, libbpf_sys::bpf_prog_get_fd_by_id),
            maps: left(&self.maps, libbpf_sys::bpf_map_get_fd_by_id),
            links: left(&self.links, libbpf_sys::bpf_link_get_fd_by_id),
            bytes: 0,
        }
    }

    fn add(&mut self, other: &Self) {
        self.programs.extend(&other.programs);
        self.maps.extend(&other.maps);
        self.links.extend(&other.links);
    }
}

/// Asks by id, because libbpf-rs's iterators end at the first entry that they cannot read.
fn exists(fd_by_id: unsafe extern "C" fn(u32) -> c_int, id: u32) -> bool {
    // SAFETY: no pointers; the descriptor is checked and owned below.
    let fd = unsafe { fd_by_id(id) };
    if fd < 0 {
        assert_eq!(Errno::from_raw(-fd), Errno::ENOENT);
        return false;
    }
    // SAFETY: just opened, and nothing else owns it.
    drop(unsafe { OwnedFd::from_raw_fd(fd) });
    true
}

/// Remembers what instances have held.
pub struct Kernel {
    held: Mutex<Held>,
    max_sources: String,
}

impl Kernel {
    pub fn new() -> Self {
        let max_sources = 65_537 + std::process::id() % 65_536;
        Self { held: Mutex::default(), max_sources: max_sources.to_string() }
    }

    /// The `--max-sources` of every instance. It identifies even an instance that was never noted,
    /// because a leaked program or link keeps its table.
    pub fn max_sources(&self) -> &str {
        &self.max_sources
    }

    pub fn note(&self, pid: Pid) -> Held {
        let held = Held::by(pid);
        self.held.lock().unwrap().add(&held);
        held
    }

    /// Call this when no instance runs.
    pub fn assert_nothing_left(&self) {
        let held = self.held.lock().unwrap();
        let deadline = Instant::now() + PATIENCE;
        loop {
            let mut left = held.left();
            let size = self.max_sources.parse().ok();
            let tables = MapInfoIter::default().filter(|map| Some(map.max_entries) == size);
            left.maps.extend(tables.map(|map| map.id));
            if left == Held::default() {
                return;
            }
            assert!(Instant::now() < deadline, "left in the kernel: {left:?}");
            thread::sleep(Duration::from_millis(10));
        }
    }
}
