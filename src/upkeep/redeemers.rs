// SPDX-License-Identifier: GPL-2.0-only
//! Has the answers to our cookies taken wherever packets of protected interfaces reach IP.

use std::collections::BTreeSet;
use std::os::fd::AsFd;

use super::Watched;
use crate::kernel::hooks::Hooks;
use crate::kernel::maps::connections;
use crate::kernel::program::Program;
use crate::note::Note;

pub struct Redeemers {
    attaching: Watched,
    resting: Watched,
}

impl Default for Redeemers {
    fn default() -> Self {
        Self {
            attaching: Watched::new("taking the answers to challenges"),
            resting: Watched::new("the look at the time of the last challenge"),
        }
    }
}

impl Redeemers {
    /// On these devices, given by index, and on no others.
    pub fn tick(&mut self, program: &Program, hooks: &mut Hooks, devices: &BTreeSet<u32>) -> Vec<Note> {
        let Some(redeem) = &program.programs.redeem else { return Vec::new() };
        let attached = hooks.take_answers(redeem.as_fd(), devices);
        let (_, unattached) = self.attaching.check(attached);
        let (_, restless) = self.resting.check(connections::stop_looking_for_answers(&program.maps));
        [unattached, restless].into_iter().flatten().collect()
    }
}
