// SPDX-License-Identifier: GPL-2.0-only
//! Running instances. The interfaces are the registry: an interface has a program, and a program has
//! maps. So nothing is pinned, and nothing goes stale.

use std::collections::BTreeMap;
use std::fs;
use std::time::Duration;

use anyhow::Result;
use libbpf_rs::btf::Btf;
use libbpf_rs::query::{ProgInfoIter, ProgInfoQueryOptions, ProgramInfo};
use libbpf_rs::{MapCore, MapFlags, MapHandle};

use super::interface::Interface;
use super::maps::lists::Tables;
use super::maps::observe;
use super::maps::run_info::RunInfo;
use super::skel::{built_in_config, from_bytes, reason_names_in};
use super::{clock, encode, sys};
use crate::policy::{AttachMode, Policy};

/// The kernel's name of the map by which a program of ours is recognised.
pub const CONFIG_MAP: &str = ".rodata.config";

const RUN_INFO_MAP: &str = "run_info";

/// An instance, and its interfaces.
#[derive(Debug)]
pub struct Instance {
    pub program_id: u32,
    pub interfaces: Vec<(String, AttachMode)>,
    pub state: State,
}

/// Whether an instance can be read.
#[derive(Debug)]
pub enum State {
    Readable(Box<Running>),
    /// Ours, but of a version whose maps this binary would misread.
    OtherVersion {
        dump_version: u32,
    },
}

/// An instance of this version.
#[derive(Debug)]
pub struct Running {
    pub policy: Policy,
    /// For how long its counters have been counting.
    pub age: Duration,
    /// What its run says of itself; None: nothing.
    pub info: Option<RunInfo>,
    /// The process that looks after it; None: it has ended, and the service manager holds the program.
    pub pid: Option<u32>,
    /// Names of the reasons, in the order of their counters.
    pub reasons: Vec<String>,
    pub sources: MapHandle,
    pub refusals: MapHandle,
    pub networks: MapHandle,
    pub limits_networks: MapHandle,
    pub counters: MapHandle,
    pub rates: MapHandle,
    pub ports: MapHandle,
    pub connections: MapHandle,
    pub run_info: MapHandle,
    pub live: MapHandle,
    pub files: MapHandle,
    pub list_filter: MapHandle,
    pub list_state: MapHandle,
    pub list_origins: MapHandle,
    pub own_addresses: MapHandle,
    pub routes: MapHandle,
    pub listeners: MapHandle,
    pub host: MapHandle,
    pub links: MapHandle,
    pub rules: MapHandle,
    pub rule_counts: MapHandle,
    pub rule_heads: MapHandle,
    pub answered_syns: MapHandle,
    pub answered_changes: MapHandle,
    pub observed: observe::Tables,
}

impl Running {
    pub fn lists(&self) -> Tables<'_> {
        Tables {
            live: &self.live,
            files: &self.files,
            filter: &self.list_filter,
            state: &self.list_state,
            origins: &self.list_origins,
        }
    }
}

/// The instances that run on these interfaces.
pub fn find(interfaces: &[Interface]) -> Result<Vec<Instance>> {
    let mut attached: BTreeMap<u32, Vec<(String, AttachMode)>> = BTreeMap::new();
    for interface in interfaces {
        // An interface that has just been removed, or has no XDP, runs nothing of ours.
        if let Ok(Some(program)) = sys::xdp_query(interface.index) {
            attached.entry(program.id).or_default().push((interface.name.clone(), program.mode));
        }
    }
    let mut instances = Vec::new();
    for (program_id, interfaces) in attached {
        let state = program(program_id).map(|program| state(&program)).transpose()?.flatten();
        instances.extend(state.map(|state| Instance { program_id, interfaces, state }));
    }
    Ok(instances)
}

/// The other process that runs this program, by what its run says of itself. Whoever else holds the program may be the
/// service manager.
pub fn process_of(program: &ProgramInfo) -> Option<u32> {
    let info = map(program, RUN_INFO_MAP).and_then(|map| RunInfo::read(&map).ok().flatten());
    info.map(|info| info.pid).filter(|&pid| pid != std::process::id() && holds(pid, program.id))
}

/// Processes that run an instance on this machine: those of this network namespace first.
pub fn processes() -> Vec<Process> {
    let namespace = |pid: &str| fs::read_link(format!("/proc/{pid}/ns/net")).ok();
    let is_here = |pid: u32| namespace(&pid.to_string()) == namespace("self");
    let process = |pid| Process { pid, is_here: is_here(pid) };
    let mut processes: Vec<_> =
        all_programs().filter_map(|program| process_of(&program)).map(process).collect();
    processes.sort_by_key(|process| !process.is_here);
    processes
}

/// A process that runs an instance.
#[derive(Debug, Clone, Copy)]
pub struct Process {
    pub pid: u32,
    /// In this network namespace.
    pub is_here: bool,
}

/// The number of the program on an interface, whosever it is. None: it has none, or is gone.
pub fn program_on(interface: &Interface) -> Option<u32> {
    sys::xdp_query(interface.index).ok().flatten().map(|program| program.id)
}

/// Whether a process has a program, or a link with it, open.
pub fn holds(pid: u32, program: u32) -> bool {
    let files = fs::read_dir(format!("/proc/{pid}/fdinfo")).into_iter().flatten().flatten();
    let texts = files.filter_map(|file| fs::read_to_string(file.path()).ok());
    texts.into_iter().any(|text| {
        let ids = text.lines().filter_map(|line| line.strip_prefix("prog_id:")?.trim().parse().ok());
        ids.into_iter().any(|id: u32| id == program)
    })
}

/// The kernel's information on a program. None without CAP_SYS_ADMIN, or if it is gone.
pub fn program(id: u32) -> Option<ProgramInfo> {
    all_programs().find(|program| program.id == id)
}

fn all_programs() -> ProgInfoIter {
    ProgInfoIter::with_query_opts(ProgInfoQueryOptions::default().include_map_ids(true))
}

/// Whether a program is a synflood-xdp of any version.
pub fn is_ours(program: &ProgramInfo) -> bool {
    matches!(state(program), Ok(Some(_)))
}

/// None: not ours.
fn state(program: &ProgramInfo) -> Result<Option<State>> {
    let Some(config) = map(program, CONFIG_MAP) else { return Ok(None) };
    let built_in = built_in_config()?;
    // A map of this name that cannot be read like ours is somebody else's.
    let Ok(Some(bytes)) = config.lookup(&0_u32.to_ne_bytes(), MapFlags::ANY) else { return Ok(None) };
    let word = |at: usize| Some(u32::from_ne_bytes(*bytes.get(at..)?.first_chunk()?));
    let dump_version = match (word(0), word(4)) {
        (Some(magic), Some(dump_version)) if magic == built_in.magic => dump_version,
        _ => return Ok(None),
    };
    let running = (dump_version == built_in.dump_version).then(|| running(program, &bytes)).flatten();
    Ok(Some(match running {
        Some(running) => State::Readable(Box::new(running)),
        // It has ended meanwhile, and its maps with it.
        None if self::program(program.id).is_none() => return Ok(None),
        None => State::OtherVersion { dump_version },
    }))
}

/// None if the program lacks something that this version has.
fn running(program: &ProgramInfo, config: &[u8]) -> Option<Running> {
    let map = |name| map(program, name);
    let counters = map("counters")?;
    let run_info = map(RUN_INFO_MAP)?;
    let info = RunInfo::read(&run_info).ok()?;
    let btf = Btf::from_prog_id(program.id).ok()?;
    Some(Running {
        policy: encode::read_policy(&from_bytes(config)?),
        age: match &info {
            Some(info) => info.age().ok()?,
            None => clock::since_boot().ok()?.saturating_sub(program.load_time),
        },
        pid: process_of(program),
        info,
        reasons: reason_names_in(&btf, counters.max_entries()).ok()?,
        sources: map("sources")?,
        refusals: map("refusals")?,
        networks: map("networks")?,
        limits_networks: map(".data.networks")?,
        counters,
        rates: map(".data.rates")?,
        ports: map(".bss.ports")?,
        connections: map(".bss.connected")?,
        run_info,
        live: map("live")?,
        files: map("files")?,
        list_filter: map("list_filter")?,
        list_state: map(".data.lists")?,
        list_origins: map("list_origins")?,
        own_addresses: map("own_addresses")?,
        routes: map("routes")?,
        listeners: map("listeners")?,
        host: map(".data.host")?,
        links: map("links")?,
        rules: map("rules")?,
        rule_counts: map("rule_counts")?,
        rule_heads: map(".data.rules")?,
        answered_syns: map("answered_syns")?,
        answered_changes: map(".data.answers")?,
        observed: observe::Tables {
            wanted: map(".data.observe")?,
            sampling: map(".data.sampling")?,
            looked_for: map("looked_for")?,
            frames: map("observed_frames")?,
        },
    })
}

/// The map of a program with this name, by the kernel.
pub fn map(program: &ProgramInfo, name: &str) -> Option<MapHandle> {
    let maps = program.map_ids.iter().filter_map(|&id| MapHandle::from_map_id(id).ok());
    maps.into_iter().find(|map| map.name() == name)
}
