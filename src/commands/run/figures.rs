// SPDX-License-Identifier: GPL-2.0-only
//! What a status line needs of the one before.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use anyhow::Result;

use crate::commands::present;
use crate::kernel::maps::counters::Counters;
use crate::kernel::maps::sources;
use crate::kernel::program::Program;
use crate::show::model::{PortQueue, Rates};
use crate::upkeep::{Beside, Watched};

/// For the blocked sources of a status line.
const COUNTING: Duration = Duration::from_millis(200);

/// What the last status line counted.
pub struct Figures {
    counters: Counters,
    at: Instant,
    blocked_sources: u64,
    /// Beside, as a large table takes its time.
    counting: Beside<Result<u64>>,
    pub reading: Watched,
}

/// Since the last status line.
pub struct Lately {
    pub rates: Rates,
    /// The share of SYNs that neither passed nor became a connection by cookie, 0 to 1.
    pub stopped: f64,
    /// Frames per second by reason, where there were any.
    pub reasons: BTreeMap<String, u64>,
    pub blocked_sources: u64,
    pub queues: Vec<PortQueue>,
}

impl Figures {
    pub fn new(at: Instant) -> Self {
        Self {
            counters: Counters::default(),
            at,
            blocked_sources: 0,
            counting: Beside::default(),
            reading: Watched::new("the look at the counters"),
        }
    }

    pub fn look(&mut self, program: &Program, now: Instant) -> Result<Lately> {
        let counters = Counters::read(&program.maps.counters, &program.reasons)?;
        let blocked_sources = self.blocked_sources(program)?;
        let queues = present::queues(&program.policy)?;
        let (before, time) = (&self.counters, now - self.at);
        let counts = counters.counts().since(before.counts());
        let lately = Lately {
            rates: Rates::between(before.counts(), counters.counts(), time),
            stopped: if counts.syns() > 0 { counts.stopped() } else { 0.0 },
            reasons: per_second(before, &counters, time),
            blocked_sources,
            queues,
        };
        (self.counters, self.at) = (counters, now);
        Ok(lately)
    }

    /// Of this moment, or the last that could be counted.
    fn blocked_sources(&mut self, program: &Program) -> Result<u64> {
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

fn per_second(before: &Counters, now: &Counters, time: Duration) -> BTreeMap<String, u64> {
    let rates = now.reasons.iter().map(|(reason, count)| {
        let more = count - before.reasons.get(reason).map_or(0, |before| *before.min(count));
        (reason.clone(), (more as f64 / time.as_secs_f64()).round() as u64)
    });
    rates.filter(|&(_, rate)| rate > 0).collect()
}
