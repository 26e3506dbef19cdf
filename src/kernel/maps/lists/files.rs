// SPDX-License-Identifier: GPL-2.0-only
//! Networks of the run's options and files.

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::process;
use std::sync::Arc;

use anyhow::{Context, Result, ensure};
use ipnet::IpNet;
use itertools::{EitherOrBoth, Itertools};
use libbpf_rs::{MapCore, MapFlags};

use super::{Lock, Tables, Writer, listed, text, verdict};
use crate::kernel::maps::run_info::RunInfo;
use crate::kernel::maps::{self, Maps};
use crate::kernel::skel::{as_bytes, types};
use crate::kernel::{encode, sys};
use crate::policy::{Listed, ListedBy, Listing, Lists, Origin};

/// The origin of what is no file's: LIST_ORIGIN_OPTION of `bpf/intf.h`.
pub const OPTION: u16 = 0;

/// Entries for one call of the kernel.
const BATCH: usize = 1 << 16;

/// What a network is listed as, and by whom.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Entry {
    pub listed: Listed,
    /// [`OPTION`], or a number from 1 of [`name_origins`].
    pub origin: u16,
    /// Of the file, from 1.
    pub line: u32,
}

/// What [`apply`] did.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Changes {
    /// New, or of another verdict. One that is only named elsewhere is no change.
    pub entered: usize,
    pub removed: usize,
}

/// Enters the networks of options and files in the tables of a program that was just loaded. It takes no lock, which a
/// container may have no right to.
pub fn fill(tables: Tables<'_>, lists: &Lists) -> Result<Changes> {
    write(&mut Writer::alone(tables)?, lists)
}

/// Makes these the networks of options and files, from now on. Waits until nobody else writes. A million of them take
/// seconds. Fails if another process has taken over, whose lists count now.
pub fn set(maps: &Maps, lists: &Lists) -> Result<Changes> {
    let lock = Lock::wait()?;
    let owner = RunInfo::read(&maps.run_info)?.map(|info| info.pid);
    ensure!(owner == Some(process::id()), "another process has taken over");
    write(&mut Writer::new(maps.lists(), &lock)?, lists)
}

fn write(writer: &mut Writer<'_>, lists: &Lists) -> Result<Changes> {
    name_origins(writer, &lists.files)?;
    apply(writer, &entries(lists))
}

fn entries(lists: &Lists) -> BTreeMap<IpNet, Entry> {
    let entry = |&Listing { network, listed, origin }: &Listing| {
        let (origin, line) = match origin {
            Origin::Option => (OPTION, 0),
            Origin::File { file, line } => (file as u16 + 1, line),
        };
        (network, Entry { listed, origin, line })
    };
    lists.listings().iter().map(entry).collect()
}

/// Makes the table hold these entries. Only what differs is written; an entry that keeps its verdict keeps its count of
/// SYNs. No network that was listed before and is listed afterwards is on no list meanwhile.
pub fn apply(writer: &mut Writer<'_>, wanted: &BTreeMap<IpNet, Entry>) -> Result<Changes> {
    let table = writer.tables.files;
    let room = table.max_entries() as usize;
    ensure!(
        wanted.len() <= room,
        "there is room for {room} networks in the lists, not for {}",
        wanted.len()
    );
    let mut present = Vec::new();
    writer.tables.for_each_of_files(|network, entry| present.push((network, entry)))?;
    // A trie gives them nearly in this order.
    present.sort_by_key(|(network, _)| *network);
    let (new, gone) = differences(&present, wanted);
    let entered = new.iter().filter(|new| new.same_verdict().is_none()).count();
    writer.announce(new.iter().map(|new| new.network))?;
    for batch in new.chunks(BATCH) {
        let keys = batch.iter().flat_map(|new| key(new.network)).collect::<Vec<_>>();
        let mut values = Vec::with_capacity(batch.len() * size_of::<types::list_entry>());
        batch.iter().for_each(|new| values.extend_from_slice(as_bytes(&new.encoded())));
        sys::map_update_batch(table, &keys, &values)
            .context("cannot enter the networks in the lists")?;
    }
    for batch in gone.chunks(BATCH) {
        let keys = batch.iter().flat_map(key).collect::<Vec<_>>();
        sys::map_delete_batch(table, &keys).context("cannot remove networks from the lists")?;
    }
    if !gone.is_empty() {
        // What is wanted is in the table now, and need not be read again.
        writer.renew_with(|enter| {
            wanted.keys().for_each(enter);
            Ok(())
        })?;
    }
    Ok(Changes { entered, removed: gone.len() })
}

/// An entry that is to be written.
struct New<'a> {
    network: &'a IpNet,
    entry: &'a Entry,
    /// The one that it replaces.
    before: Option<&'a types::list_entry>,
}

/// What is to be written, and what is to go. `present` in the order of the networks.
fn differences<'a>(
    present: &'a [(IpNet, types::list_entry)],
    wanted: &'a BTreeMap<IpNet, Entry>,
) -> (Vec<New<'a>>, Vec<IpNet>) {
    let (mut new, mut gone) = (Vec::new(), Vec::new());
    for pair in present.iter().merge_join_by(wanted, |(one, _), (other, _)| one.cmp(other)) {
        match pair {
            EitherOrBoth::Left((network, _)) => gone.push(*network),
            EitherOrBoth::Right((network, entry)) => new.push(New { network, entry, before: None }),
            EitherOrBoth::Both((_, before), (network, entry)) if Entry::new(before) != *entry => {
                new.push(New { network, entry, before: Some(before) });
            }
            EitherOrBoth::Both(..) => {}
        }
    }
    (new, gone)
}

fn key(network: &IpNet) -> [u8; size_of::<types::list_key>()] {
    let mut bytes = [0; _];
    bytes.copy_from_slice(as_bytes(&encode::list_key(network)));
    bytes
}

impl Entry {
    fn new(entry: &types::list_entry) -> Self {
        Self { listed: listed(entry.verdict), origin: entry.origin, line: entry.line }
    }
}

impl New<'_> {
    /// The entry that it replaces, if that says the same of the network.
    fn same_verdict(&self) -> Option<&types::list_entry> {
        self.before.filter(|before| listed(before.verdict) == self.entry.listed)
    }

    fn encoded(&self) -> types::list_entry {
        let Entry { listed, origin, line } = *self.entry;
        types::list_entry {
            until: 0,
            hits: self.same_verdict().map_or(0, |before| before.hits),
            verdict: verdict(listed),
            line,
            origin,
            prefix_len: encode::list_key(self.network).prefix_len as u8,
            ..Default::default()
        }
    }
}

/// Tells the paths of the files that entries come from: the first is number 1. Call it before [`apply`].
pub fn name_origins(writer: &Writer<'_>, files: &[PathBuf]) -> Result<()> {
    let map = writer.tables.origins;
    let room = map.max_entries() as usize - 1;
    ensure!(
        files.len() <= room,
        "at most {room} files with networks can be told apart, not {}",
        files.len()
    );
    for (number, path) in (1_u32..).zip(files) {
        let mut origin = types::list_origin::default();
        // The zero at its end stays.
        let bytes = path.as_os_str().as_bytes();
        let len = bytes.len().min(origin.path.len() - 1);
        origin.path[..len].copy_from_slice(&bytes[..len]);
        map.update(&number.to_ne_bytes(), as_bytes(&origin), MapFlags::ANY)
            .context("cannot name the files of the lists")?;
    }
    Ok(())
}

/// An entry of the table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Found {
    pub entry: Entry,
    pub origin: ListedBy,
    /// SYNs that it decided.
    pub syns: u64,
}

/// The entry of exactly this network.
pub fn get(tables: Tables<'_>, network: &IpNet) -> Result<Option<Found>> {
    let found: Option<types::list_entry> = super::get(tables.files, network)?;
    let key = encode::list_key(network);
    let found = found.filter(|entry| u32::from(entry.prefix_len) == key.prefix_len);
    found.map(|entry| Ok(Found::new(&entry, &origins(tables)?))).transpose()
}

/// Every entry of the table.
pub fn read(tables: Tables<'_>) -> Result<Vec<(IpNet, Found)>> {
    let origins = origins(tables)?;
    let mut found = Vec::new();
    tables.for_each_of_files(|network, entry| found.push((network, Found::new(&entry, &origins))))?;
    Ok(found)
}

impl Found {
    /// `origins`: the paths of files, by number.
    fn new(entry: &types::list_entry, origins: &[Arc<Path>]) -> Self {
        let path = origins.get(usize::from(entry.origin)).filter(|_| entry.origin != OPTION);
        let origin = path
            .map_or(ListedBy::Option, |path| ListedBy::File { path: path.clone(), line: entry.line });
        Self { entry: Entry::new(entry), origin, syns: entry.hits }
    }
}

fn origins(tables: Tables<'_>) -> Result<Vec<Arc<Path>>> {
    let mut paths = BTreeMap::new();
    let what = "the names of the lists' files";
    maps::for_each(what, tables.origins, |number: u32, origin: types::list_origin| {
        paths.insert(number, Arc::from(Path::new(OsStr::from_bytes(text(&origin.path)))));
    })?;
    Ok(paths.into_values().collect())
}
