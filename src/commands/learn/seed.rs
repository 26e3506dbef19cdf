// SPDX-License-Identifier: GPL-2.0-only
//! `learn --honest` alone: tells running instances what honest clients look like.

use std::collections::HashSet;

use anyhow::{Context, Result, anyhow};

use super::sample::{self, Sample};
use crate::advice::preflight;
use crate::cli::Learn;
use crate::commands::print;
use crate::commands::running::{self, Found};
use crate::kernel::maps::answered;
use crate::kernel::maps::lists::Lock;
use crate::learn::answered::{CAPACITY, Entry, Time};
use crate::learn::search::MIN_ANSWERED;
use crate::learn::{Answered, Family};
use crate::show::learned::{self, Seeded, SeededInstance};

/// What a capture may have of the room. The rest is for clients that the instance sees itself.
const MAX_SEEDED: usize = CAPACITY / 2;

pub fn seed(given: &Learn) -> Result<()> {
    preflight::check_can_change("learn")?;
    let found = running::find(&given.iface, "learn …")?;
    let sample = sample::read(&given.honest)?;
    let mut seeds: Vec<Entry> =
        sample.seen.iter().map(|&(source, syn)| Entry::seeded(syn, source)).collect();
    let random =
        getrandom::u64().map_err(|error| anyhow!("the kernel gives no random numbers: {error}"))?;
    // Else whoever connected first, and few more, would be all that there is room for.
    fastrand::Rng::with_seed(random).shuffle(&mut seeds);
    let lock = Lock::wait()?;
    let instances =
        found.into_iter().map(|found| seed_one(found, &seeds, random, &lock)).collect::<Result<_>>()?;
    let Sample { files, .. } = sample;
    let seeded = Seeded { files, needed: MIN_ANSWERED, instances };
    print(&seeded, given.json, |out, seeded| learned::write_seeded(out, seeded))
        .context("cannot say what was done")
}

fn seed_one(found: Found, seeds: &[Entry], random: u64, lock: &Lock) -> Result<SeededInstance> {
    let before = answered::read(&*found.running)?;
    let known: HashSet<&Entry> = before.iter().collect();
    let is_seeded = |entry: &&Entry| entry.is_seeded;
    let room = MAX_SEEDED.saturating_sub(before.iter().filter(is_seeded).count());
    let new: Vec<Entry> = seeds.iter().filter(|seed| !known.contains(seed)).copied().collect();
    let new =
        Answered::from_entries(new, random).entries().iter().take(room).copied().collect::<Vec<_>>();
    // What is beyond the room is left out, and what came in a flood is worth least.
    let (peace, war): (Vec<Entry>, Vec<Entry>) =
        before.iter().partition(|entry| entry.time == Time::Peace);
    let merged = Answered::from_entries(new.into_iter().chain(peace).chain(war), random);
    answered::write(&*found.running, merged.entries(), lock)?;
    answered::note_change(&*found.running, lock)?;
    let of = |family| merged.entries().iter().filter(|entry| entry.syn.family == family).count();
    let after = merged.entries().iter().filter(is_seeded).count();
    Ok(SeededInstance {
        program_id: found.program_id,
        interfaces: found.interfaces,
        taken: after.saturating_sub(before.iter().filter(is_seeded).count()),
        known_ipv4: of(Family::Ipv4),
        known_ipv6: of(Family::Ipv6),
    })
}
