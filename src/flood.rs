// SPDX-License-Identifier: GPL-2.0-only
//! Whether a flood is on that no limit of a single source holds: a budget refuses.

use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use libbpf_rs::{MapCore, MapFlags};

use crate::bpf::types;
use crate::sources::now_ns;

/// A budget that refused nothing for so long refuses no more. The program notes refusals every 100 ms.
const OVER_AFTER: Duration = Duration::from_secs(1);

/// A flood, seen from its beginning to its end.
#[derive(Debug, Default)]
pub struct Flood {
    since: Option<Instant>,
}

impl Flood {
    /// To be called every second or so, with the program's map of budgets.
    pub fn look(&mut self, budgets: &impl MapCore) -> Result<()> {
        let is_on = since_last_refusal(budgets)?.is_some_and(|time| time < OVER_AFTER);
        self.since = is_on.then(|| self.since.unwrap_or_else(Instant::now));
        Ok(())
    }

    /// For how long it is on; None: there is none.
    pub fn duration(&self) -> Option<Duration> {
        self.since.map(|since| since.elapsed())
    }
}

/// Of the budgets that bound what reaches the kernel.
fn since_last_refusal(map: &impl MapCore) -> Result<Option<Duration>> {
    let bytes = map.lookup(&0_u32.to_ne_bytes(), MapFlags::ANY).context("cannot read the budgets")?;
    let mut budgets = types::budgets::default();
    let read = plain::copy_from_bytes(&mut budgets, &bytes.unwrap_or_default());
    read.ok().context("the program's budgets are not those of this binary")?;
    let last = budgets.new_sources.last_refusal.max(budgets.total.last_refusal);
    Ok((last != 0).then_some(Duration::from_nanos(now_ns()?.saturating_sub(last))))
}
