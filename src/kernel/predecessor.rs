// SPDX-License-Identifier: GPL-2.0-only
//! A program that runs already, whose place another one is to take: of a process that has ended and left its
//! descriptors to the service manager, or of one that runs.

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::CStr;
use std::fs;
use std::os::fd::{AsFd, AsRawFd, OwnedFd};

use anyhow::{Context, Result, bail};
use libbpf_rs::query::{LinkInfo, LinkInfoIter, LinkTypeInfo, ProgInfoIter, ProgInfoQueryOptions};

use super::attach::Attachment;
use super::hooks::{Before, Hooks};
use super::instance::{self, CONFIG_MAP};
use super::interface::Interface;
use super::legacy::{Legacy, Shape, Tables};
use super::program::Program;
use super::secret::Secret;
use super::skel::{built_in_config, from_bytes, types};
use super::{encode, sys};
use crate::note::Note;
use crate::policy::Policy;

const SECRET_MAP: &str = ".rodata.secret";
const CHARGING_MAP: &str = ".data.charging";

/// All descriptors of a running program.
#[derive(Debug)]
pub struct Predecessor {
    /// By number.
    programs: BTreeMap<u32, OwnedFd>,
    links: Vec<(LinkInfo, OwnedFd)>,
    maps: Vec<Map>,
    /// The number of the program that judges.
    judge: u32,
}

#[derive(Debug)]
struct Map {
    id: u32,
    /// As the kernel has it.
    name: String,
    value_size: u32,
    max_entries: u32,
    fd: OwnedFd,
}

impl Predecessor {
    /// Sorts the descriptors that a process of this name left. None: it left no link to an interface.
    pub fn among(descriptors: Vec<OwnedFd>) -> Result<Option<Self>> {
        let (mut programs, mut links, mut maps) = (BTreeMap::new(), Vec::new(), Vec::new());
        for fd in descriptors {
            match kind(&fd)?.as_str() {
                "prog" => drop(programs.insert(sys::program_id(fd.as_fd())?, fd)),
                "map" => maps.push(Map::new(fd)?),
                "link" => links.push((LinkInfo::from_fd(fd.as_fd())?, fd)),
                _ => {}
            }
        }
        let judges: Vec<u32> = links
            .iter()
            .filter_map(|(info, _)| match &info.info {
                LinkTypeInfo::Xdp(xdp) if xdp.ifindex != 0 => Some(info.prog_id),
                _ => None,
            })
            .collect();
        let Some(&first) = judges.first() else { return Ok(None) };
        let mut all = Self { programs, links, maps, judge: first };
        // Two, if a process was killed while it put one in the place of the other.
        all.judge = judges.into_iter().find(|&judge| all.is_in_charge(judge)).unwrap_or(first);
        Ok(Some(all))
    }

    /// Whether a program that judges has taken its predecessor's place everywhere: connections are charged by its own.
    fn is_in_charge(&self, judge: u32) -> bool {
        let is_in_charge = || {
            let config: types::config = from_bytes(&self.value(judge, CONFIG_MAP).ok()?)?;
            let charging = self.value(judge, CHARGING_MAP).ok()?;
            Some(charging.first_chunk() == Some(&config.generation.to_ne_bytes()))
        };
        is_in_charge() == Some(true)
    }

    /// The program of ours that runs on these interfaces. None: there is none.
    pub fn on(interfaces: &[Interface]) -> Result<Option<Self>> {
        let mut found = BTreeMap::new();
        for interface in interfaces {
            let attached =
                sys::xdp_query(interface.index)?.and_then(|attached| instance::program(attached.id));
            if let Some(program) = attached.filter(instance::is_ours) {
                found.insert(program.id, interface);
            }
        }
        let judge = match found.first_key_value() {
            None => return Ok(None),
            Some((&id, _)) if found.len() == 1 => id,
            Some(_) => bail!(
                "several runs protect these interfaces: replace them one after the other, each with its own \
                 interfaces"
            ),
        };
        Self::among(descriptors_of(judge)?)
    }

    /// The process that runs it.
    pub fn process(&self) -> Option<u32> {
        instance::process_of(&instance::program(self.judge)?)
    }

    /// What its successor goes on with.
    pub fn legacy(&self) -> Result<Legacy> {
        let built_in = built_in_config()?;
        let config = self.value(self.judge, CONFIG_MAP)?;
        let word = |at: usize| Some(u32::from_ne_bytes(*config.get(at..)?.first_chunk()?));
        if word(0) != Some(built_in.magic) {
            bail!("the program there is not one of synflood-xdp's");
        }
        let is_alike = word(8) == Some(built_in.tables_version);
        let secret: types::secret = from_bytes(&self.value(self.judge, SECRET_MAP)?)
            .context("the program there has keys of another kind")?;
        let tables = if is_alike { Some(self.tables(&config)?) } else { None };
        Ok(Legacy { secret: Secret::from(secret), tables })
    }

    fn tables(&self, config: &[u8]) -> Result<Tables> {
        let config: types::config =
            from_bytes(config).context("the program there has a configuration of another kind")?;
        let used = self.maps_of(self.judge)?;
        let sources = used.iter().find(|map| map.name == "sources");
        let shared = used.iter().filter(|map| !map.name.starts_with(".rodata")).copied();
        let keep = |map: &Map| Ok((map.name.clone(), map.fd.try_clone().context(UNKEPT)?));
        Ok(Tables {
            maps: shared.map(keep).collect::<Result<_>>()?,
            max_sources: sources.map_or(0, |map| map.max_entries),
            shape: Shape::of(&config),
            policy: encode::read_policy(&config),
        })
    }

    /// Those that a program uses: user space binds all its tables to the one that judges.
    fn maps_of(&self, judge: u32) -> Result<Vec<&Map>> {
        let program = self.programs.get(&judge).context("the running program was not handed over")?;
        let used = sys::program_maps(program.as_fd())?;
        Ok(self.maps.iter().filter(|map| used.contains(&map.id)).collect())
    }

    /// The value of a map of variables or constants, of a program that judges.
    fn value(&self, judge: u32, name: &str) -> Result<Vec<u8>> {
        let map = self.maps_of(judge)?.into_iter().find(|map| map.name == name);
        let map = map.with_context(|| format!("the running program's {name} was not handed over"))?;
        sys::first_value(map.fd.as_fd(), map.value_size as usize)
            .with_context(|| format!("cannot read the running program's {name}"))
    }

    /// Whether it judges what arrives at this interface.
    pub fn is_on(&self, interface: &Interface) -> bool {
        self.indices().any(|index| index == interface.index)
    }

    /// The names of the interfaces at which it judges, but for these.
    pub fn interfaces_beside(&self, known: &[Interface]) -> Result<Vec<String>> {
        let all = Interface::all()?;
        let beside = self.indices().filter(|&index| known.iter().all(|each| each.index != index));
        let name = |index| all.iter().find(|each| each.index == index).map(|each| each.name.clone());
        Ok(beside.filter_map(name).collect())
    }

    fn indices(&self) -> impl Iterator<Item = u32> {
        self.links.iter().filter_map(|(info, _)| match &info.info {
            LinkTypeInfo::Xdp(xdp) if xdp.ifindex != 0 => Some(xdp.ifindex),
            _ => None,
        })
    }

    /// The devices, by index, on which it takes answers.
    pub fn takes_answers_on(&self) -> BTreeSet<u32> {
        let device = |info: &LinkInfo| match &info.info {
            LinkTypeInfo::Tcx(tcx) => Some(tcx.ifindex),
            _ => None,
        };
        self.links.iter().filter_map(|(info, _)| device(info)).collect()
    }

    /// Its links become those of `next`, without a moment in between. Those to other interfaces than these end.
    /// `new` are links that `next` has already.
    /// `policy`: that of the tables which `next` goes on with.
    pub fn give_way_to(
        self,
        next: &Program,
        interfaces: &[Interface],
        new: Hooks,
        policy: Option<&Policy>,
    ) -> Result<(Hooks, Option<Note>)> {
        let mut hooks = Hooks::default();
        for (info, fd) in self.links {
            match info.info {
                LinkTypeInfo::Xdp(xdp) => {
                    // The link of an interface that has gone has no index.
                    let interface = interfaces.iter().find(|each| each.index == xdp.ifindex);
                    let attached = interface.and_then(|each| sys::xdp_query(each.index).ok().flatten());
                    if let (Some(interface), Some(attached)) = (interface, attached) {
                        hooks.attachments.push(Attachment::take_over(
                            interface.clone(),
                            attached.mode,
                            fd,
                        ));
                    }
                }
                LinkTypeInfo::Tcx(tcx) => drop(hooks.redeemers.insert(tcx.ifindex, fd)),
                _ => {}
            }
        }
        let programs = self.programs.iter().map(|(&number, fd)| (number, fd.as_fd())).collect();
        let note = hooks.succeed(&Before { programs, policy }, next, new)?;
        Ok((hooks, note))
    }
}

const UNKEPT: &str = "cannot keep the running program's maps";

impl Map {
    fn new(fd: OwnedFd) -> Result<Self> {
        let info = sys::map_info(fd.as_fd())?;
        let name = info.name.map(|c| c as u8);
        let name = CStr::from_bytes_until_nul(&name).unwrap_or_default();
        Ok(Self {
            id: info.id,
            name: name.to_string_lossy().into_owned(),
            value_size: info.value_size,
            max_entries: info.max_entries,
            fd,
        })
    }
}

/// What a descriptor of bpf(2) is: `prog`, `map` or `link`.
fn kind(fd: &OwnedFd) -> Result<String> {
    let path = format!("/proc/self/fd/{}", fd.as_raw_fd());
    let target = fs::read_link(&path).with_context(|| format!("cannot read {path}"))?;
    let target = target.to_string_lossy().into_owned();
    Ok(target.rsplit(['-', '_', ':']).next().unwrap_or_default().trim_matches(['[', ']']).into())
}

/// Descriptors of everything that belongs to the program with this number: what has the same constants.
fn descriptors_of(judge: u32) -> Result<Vec<OwnedFd>> {
    let all = || ProgInfoIter::with_query_opts(ProgInfoQueryOptions::default().include_map_ids(true));
    let judge = instance::program(judge).context("the running program has just ended")?;
    let config = instance::map(&judge, CONFIG_MAP).context("the running program has just ended")?;
    let config = sys::map_info(config.as_fd())?.id;
    let siblings: Vec<_> = all().filter(|program| program.map_ids.contains(&config)).collect();
    let ids: BTreeSet<u32> = siblings.iter().map(|program| program.id).collect();
    let maps: BTreeSet<u32> = siblings.iter().flat_map(|program| program.map_ids.clone()).collect();
    let mut descriptors = Vec::new();
    for link in LinkInfoIter::default().filter(|link| ids.contains(&link.prog_id)) {
        descriptors.push(sys::link_by_id(link.id)?);
    }
    for id in ids {
        descriptors.push(libbpf_rs::Program::fd_from_id(id)?);
    }
    for id in maps {
        descriptors.push(sys::map_by_id(id)?);
    }
    Ok(descriptors)
}
