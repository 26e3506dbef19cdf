// SPDX-License-Identifier: GPL-2.0-only
//! How many networks are listed, without keeping them: there may be millions.

use std::collections::HashSet;

use anyhow::Result;

use super::{Tables, listed, live};
use crate::kernel::skel::types;
use crate::policy::Listed;

/// Networks that count.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Total {
    pub networks: u64,
    /// SYNs that they have decided.
    pub syns: u64,
}

/// Of one writer of the lists.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct ByVerdict {
    pub allowed: Total,
    pub denied: Total,
}

/// By who entered them.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Totals {
    /// The commands `allow` and `deny`.
    pub live: ByVerdict,
    /// Options and files of the run, but for networks that a live entry covers.
    pub run: ByVerdict,
}

impl ByVerdict {
    fn add(&mut self, verdict: Listed, syns: u64) {
        let total = match verdict {
            Listed::Allowed => &mut self.allowed,
            Listed::Denied => &mut self.denied,
        };
        total.networks += 1;
        total.syns += syns;
    }
}

/// `now` in ns of CLOCK_MONOTONIC.
pub fn totals(tables: Tables<'_>, now: u64) -> Result<Totals> {
    let mut totals = Totals::default();
    let mut covered = HashSet::new();
    for entry in live::read(tables)?.into_iter().filter(|entry| !entry.is_over(now)) {
        totals.live.add(entry.listed, entry.syns);
        covered.insert(entry.network);
    }
    tables.for_each_of_files(|network, entry: types::list_entry| {
        if !covered.contains(&network) {
            totals.run.add(listed(entry.verdict), entry.hits);
        }
    })?;
    Ok(totals)
}
