// SPDX-License-Identifier: GPL-2.0-only
//! Which entry of the lists decides about addresses.

use anyhow::Result;
use ipnet::IpNet;
use libbpf_rs::MapHandle;
use plain::Plain;

use super::{Entry, Tables, files, live};
use crate::kernel::skel::types;

/// LIST_MAX_EXPIRED of the program.
const MAX_EXPIRED: usize = 16;

/// A value of a table of networks.
trait Value: Plain + Default {
    fn entry(&self) -> &types::list_entry;
}

impl Value for types::list_entry {
    fn entry(&self) -> &types::list_entry {
        self
    }
}

impl Value for types::live_entry {
    fn entry(&self) -> &types::list_entry {
        &self.entry
    }
}

/// The entry that decides about all addresses of a network, as the program finds it. None: no list names it. `now` in ns
/// of CLOCK_MONOTONIC.
pub fn deciding(tables: Tables<'_>, of: &IpNet, now: u64) -> Result<Option<Entry>> {
    let live = longest_in_force::<types::live_entry>(tables.live, of, now)?;
    let of_file = longest_in_force::<types::list_entry>(tables.files, of, now)?;
    let is_longer = |network: &IpNet| live.is_none_or(|live| network.prefix_len() > live.prefix_len());
    if let Some(network) = of_file.filter(is_longer) {
        return Ok(files::get(tables, &network)?.map(|found| found.counting(network)));
    }
    let Some(network) = live else { return Ok(None) };
    Ok(live::get(tables, &network)?.map(|entry| entry.counting(now)))
}

/// `longest_in_force()` of `bpf/lists.bpf.h`.
fn longest_in_force<V: Value>(table: &MapHandle, of: &IpNet, now: u64) -> Result<Option<IpNet>> {
    let mut within = *of;
    for _ in 0..=MAX_EXPIRED {
        let Some(value) = super::get::<V>(table, &within)? else { return Ok(None) };
        let entry = value.entry();
        let Some(network) = network_of(&within, entry.prefix_len) else { return Ok(None) };
        if entry.until == 0 || entry.until > now {
            return Ok(Some(network));
        }
        match network.supernet() {
            Some(wider) => within = wider,
            None => return Ok(None),
        }
    }
    Ok(None)
}

/// The network with this prefix length of a key.
fn network_of(within: &IpNet, key_prefix_len: u8) -> Option<IpNet> {
    let not_of_the_prefix = super::encode::list_key(within).prefix_len as u8 - within.prefix_len();
    let bits = key_prefix_len.checked_sub(not_of_the_prefix)?;
    Some(IpNet::new(within.addr(), bits).ok()?.trunc())
}
