// SPDX-License-Identifier: GPL-2.0-only
//! Networks that have no limits of their own or are always refused. There are two tables, so that what is taken from
//! one uncovers what the other says: [`live`] is written by the commands `allow` and `deny`, [`files`] by the run.
//! The longest prefix of both decides; of two that are as long, the live one.

pub mod deciding;
pub mod files;
pub mod filter;
pub mod live;
pub mod totals;

use std::collections::HashSet;
use std::fs::{File, TryLockError};
use std::time::Duration;

use anyhow::{Context, Result};
use ipnet::IpNet;
use libbpf_rs::{MapCore, MapFlags, MapHandle};
use plain::Plain;

use crate::kernel::encode;
use crate::kernel::maps::Maps;
use crate::kernel::skel::{as_bytes, from_bytes, types};
use crate::policy::{Listed, ListedBy};
use filter::{Bits, Filter};

/// The lock of all who write: a file that each network namespace has, and that only an administrator of it can open.
/// So nobody else can hold the lock. Nothing is written to the file.
const LOCK: &str = "/proc/sys/net/ipv4/route/flush";

const LOCKING: &str = "cannot lock the lists of this network namespace";

/// The maps of the lists.
#[derive(Debug, Clone, Copy)]
pub struct Tables<'a> {
    pub live: &'a MapHandle,
    pub files: &'a MapHandle,
    pub filter: &'a MapHandle,
    /// struct lists.
    pub state: &'a MapHandle,
    pub origins: &'a MapHandle,
}

impl Maps {
    pub fn lists(&self) -> Tables<'_> {
        Tables {
            live: &self.live,
            files: &self.files,
            filter: &self.list_filter,
            state: &self.data_lists,
            origins: &self.list_origins,
        }
    }
}

impl Tables<'_> {
    fn state(&self) -> Result<types::lists> {
        super::variables("the state of the lists", self.state)
    }

    /// Counts the changes of live entries: they changed if it did.
    pub fn live_changes(&self) -> Result<u32> {
        Ok(self.state()?.live_changes)
    }

    fn for_each_live(&self, mut visit: impl FnMut(IpNet, types::live_entry)) -> Result<()> {
        super::for_each("the live entries", self.live, |key, entry| {
            if let Some(network) = encode::network(&key) {
                visit(network, entry);
            }
        })
    }

    fn for_each_of_files(&self, mut visit: impl FnMut(IpNet, types::list_entry)) -> Result<()> {
        super::for_each("the lists", self.files, |key, entry| {
            if let Some(network) = encode::network(&key) {
                visit(network, entry);
            }
        })
    }
}

/// The right to write the lists of this network namespace. Only one process holds it at a time.
#[derive(Debug)]
pub struct Lock {
    _file: File,
}

impl Lock {
    /// Waits until it is free.
    pub fn wait() -> Result<Self> {
        let file = open_lock()?;
        file.lock().context(LOCKING)?;
        Ok(Self { _file: file })
    }

    /// None: somebody else writes at this moment.
    pub fn try_now() -> Result<Option<Self>> {
        let file = open_lock()?;
        match file.try_lock() {
            Ok(()) => Ok(Some(Self { _file: file })),
            Err(TryLockError::WouldBlock) => Ok(None),
            Err(TryLockError::Error(error)) => Err(error).context(LOCKING),
        }
    }
}

/// Writes the tables. The program looks at the filter first, so every bit is set before its entry is made, and none is
/// cleared while somebody else may make an entry.
#[derive(Debug)]
pub struct Writer<'a> {
    pub tables: Tables<'a>,
    filter: Filter,
    state: types::lists,
    /// None: nobody else knows the tables yet.
    _lock: Option<&'a Lock>,
}

impl<'a> Writer<'a> {
    pub fn new(tables: Tables<'a>, lock: &'a Lock) -> Result<Self> {
        Ok(Self { _lock: Some(lock), ..Self::alone(tables)? })
    }

    /// For the tables of a program that was just loaded: nobody else can know them.
    pub fn alone(tables: Tables<'a>) -> Result<Self> {
        let filter = Filter::new(tables.filter)?;
        Ok(Self { tables, filter, state: tables.state()?, _lock: None })
    }

    /// Sets the bits of these networks. Call it before they are entered in a table.
    fn announce<'n>(&mut self, networks: impl IntoIterator<Item = &'n IpNet>) -> Result<()> {
        let before = self.state;
        for network in networks {
            self.state.levels |= self.filter.enter(network);
            self.state.in_use = 1;
        }
        if (before.in_use, before.levels) == (self.state.in_use, self.state.levels) {
            return Ok(());
        }
        self.write_state()
    }

    /// Clears the bits that no entry needs any more. Call it after networks were taken from a table. It reads both
    /// tables, so that nothing but they decides which bits are needed.
    fn renew(&mut self) -> Result<()> {
        let tables = self.tables;
        self.renew_with(|enter| tables.for_each_of_files(|network, _| enter(&network)))
    }

    /// The same for who knows the table of files: `of_files` enters each of its networks.
    fn renew_with(
        &mut self,
        of_files: impl FnOnce(&mut dyn FnMut(&IpNet)) -> Result<()>,
    ) -> Result<()> {
        let mut bits = Bits::default();
        let mut state = types::lists { in_use: 0, levels: 0, ..self.state };
        let mut enter = |network: &IpNet| {
            state.levels |= bits.enter(network);
            state.in_use = 1;
        };
        self.tables.for_each_live(|network, _| enter(&network))?;
        of_files(&mut enter)?;
        self.filter.set(&bits);
        self.state = state;
        self.write_state()
    }

    fn count_live_change(&mut self) -> Result<()> {
        self.state.live_changes = self.state.live_changes.wrapping_add(1);
        self.write_state()
    }

    fn write_state(&self) -> Result<()> {
        let first = 0_u32.to_ne_bytes();
        let done = self.tables.state.update(&first, as_bytes(&self.state), MapFlags::ANY);
        done.context("cannot tell the program of the lists")
    }
}

/// The entry with the longest prefix that covers a network.
fn get<Value: Plain + Default>(table: &MapHandle, network: &IpNet) -> Result<Option<Value>> {
    let key = encode::list_key(network);
    let found = table.lookup(as_bytes(&key), MapFlags::ANY).context("cannot look into the lists")?;
    Ok(found.and_then(|bytes| from_bytes(&bytes)))
}

fn open_lock() -> Result<File> {
    let lock = File::options().write(true).open(LOCK);
    lock.with_context(|| format!("{LOCKING}: cannot open {LOCK}"))
}

/// A network of the lists that counts, unless it is covered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    pub network: IpNet,
    pub listed: Listed,
    pub origin: ListedBy,
    /// Of a live entry.
    pub note: String,
    /// The time for which it still counts. None: for ever.
    pub left: Option<Duration>,
    /// SYNs that it decided.
    pub syns: u64,
    /// A live entry of the same network counts instead.
    pub is_covered: bool,
}

/// The lists of a running program. `now` in ns of CLOCK_MONOTONIC.
pub fn read(tables: Tables<'_>, now: u64) -> Result<Vec<Entry>> {
    let mut entries: Vec<Entry> = live::read(tables)?
        .into_iter()
        .filter(|entry| !entry.is_over(now))
        .map(|entry| entry.counting(now))
        .collect();
    let live: HashSet<IpNet> = entries.iter().map(|entry| entry.network).collect();
    entries.extend(files::read(tables)?.into_iter().map(|(network, found)| Entry {
        is_covered: live.contains(&network),
        ..found.counting(network)
    }));
    Ok(entries)
}

impl live::Entry {
    /// `now` in ns of CLOCK_MONOTONIC.
    pub fn counting(self, now: u64) -> Entry {
        Entry {
            network: self.network,
            listed: self.listed,
            origin: ListedBy::Live,
            left: self.until.map(|until| Duration::from_nanos(until.saturating_sub(now))),
            syns: self.syns,
            note: self.note,
            is_covered: false,
        }
    }
}

impl files::Found {
    fn counting(self, network: IpNet) -> Entry {
        Entry {
            network,
            listed: self.entry.listed,
            origin: self.origin,
            note: String::new(),
            left: None,
            syns: self.syns,
            is_covered: false,
        }
    }
}

fn verdict(listed: Listed) -> types::list_verdict {
    match listed {
        Listed::Allowed => types::list_verdict::LIST_ALLOW,
        Listed::Denied => types::list_verdict::LIST_DENY,
    }
}

fn listed(verdict: types::list_verdict) -> Listed {
    match verdict {
        types::list_verdict::LIST_ALLOW => Listed::Allowed,
        _ => Listed::Denied,
    }
}

/// The text before the first zero.
fn text(bytes: &[u8]) -> &[u8] {
    bytes.split(|&byte| byte == 0).next().unwrap_or_default()
}
