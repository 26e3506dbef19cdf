// SPDX-License-Identifier: GPL-2.0-only
//! The memory of flows of which a rule dropped a SYN, see `bpf/rules.bpf.h`: four filters, a word of each beside
//! those of the others.

use std::sync::atomic::Ordering;

use anyhow::{Context, Result};
use libbpf_rs::{MapCore, MapFlags};

use super::Maps;
use crate::kernel::skel::as_bytes;
use crate::kernel::sys::MappedWords;

/// DROPPED_FLOWS_FILTERS of the program.
pub const FILTERS: usize = 4;

pub struct DroppedFlows {
    words: MappedWords,
    /// The one in which the program enters flows, by its remainder.
    current: u32,
}

impl DroppedFlows {
    pub fn of(maps: &Maps) -> Result<Self> {
        let words = MappedWords::new(&maps.dropped_flows)
            .context("cannot reach the memory of dropped flows")?;
        let current = super::variables("which memory of dropped flows counts", &maps.data_flows)?;
        Ok(Self { words, current })
    }

    /// Forgets the oldest flows, and has new ones entered in their place. `maps`: of the same program.
    pub fn renew(&mut self, maps: &Maps) -> Result<()> {
        let next = self.current.wrapping_add(1);
        for word in self.words.as_slice().iter().skip(next as usize % FILTERS).step_by(FILTERS) {
            word.store(0, Ordering::Relaxed);
        }
        maps.data_flows
            .update(&0_u32.to_ne_bytes(), as_bytes(&next), MapFlags::ANY)
            .context("cannot tell the program which memory of dropped flows counts")?;
        self.current = next;
        Ok(())
    }
}
