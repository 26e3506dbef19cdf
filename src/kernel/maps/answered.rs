// SPDX-License-Identifier: GPL-2.0-only
//! The SYNs of honest clients that rules are held against, where the next run finds them. Whoever writes them holds
//! the lock of the lists.

use std::sync::Arc;

use anyhow::{Context, Result};
use libbpf_rs::{MapCore, MapFlags, MapHandle};

use super::Maps;
use super::lists::Lock;
use crate::kernel::instance::Running;
use crate::kernel::skel::{as_bytes, types};
use crate::kernel::{encode, sys};
use crate::learn::Syn;
use crate::learn::answered::{CAPACITY, Entry, Time};

/// For errors.
const SAMPLE: &str = "the SYNs of honest clients";

/// The maps of the sample.
#[derive(Debug, Clone, Copy)]
pub struct Tables<'a> {
    syns: &'a MapHandle,
    changes: &'a MapHandle,
}

impl<'a> From<&'a Maps> for Tables<'a> {
    fn from(maps: &'a Maps) -> Self {
        Self { syns: &maps.answered_syns, changes: &maps.data_answers }
    }
}

impl<'a> From<&'a Arc<Maps>> for Tables<'a> {
    fn from(maps: &'a Arc<Maps>) -> Self {
        (&**maps).into()
    }
}

impl<'a> From<&'a Running> for Tables<'a> {
    fn from(running: &'a Running) -> Self {
        Self { syns: &running.answered_syns, changes: &running.answered_changes }
    }
}

pub fn read<'a>(tables: impl Into<Tables<'a>>) -> Result<Vec<Entry>> {
    let mut entries = Vec::new();
    super::for_each(SAMPLE, tables.into().syns, |_: u32, value| entries.extend(decode(&value)))?;
    Ok(entries)
}

/// Writes all of them.
pub fn write<'a>(tables: impl Into<Tables<'a>>, entries: &[Entry], _lock: &Lock) -> Result<()> {
    let unused = std::iter::repeat_n(types::answered_syn::default(), CAPACITY);
    let values = entries.iter().map(encode).chain(unused).take(CAPACITY);
    let values: Vec<u8> = values.flat_map(|value| as_bytes(&value).to_vec()).collect();
    let keys: Vec<u8> = (0..CAPACITY as u32).flat_map(u32::to_ne_bytes).collect();
    sys::map_update_batch(tables.into().syns, &keys, &values)
        .with_context(|| format!("cannot keep {SAMPLE}"))
}

/// Counts up when somebody else than the run has written them.
pub fn changes<'a>(tables: impl Into<Tables<'a>>) -> Result<u32> {
    super::variables(SAMPLE, tables.into().changes)
}

/// Has the run read them again.
pub fn note_change<'a>(tables: impl Into<Tables<'a>>, _lock: &Lock) -> Result<()> {
    let tables = tables.into();
    let changes = changes(tables)?.wrapping_add(1);
    tables
        .changes
        .update(&0_u32.to_ne_bytes(), as_bytes(&changes), MapFlags::ANY)
        .with_context(|| format!("cannot tell the run of {SAMPLE}"))
}

fn encode(entry: &Entry) -> types::answered_syn {
    types::answered_syn {
        source: encode::address(entry.source.into()),
        syn: encode::syn_words(&entry.syn.bytes),
        family: encode::family_of_syn(entry.syn.family),
        is_of_war: (entry.time == Time::War).into(),
        is_seeded: entry.is_seeded.into(),
        padding: [0; 5],
    }
}

/// None: it is unused.
fn decode(value: &types::answered_syn) -> Option<Entry> {
    let family = encode::syn_family(value.family)?;
    let syn = Syn { family, bytes: encode::syn_bytes(&value.syn) };
    let time = if value.is_of_war == 0 { Time::Peace } else { Time::War };
    let seen = Entry::seen(syn, encode::ip(&value.source), time);
    Some(Entry { is_seeded: value.is_seeded != 0, ..seen })
}
