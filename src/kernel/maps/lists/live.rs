// SPDX-License-Identifier: GPL-2.0-only
//! Networks that were entered while the program runs, by the commands `allow` and `deny`.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::{Context, Result, bail, ensure};
use ipnet::IpNet;
use libbpf_rs::MapCore;

use super::{Tables, Writer, listed, text, verdict};
use crate::kernel::encode;
use crate::kernel::skel::{as_bytes, types};
use crate::kernel::sys;
use crate::policy::Listed;

/// Bytes of a note: LIST_NOTE_SIZE of `bpf/intf.h` without the zero at its end.
pub const MAX_NOTE: usize = 87;

/// A live entry.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    pub network: IpNet,
    pub listed: Listed,
    /// CLOCK_MONOTONIC ns, from then on it does not count. None: it counts for ever.
    pub until: Option<u64>,
    /// CLOCK_REALTIME, s.
    pub added: u64,
    /// At most [`MAX_NOTE`] bytes, without a zero.
    pub note: String,
    /// SYNs that it decided.
    pub syns: u64,
}

impl Entry {
    fn new(network: IpNet, entry: &types::live_entry) -> Self {
        Self {
            network,
            listed: listed(entry.entry.verdict),
            until: (entry.entry.until != 0).then_some(entry.entry.until),
            added: entry.added,
            note: String::from_utf8_lossy(text(&entry.note)).into_owned(),
            syns: entry.entry.hits,
        }
    }

    fn encoded(&self) -> Result<types::live_entry> {
        let mut entry = types::live_entry {
            entry: types::list_entry {
                until: self.until.unwrap_or_default(),
                hits: self.syns,
                verdict: verdict(self.listed),
                prefix_len: encode::list_key(&self.network).prefix_len as u8,
                ..Default::default()
            },
            added: self.added,
            ..Default::default()
        };
        let note = self.note.as_bytes();
        if note.len() > MAX_NOTE || note.contains(&0) {
            bail!("a note has at most {MAX_NOTE} bytes, none of them zero");
        }
        entry.note[..note.len()].copy_from_slice(note);
        Ok(entry)
    }

    pub fn is_over(&self, now: u64) -> bool {
        self.until.is_some_and(|until| until <= now)
    }
}

/// The live entry of exactly this network.
pub fn get(tables: Tables<'_>, network: &IpNet) -> Result<Option<Entry>> {
    let found: Option<types::live_entry> = super::get(tables.live, network)?;
    let key = encode::list_key(network);
    let is_same = |entry: &types::live_entry| u32::from(entry.entry.prefix_len) == key.prefix_len;
    Ok(found.filter(is_same).map(|entry| Entry::new(*network, &entry)))
}

/// Every live entry, also those that are over and not yet removed.
pub fn read(tables: Tables<'_>) -> Result<Vec<Entry>> {
    let mut entries = Vec::new();
    tables.for_each_live(|network, entry| entries.push(Entry::new(network, &entry)))?;
    Ok(entries)
}

/// Fails if there is no room for these.
pub fn check_room(tables: Tables<'_>, networks: &BTreeSet<IpNet>) -> Result<()> {
    let room = tables.live.max_entries() as usize;
    let mut count = networks.len();
    tables.for_each_live(|network, _| count += usize::from(!networks.contains(&network)))?;
    ensure!(
        count <= room,
        "there is room for {room} live entries, and there would be {count}: remove some with --remove, or \
         give them to the run as options; nothing was changed"
    );
    Ok(())
}

/// Enters all or none, from now on. Returns those that they replace.
pub fn enter(writer: &mut Writer<'_>, entries: &[Entry]) -> Result<Vec<Entry>> {
    let new: BTreeMap<IpNet, types::live_entry> =
        entries.iter().map(|entry| Ok((entry.network, entry.encoded()?))).collect::<Result<_>>()?;
    let networks = new.keys().copied().collect();
    check_room(writer.tables, &networks)?;
    let mut old = Vec::new();
    for network in &networks {
        old.extend(get(writer.tables, network)?);
    }
    writer.announce(new.keys())?;
    let keys: Vec<u8> =
        new.keys().flat_map(|network| as_bytes(&encode::list_key(network)).to_vec()).collect();
    let values: Vec<u8> = new.values().flat_map(|entry| as_bytes(entry).to_vec()).collect();
    sys::map_update_batch(writer.tables.live, &keys, &values).context("cannot enter the networks")?;
    writer.count_live_change()?;
    Ok(old)
}

/// Removes the live entries of these networks, which must be there.
pub fn remove(writer: &mut Writer<'_>, networks: &BTreeSet<IpNet>) -> Result<()> {
    if networks.is_empty() {
        return Ok(());
    }
    let keys: Vec<u8> =
        networks.iter().flat_map(|network| as_bytes(&encode::list_key(network)).to_vec()).collect();
    sys::map_delete_batch(writer.tables.live, &keys).context("cannot remove the live entries")?;
    writer.count_live_change()?;
    writer.renew()
}

/// Removes the entries that are over, and returns them. The program did not count them any more. `now` in ns of
/// CLOCK_MONOTONIC.
pub fn tidy(writer: &mut Writer<'_>, now: u64) -> Result<Vec<Entry>> {
    let mut over = read(writer.tables)?;
    over.retain(|entry| entry.is_over(now));
    let networks = over.iter().map(|entry| entry.network).collect();
    remove(writer, &networks)?;
    Ok(over)
}
