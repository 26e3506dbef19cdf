// SPDX-License-Identifier: GPL-2.0-only
//! Networks that are always let through or always refused.

use anyhow::{Context, Result};
use ipnet::IpNet;
use libbpf_rs::{MapCore, MapFlags};

use crate::kernel::encode;
use crate::kernel::maps::Maps;
use crate::kernel::skel::{as_bytes, types};
use crate::policy::{Listed, Lists};

/// A network in force.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Entry {
    pub network: IpNet,
    pub listed: Listed,
    /// SYNs that it decided.
    pub syns: u64,
}

/// Enters the lists in a program that was just loaded with room for them.
pub fn fill(maps: &Maps, lists: &Lists) -> Result<()> {
    for (index, (network, listed)) in (0..).zip(lists.entries()) {
        let verdict = match listed {
            Listed::Allowed => types::list_verdict::LIST_ALLOW,
            Listed::Denied => types::list_verdict::LIST_DENY,
        };
        let entry = types::list_entry { verdict, index };
        maps.lists
            .update(as_bytes(&encode::list_key(network)), as_bytes(&entry), MapFlags::ANY)
            .with_context(|| format!("cannot enter {network} in the lists"))?;
    }
    Ok(())
}

/// The lists of a running program, and the SYNs that each network decided. `hits` is its map list_hits.
pub fn read(lists: &impl MapCore, hits: &impl MapCore) -> Result<Vec<Entry>> {
    let mut found = Vec::new();
    super::for_each("the lists", lists, |key: types::list_key, entry: types::list_entry| {
        found.extend(encode::network(&key).map(|network| (network, entry)));
    })?;
    let entry = |(network, entry): (IpNet, types::list_entry)| {
        let listed = match entry.verdict {
            types::list_verdict::LIST_ALLOW => Listed::Allowed,
            _ => Listed::Denied,
        };
        let syns = super::sum_of_cpus(hits, entry.index).context("cannot read the lists' counters")?;
        Ok(Entry { network, listed, syns })
    };
    found.into_iter().map(entry).collect()
}
