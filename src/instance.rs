// SPDX-License-Identifier: GPL-2.0-only
//! Running instances. The interfaces are the registry: an interface knows its program, a program its
//! maps, so nothing is pinned and nothing goes stale.

use std::collections::BTreeMap;

use anyhow::{Context, Result};
use libbpf_rs::query::{ProgInfoIter, ProgInfoQueryOptions, ProgramInfo};
use libbpf_rs::{MapCore, MapFlags, MapHandle};

use crate::bpf::{self, types};
use crate::preflight::Interface;
use crate::sys::{self, XdpMode};

/// The kernel's names of our maps.
const CONFIG_MAP: &str = ".rodata.config";
const SOURCES_MAP: &str = "sources";
const REFUSALS_MAP: &str = "refusals";

/// An instance, and what it is attached to.
#[derive(Debug)]
pub struct Instance {
    pub program_id: u32,
    pub interfaces: Vec<(String, XdpMode)>,
}

/// What of an instance can be read.
#[derive(Debug)]
pub enum State {
    Readable {
        config: Box<types::config>,
        sources: MapHandle,
        refusals: MapHandle,
    },
    /// Ours, but of a version whose maps this binary would misread.
    OtherVersion {
        abi_version: u32,
    },
}

/// The instances that run on these interfaces.
pub fn find(interfaces: &[Interface]) -> Result<Vec<(Instance, State)>> {
    let mut attached: BTreeMap<u32, Vec<(String, XdpMode)>> = BTreeMap::new();
    for interface in interfaces {
        // An interface that went meanwhile, or has no XDP, runs nothing of ours.
        if let Ok(Some(program)) = sys::xdp_query(interface.index) {
            attached.entry(program.id).or_default().push((interface.name.clone(), program.mode));
        }
    }
    let mut instances = Vec::new();
    for (program_id, interfaces) in attached {
        let state = program(program_id).map(|program| state(&program)).transpose()?.flatten();
        instances.extend(state.map(|state| (Instance { program_id, interfaces }, state)));
    }
    Ok(instances)
}

/// What the kernel tells of a program; None without CAP_SYS_ADMIN, or once it is gone.
pub fn program(id: u32) -> Option<ProgramInfo> {
    let options = ProgInfoQueryOptions::default().include_map_ids(true);
    ProgInfoIter::with_query_opts(options).find(|program| program.id == id)
}

/// Whether a program is a synflood-xdp of any version.
pub fn is_ours(program: &ProgramInfo) -> bool {
    matches!(state(program), Ok(Some(_)))
}

/// None: not ours.
fn state(program: &ProgramInfo) -> Result<Option<State>> {
    let Some(config_map) = map(program, CONFIG_MAP) else { return Ok(None) };
    let built_in = bpf::built_in_config()?;
    let bytes = config_map
        .lookup(&0_u32.to_ne_bytes(), MapFlags::ANY)
        .context("cannot read a running instance's configuration")?
        .unwrap_or_default();
    let word = |at: usize| Some(u32::from_ne_bytes(*bytes.get(at..)?.first_chunk()?));
    match (word(0), word(4)) {
        (Some(magic), Some(abi_version)) if magic == built_in.magic => {
            if abi_version != built_in.abi_version {
                return Ok(Some(State::OtherVersion { abi_version }));
            }
        }
        _ => return Ok(None),
    }
    let mut config = Box::new(built_in);
    let readable = plain::copy_from_bytes(config.as_mut(), &bytes).is_ok();
    match (map(program, SOURCES_MAP), map(program, REFUSALS_MAP)) {
        (Some(sources), Some(refusals)) if readable => {
            Ok(Some(State::Readable { config, sources, refusals }))
        }
        _ => Ok(Some(State::OtherVersion { abi_version: built_in.abi_version })),
    }
}

fn map(program: &ProgramInfo, name: &str) -> Option<MapHandle> {
    let maps = program.map_ids.iter().filter_map(|&id| MapHandle::from_map_id(id).ok());
    maps.into_iter().find(|map| map.name() == name)
}
