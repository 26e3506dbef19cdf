// SPDX-License-Identifier: GPL-2.0-only
//! The programs that take the answers to our cookies, wherever packets of protected interfaces reach IP; and the
//! one that charges each connection.

use std::collections::{BTreeMap, BTreeSet};
use std::os::fd::{AsFd, OwnedFd};

use anyhow::{Context, Result};
use libbpf_rs::Link;

use super::Watched;
use crate::kernel::maps::connections;
use crate::kernel::skel::SynfloodSkel;
use crate::kernel::sys;
use crate::note::Note;
use crate::policy::{Cookies, Policy};

/// Dropping it detaches them.
pub struct Redeemers<'a> {
    skel: &'a SynfloodSkel<'a>,
    has_own_cookies: bool,
    by_device: BTreeMap<u32, OwnedFd>,
    /// Connections are charged as long as it lives.
    _charging: Link,
    attaching: Watched,
    resting: Watched,
}

impl<'a> Redeemers<'a> {
    /// Begins to charge connections. Fails if the kernel refuses.
    pub fn new(skel: &'a SynfloodSkel<'a>, policy: &Policy) -> Result<Self> {
        let charging = skel.progs.charge.attach().context("cannot see the kernel's connections")?;
        Ok(Self {
            skel,
            has_own_cookies: policy.cookies == Cookies::Own,
            by_device: BTreeMap::new(),
            _charging: charging,
            attaching: Watched::new("taking the answers to challenges"),
            resting: Watched::new("the look at the time of the last challenge"),
        })
    }

    /// Attaches to these devices, given by index, and to no others.
    pub fn tick(&mut self, devices: &BTreeSet<u32>) -> Vec<Note> {
        if !self.has_own_cookies {
            return Vec::new();
        }
        let attached = self.attach(devices);
        let (_, unattached) = self.attaching.check(attached);
        let (_, restless) = self.resting.check(connections::stop_looking_for_answers(self.skel));
        [unattached, restless].into_iter().flatten().collect()
    }

    fn attach(&mut self, devices: &BTreeSet<u32>) -> Result<()> {
        self.by_device.retain(|device, _| devices.contains(device));
        for &device in devices {
            if !self.by_device.contains_key(&device) {
                let link = sys::tcx_link_create(self.skel.progs.redeem.as_fd(), device)
                    .with_context(|| format!("cannot attach to interface {device}"))?;
                self.by_device.insert(device, link);
            }
        }
        Ok(())
    }
}
