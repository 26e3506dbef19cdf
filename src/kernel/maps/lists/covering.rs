// SPDX-License-Identifier: GPL-2.0-only
//! What the lists say of a source, without reading all of them.

use std::cmp::Reverse;

use anyhow::Result;
use ipnet::IpNet;

use super::{Entry, Tables, files, live};
use crate::kernel::encode;
use crate::kernel::skel::types;
use crate::policy::ListedBy;

/// The entry that decides about a network: as in the program, the one with the longest prefix, and of two that are as
/// long the live one. None: no list names it. `now` in ns of CLOCK_MONOTONIC.
pub fn covering(tables: Tables<'_>, network: &IpNet, now: u64) -> Result<Option<Entry>> {
    let longest = |bits: Option<u8>| {
        let prefix_len = bits?.into();
        encode::network(&types::list_key { prefix_len, ..encode::list_key(network) })
            .map(|it| it.trunc())
    };
    let of_live: Option<types::live_entry> = super::get(tables.live, network)?;
    let of_files: Option<types::list_entry> = super::get(tables.files, network)?;
    let mut found = Vec::new();
    if let Some(covering) = longest(of_live.map(|it| it.entry.prefix_len)) {
        let entry = live::get(tables, &covering)?.filter(|entry| !entry.is_over(now));
        found.extend(entry.map(|entry| entry.counting(now)));
    }
    if let Some(covering) = longest(of_files.map(|it| it.prefix_len)) {
        found.extend(files::get(tables, &covering)?.map(|of| of.counting(covering)));
    }
    let rank = |entry: &Entry| Reverse((entry.network.prefix_len(), entry.origin == ListedBy::Live));
    found.sort_by_key(rank);
    Ok(found.into_iter().next())
}
