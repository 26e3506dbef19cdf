// SPDX-License-Identifier: GPL-2.0-only
//! Tables that user space keeps as it wants them: only changes are written, and what was really written is
//! remembered.

use std::collections::BTreeMap;

use anyhow::{Result, anyhow};
use libbpf_rs::{ErrorKind, MapCore, MapFlags};

/// What a table of the program has been told.
#[derive(Debug)]
pub struct Told<Key, Value> {
    /// For errors, like "the addresses of this host".
    what: &'static str,
    entries: BTreeMap<Key, Value>,
}

impl<Key: Ord + Clone, Value: PartialEq + Clone> Told<Key, Value> {
    /// For a table that is empty still.
    pub fn new(what: &'static str) -> Self {
        Self { what, entries: BTreeMap::new() }
    }

    /// Makes the table hold `wanted`, as far as it can. An entry that fails is tried again at the next
    /// call. `key` and `value` make the bytes of an entry. Returns whether anything was written.
    pub fn tell(
        &mut self,
        map: &impl MapCore,
        wanted: &BTreeMap<Key, Value>,
        key: impl Fn(&Key) -> Vec<u8>,
        value: impl Fn(&Value) -> Vec<u8>,
    ) -> Result<bool> {
        let mut failed = None;
        let mut is_changed = false;
        let mut check = |done: Result<(), libbpf_rs::Error>| match done {
            Ok(()) => {
                is_changed = true;
                true
            }
            Err(error) => {
                failed.get_or_insert(error);
                false
            }
        };
        // Room for the new ones first.
        self.entries.retain(|entry, _| wanted.contains_key(entry) || !check(forget(map, &key(entry))));
        for (entry, is) in wanted {
            if self.entries.get(entry) != Some(is)
                && check(map.update(&key(entry), &value(is), MapFlags::ANY))
            {
                self.entries.insert(entry.clone(), is.clone());
            }
        }
        match failed {
            None => Ok(is_changed),
            Some(_) if self.entries.len() >= map.max_entries() as usize => {
                let room = map.max_entries();
                Err(anyhow!("the program has room for {room} of {}, and there are more", self.what))
            }
            Some(error) => {
                Err(anyhow!(error).context(format!("cannot tell the program {}", self.what)))
            }
        }
    }
}

/// Deletes a key; one that is not there is no error.
fn forget(map: &impl MapCore, key: &[u8]) -> Result<(), libbpf_rs::Error> {
    match map.delete(key) {
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(()),
        done => done,
    }
}
