// SPDX-License-Identifier: GPL-2.0-only
//! The programs that take the answers to our cookies, wherever packets of protected interfaces reach IP; and the
//! one that charges each connection.

use std::collections::btree_map::Entry;
use std::collections::{BTreeMap, BTreeSet};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use anyhow::{Context, Result};

use super::Watched;
use crate::kernel::maps::connections;
use crate::kernel::program::Program;
use crate::kernel::sys;
use crate::note::Note;

/// Dropping it detaches them.
pub struct Redeemers {
    by_device: BTreeMap<u32, OwnedFd>,
    /// Connections are charged as long as it lives.
    _charging: OwnedFd,
    attaching: Watched,
    resting: Watched,
}

impl Redeemers {
    /// Begins to charge connections. Fails if the kernel refuses.
    pub fn new(program: &Program) -> Result<Self> {
        let charging = sys::attach_tracing(program.programs.charge.as_fd())
            .context("cannot see the kernel's connections")?;
        Ok(Self {
            by_device: BTreeMap::new(),
            _charging: charging,
            attaching: Watched::new("taking the answers to challenges"),
            resting: Watched::new("the look at the time of the last challenge"),
        })
    }

    /// Attaches to these devices, given by index, and to no others.
    pub fn tick(&mut self, program: &Program, devices: &BTreeSet<u32>) -> Vec<Note> {
        let Some(redeem) = &program.programs.redeem else { return Vec::new() };
        let attached = self.attach(redeem.as_fd(), devices);
        let (_, unattached) = self.attaching.check(attached);
        let (_, restless) = self.resting.check(connections::stop_looking_for_answers(&program.maps));
        [unattached, restless].into_iter().flatten().collect()
    }

    fn attach(&mut self, redeem: BorrowedFd<'_>, devices: &BTreeSet<u32>) -> Result<()> {
        self.by_device.retain(|device, _| devices.contains(device));
        for &device in devices {
            if let Entry::Vacant(vacant) = self.by_device.entry(device) {
                let link = sys::tcx_link_create(redeem, device)
                    .with_context(|| format!("cannot attach to interface {device}"))?;
                vacant.insert(link);
            }
        }
        Ok(())
    }
}
