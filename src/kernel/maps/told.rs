// SPDX-License-Identifier: GPL-2.0-only
//! Tables that user space keeps as it wants them: only changes are written, and what was really written is
//! remembered.

use std::collections::BTreeMap;

use anyhow::{Context, Result, anyhow};
use libbpf_rs::{ErrorKind, MapCore, MapFlags};

use crate::kernel::sys;

/// What a table of the program holds.
#[derive(Debug)]
pub struct Told {
    /// For errors, like "the addresses of this host".
    what: &'static str,
    /// The bytes of keys and values.
    entries: BTreeMap<Vec<u8>, Vec<u8>>,
}

impl Told {
    /// For a table that is empty still.
    pub fn new(what: &'static str) -> Self {
        Self { what, entries: BTreeMap::new() }
    }

    /// Takes over a table that another process has kept so far.
    pub fn take_over(&mut self, map: &impl MapCore) -> Result<()> {
        let mut entries = BTreeMap::new();
        sys::map_for_each(map, |key, value| {
            entries.insert(key.to_vec(), value.to_vec());
        })
        .with_context(|| format!("cannot read what the program knows of {}", self.what))?;
        self.entries = entries;
        Ok(())
    }

    /// Makes the table hold these keys and values, as far as it can. An entry that fails is tried again at
    /// the next call. Returns whether anything was written.
    pub fn tell(
        &mut self,
        map: &impl MapCore,
        wanted: impl IntoIterator<Item = (Vec<u8>, Vec<u8>)>,
    ) -> Result<bool> {
        let wanted: BTreeMap<_, _> = wanted.into_iter().collect();
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
        self.entries.retain(|key, _| wanted.contains_key(key) || !check(forget(map, key)));
        for (key, value) in wanted {
            if self.entries.get(&key) != Some(&value) && check(map.update(&key, &value, MapFlags::ANY))
            {
                self.entries.insert(key, value);
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
