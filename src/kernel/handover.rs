// SPDX-License-Identifier: GPL-2.0-only
//! All that a successor needs of a running program, as descriptors with names of their own:
//! [`super::predecessor`] sorts them again.

use std::collections::BTreeMap;
use std::os::fd::{AsFd, BorrowedFd};

use anyhow::Result;
use libbpf_rs::query::LinkInfo;

use super::hooks::Hooks;
use super::program::Program;
use super::sys;

pub type Descriptors<'a> = BTreeMap<String, BorrowedFd<'a>>;

/// The program, and the tables that it works on.
pub fn of_program(program: &Program) -> Result<Descriptors<'_>> {
    let programs = program.programs_on_links()?.into_iter();
    let programs = programs.map(|(number, fd)| Ok((format!("program.{number}"), fd)));
    let maps = program.maps.each().into_iter().chain(&program.constants).map(|map| {
        let fd = map.as_fd();
        Ok((format!("map.{}", sys::map_info(fd)?.id), fd))
    });
    programs.chain(maps).collect()
}

/// The links by which it runs.
pub fn of_hooks(hooks: &Hooks) -> Result<Descriptors<'_>> {
    let judging = hooks.attachments.iter().map(|attachment| attachment.link());
    let others = hooks.redeemers.values().chain(&hooks.charger).map(|link| link.as_fd());
    judging.chain(others).map(|fd| Ok((format!("link.{}", LinkInfo::from_fd(fd)?.id), fd))).collect()
}
