// SPDX-License-Identifier: GPL-2.0-only
//! The program's counters: sums over the CPUs, by reason and by class.

use std::collections::BTreeMap;

use anyhow::{Context, Result};
use libbpf_rs::MapCore;

use crate::note::Counts;

/// The classes of reasons: the part of a reason's name before the first underscore.
const PASS: &str = "pass_";
const CHALLENGE: &str = "challenge_";
const DROP: &str = "drop_";
const CONNECTION: &str = "connection_";

/// The classes of SYNs, by what became of them.
const VERDICTS: [(&str, &str); 3] = [(PASS, "passed"), (CHALLENGE, "challenged"), (DROP, "dropped")];

/// Of cookies that were handed to the kernel as connections.
const REDEEMED: &str = "answer_redeemed";

/// SYNs and answers of sources over their limit of connections, or that of their network, and answers of which the kernel made none.
const REFUSED: [&str; 5] = [
    "drop_over_limit",
    "drop_network_limit",
    "answer_over_limit",
    "answer_network_limit",
    "answer_refused",
];

/// The counters at one moment.
#[derive(Debug, Clone, Default)]
pub struct Counters {
    /// Frames, and connections, by the reason's name.
    pub reasons: BTreeMap<String, u64>,
    /// Of these the frames at the ports of each service, by number.
    of_services: BTreeMap<String, Vec<u64>>,
}

impl Counters {
    /// `names` as [`crate::kernel::skel::reason_names`] gives them.
    pub fn read(map: &impl MapCore, names: &[String]) -> Result<Self> {
        let mut counters = Self::default();
        // The first is UNDECIDED, which is not an outcome.
        for (reason, name) in (0_u32..).zip(names).skip(1) {
            let counts = super::sums_of_cpus(map, reason).context("cannot read the counters")?;
            counters.reasons.insert(name.clone(), counts.iter().sum());
            counters.of_services.insert(name.clone(), counts);
        }
        Ok(counters)
    }

    /// SYNs that passed.
    pub fn passed(&self) -> u64 {
        self.class(PASS)
    }

    /// SYNs that were answered with a cookie.
    pub fn challenged(&self) -> u64 {
        self.class(CHALLENGE)
    }

    /// Dropped SYNs, and dropped frames that were made to hide one. (In a dry run: would have been
    /// dropped.)
    pub fn dropped(&self) -> u64 {
        self.class(DROP)
    }

    /// Connections of protected ports that stand or stood.
    pub fn connected(&self) -> u64 {
        self.class(CONNECTION)
    }

    /// Those of them that were made of a cookie of ours.
    pub fn redeemed(&self) -> u64 {
        self.reasons.get(REDEEMED).copied().unwrap_or_default()
    }

    /// All of these, and what visitors were refused.
    pub fn counts(&self) -> Counts {
        let of = |reason: &str| self.reasons.get(reason).copied().unwrap_or_default();
        Counts {
            passed: self.passed(),
            challenged: self.challenged(),
            dropped: self.dropped(),
            connected: self.connected(),
            by_cookie: self.redeemed(),
            refused: REFUSED.into_iter().map(of).sum(),
        }
    }

    /// Frames by reason.
    pub fn frames(&self) -> impl Iterator<Item = (&str, u64)> {
        let reasons = self.reasons.iter().filter(|(reason, _)| !reason.starts_with(CONNECTION));
        reasons.map(|(reason, &count)| (reason.as_str(), count))
    }

    /// SYNs at the ports of the service with this number, or of none for 0, by what became of them, and by the reason
    /// of that.
    pub fn syns(&self, service: usize) -> impl Iterator<Item = (&'static str, &str, u64)> {
        self.of_services.iter().filter_map(move |(reason, counts)| {
            let (_, verdict) = VERDICTS.iter().find(|(class, _)| reason.starts_with(class))?;
            Some((*verdict, reason.as_str(), *counts.get(service)?))
        })
    }

    fn class(&self, prefix: &str) -> u64 {
        self.reasons.iter().filter(|(name, _)| name.starts_with(prefix)).map(|(_, count)| count).sum()
    }
}
