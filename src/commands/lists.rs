// SPDX-License-Identifier: GPL-2.0-only
//! `lists`: the networks that running instances allow or deny.

use anyhow::{Context, Result};

use super::print;
use super::running::{self, Found};
use crate::advice::preflight;
use crate::cli::Show;
use crate::kernel::clock;
use crate::kernel::maps::lists::{self, Entry};
use crate::policy::network_name;
use crate::show;
use crate::show::lists::{Lists, Network, OfInstance};

pub fn show(words: &Show) -> Result<()> {
    preflight::check_can_look("lists")?;
    let instances =
        running::find(&words.iface, "lists")?.into_iter().map(read).collect::<Result<_>>()?;
    let lists = Lists { instances };
    print(&lists, words.json, |out, lists| show::lists::write(out, lists))
        .context("cannot write the lists")
}

fn read(found: Found) -> Result<OfInstance> {
    let mut entries = lists::read(found.running.lists(), clock::now_ns()?)?;
    // The one that counts comes first.
    entries.sort_by_key(|entry| (entry.network, entry.is_covered));
    Ok(OfInstance {
        program_id: found.program_id,
        interfaces: found.interfaces,
        lists: entries.into_iter().map(shown).collect(),
    })
}

pub fn shown(entry: Entry) -> Network {
    Network {
        network: network_name(&entry.network),
        verdict: entry.listed,
        origin: entry.origin,
        note: Some(entry.note).filter(|note| !note.is_empty()),
        left: entry.left,
        syns: entry.syns,
        is_covered: entry.is_covered,
    }
}
