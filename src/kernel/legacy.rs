// SPDX-License-Identifier: GPL-2.0-only
//! What a program leaves to its successor.

use std::collections::BTreeMap;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use anyhow::{Context, Result};
use libbpf_rs::MapCore;

use super::maps::handles::name_in_kernel;
use super::program::Program;
use super::secret::Secret;
use super::skel::types;
use super::sys;
use crate::note::Note;
use crate::policy::Policy;

/// The tables of a program and its keys. They are the same kernel objects, so both programs may work on them
/// while one takes the other's place.
#[derive(Debug)]
pub struct Legacy {
    /// Cookies that the one has sent are right for the other.
    pub secret: Secret,
    /// None: of a version whose tables this one cannot go on with.
    pub tables: Option<Tables>,
}

/// The maps that hold what a program knows and has granted.
#[derive(Debug)]
pub struct Tables {
    /// By the kernel's name.
    pub maps: BTreeMap<String, OwnedFd>,
    pub max_sources: u32,
    pub shape: Shape,
    /// Of the program that had them.
    pub policy: Policy,
}

/// The constants of a program that its tables follow from.
#[derive(Debug, Clone, Copy)]
pub struct Shape {
    pub generation: u32,
    pub known_bits: u8,
    pub refusal_bits: u8,
    /// Cookies of its own may still come back.
    pub has_own_cookies: bool,
    /// What makes a source.
    pub masks: [types::addr; 2],
}

impl Shape {
    pub fn of(config: &types::config) -> Self {
        Self {
            generation: config.generation,
            known_bits: config.known_bits,
            refusal_bits: config.refusal_bits,
            has_own_cookies: config.own_cookies != 0,
            masks: [config.ipv4_mask, config.ipv6_mask],
        }
    }

    /// Whether the sources of both are the same.
    pub fn has_sources_of(&self, other: &Self) -> bool {
        let words = |shape: &Self| shape.masks.map(|mask| mask.word);
        words(self) == words(other)
    }
}

impl Program {
    /// Whether both have the same filter of known sources.
    pub fn shares_filter_with(&self, other: &Self) -> bool {
        let id = |of: &Self| sys::map_info(of.maps.known.as_fd()).ok().map(|info| info.id);
        id(self).is_some() && id(self) == id(other)
    }

    /// A note if this program could not go on with the sources of its predecessor.
    pub fn what_is_new_beside(&self, before: &Tables) -> Option<Note> {
        let id = |map: BorrowedFd<'_>| sys::map_info(map).ok().map(|info| info.id);
        let old = before.maps.get("sources").and_then(|map| id(map.as_fd()));
        let are_dry_runs = self.policy.dry_run && before.policy.dry_run;
        (old != id(self.maps.sources.as_fd())).then(|| {
            Note::info(format!(
                "the table of sources begins anew, as its size or what makes a source has changed: every source \
                 has full buckets{}",
                if are_dry_runs { ", and the advice of the dry run begins anew too" } else { "" }
            ))
        })
    }

    /// What the program that takes this one's place goes on with.
    pub fn legacy(&self) -> Result<Legacy> {
        let map = |map: &libbpf_rs::MapHandle| {
            let fd = map.as_fd().try_clone_to_owned().context("cannot keep the program's maps")?;
            Ok((name_in_kernel(map), fd))
        };
        let maps = self.maps.each().into_iter().map(map).collect::<Result<_>>()?;
        let max_sources = self.maps.sources.max_entries();
        Ok(Legacy {
            secret: self.secret,
            tables: Some(Tables { maps, max_sources, shape: self.shape, policy: self.policy.clone() }),
        })
    }
}
