// SPDX-License-Identifier: GPL-2.0-only
//! What a status line needs of the one before.

use std::time::{Duration, Instant};

use anyhow::Result;

use crate::kernel::maps::sources;
use crate::kernel::program::Program;
use crate::show::model::Syns;
use crate::upkeep::{Beside, Watched};

/// For the blocked sources of a status line.
const COUNTING: Duration = Duration::from_millis(200);

/// What the last status line counted.
pub struct Figures {
    pub syns: Syns,
    pub at: Instant,
    blocked_sources: u64,
    /// Beside, as a large table takes its time.
    counting: Beside<Result<u64>>,
    pub reading: Watched,
}

impl Figures {
    pub fn new(at: Instant) -> Self {
        Self {
            syns: Syns::default(),
            at,
            blocked_sources: 0,
            counting: Beside::default(),
            reading: Watched::new("the look at the counters"),
        }
    }

    /// Of this moment, or the last that could be counted.
    pub fn blocked_sources(&mut self, program: &Program) -> Result<u64> {
        if !self.counting.is_busy() {
            let (maps, policy) = (program.maps.clone(), program.policy.clone());
            let count = move || sources::count_blocked(&maps.sources, &maps.refusals, &policy);
            self.counting.start("sources", count, || ())?;
        }
        if let Some(counted) = self.counting.wait(COUNTING) {
            self.blocked_sources = counted?;
        }
        Ok(self.blocked_sources)
    }
}
