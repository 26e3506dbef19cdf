// SPDX-License-Identifier: GPL-2.0-only
//! The rules that SYNs are judged by, see `bpf/rules.bpf.h`. Whoever writes them holds the lock of the lists.

use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result};
use libbpf_rs::{MapCore, MapFlags, MapHandle};

use super::Maps;
use super::lists::Lock;
use crate::kernel::instance::Running;
use crate::kernel::skel::{as_bytes, from_bytes, types};
use crate::kernel::{clock, encode};
use crate::learn::life::SLOTS;
use crate::learn::{Family, Rule};

/// For errors.
const RULES: &str = "the rules";

/// enum rule_stage.
const WATCHED: u8 = 0;
const IN_FORCE: u8 = 1;

/// NO_RULE_HEAD: no word has it.
const NO_HEAD: types::rule_head = types::rule_head { mask: 0, value: 1 };

const MILLION: f64 = 1e6;
const BILLION: f64 = 1e9;

/// A rule in its slot.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Entry {
    pub rule: Rule,
    /// Its SYNs are dropped; else they are counted only.
    pub is_in_force: bool,
    /// Else an operator added it.
    pub is_learned: bool,
    /// SYNs of honest clients that it matched when it was found.
    pub hits: u32,
    /// The share of honest clients that it matches at most, by what was known then, 0 to 1.
    pub bound: f64,
    /// The share of refused SYNs that it matched when it was found, 0 to 1.
    pub covered: f64,
    /// CLOCK_MONOTONIC ns: when it was made.
    pub since: u64,
    /// CLOCK_MONOTONIC ns. None: for ever.
    pub until: Option<u64>,
}

/// SYNs of a rule, since it is in its slot.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Counts {
    pub matched: u64,
    pub dropped: u64,
    /// Not dropped, to see whether they are answered.
    pub canaries: u64,
    /// Not dropped, as their flow was once just before.
    pub repeated: u64,
    /// Not dropped, as their source had connected lately.
    pub spared: u64,
    /// Connections that came of those that were not dropped.
    pub answered: u64,
    /// CLOCK_MONOTONIC ns: the last match; 0: none.
    pub last: u64,
}

/// The maps of rules.
#[derive(Debug, Clone, Copy)]
pub struct Tables<'a> {
    rules: &'a MapHandle,
    counts: &'a MapHandle,
    heads: &'a MapHandle,
}

impl<'a> From<&'a Maps> for Tables<'a> {
    fn from(maps: &'a Maps) -> Self {
        Self { rules: &maps.rules, counts: &maps.rule_counts, heads: &maps.data_rules }
    }
}

impl<'a> From<&'a Arc<Maps>> for Tables<'a> {
    fn from(maps: &'a Arc<Maps>) -> Self {
        (&**maps).into()
    }
}

impl<'a> From<&'a Running> for Tables<'a> {
    fn from(running: &'a Running) -> Self {
        let Running { rules, rule_counts: counts, rule_heads: heads, .. } = running;
        Self { rules, counts, heads }
    }
}

/// What a slot has. None: nothing.
pub type Slots = [Option<Entry>; SLOTS];

/// All slots.
pub fn read<'a>(tables: impl Into<Tables<'a>>) -> Result<Slots> {
    let tables = tables.into();
    let in_use = heads(tables)?.in_use;
    let mut slots = [None; SLOTS];
    for (slot, entry) in slots.iter_mut().enumerate().filter(|(slot, _)| in_use >> slot & 1 == 1) {
        let bytes = tables
            .rules
            .lookup(&(slot as u32).to_ne_bytes(), MapFlags::ANY)
            .with_context(|| format!("cannot read {RULES}"))?;
        *entry = bytes.and_then(|bytes| from_bytes::<types::rule>(&bytes)).map(|rule| decode(&rule));
    }
    Ok(slots)
}

/// What was counted of the rule in a slot.
pub fn counts<'a>(tables: impl Into<Tables<'a>>, slot: usize) -> Result<Counts> {
    let cpus = tables
        .into()
        .counts
        .lookup_percpu(&(slot as u32).to_ne_bytes(), MapFlags::ANY)
        .context("cannot read what rules have counted")?
        .unwrap_or_default();
    let of_cpus = cpus.iter().filter_map(|bytes| from_bytes::<types::rule_counts>(bytes));
    Ok(of_cpus.fold(Counts::default(), |sum, cpu| Counts {
        matched: sum.matched + cpu.matched,
        dropped: sum.dropped + cpu.dropped,
        canaries: sum.canaries + cpu.canaries,
        repeated: sum.repeated + cpu.repeated,
        spared: sum.spared + cpu.spared,
        answered: sum.answered + cpu.answered,
        last: sum.last.max(cpu.last),
    }))
}

/// Enters a rule into a free slot, with counters at zero.
pub fn put<'a>(tables: impl Into<Tables<'a>>, slot: usize, entry: &Entry, _lock: &Lock) -> Result<()> {
    let tables = tables.into();
    let what = || format!("cannot enter a rule into {RULES}");
    let cpus = libbpf_rs::num_possible_cpus().with_context(what)?;
    let zeros = vec![vec![0; size_of::<types::rule_counts>()]; cpus];
    let key = (slot as u32).to_ne_bytes();
    tables.counts.update_percpu(&key, &zeros, MapFlags::ANY).with_context(what)?;
    let rule = write(tables, slot, entry)?;
    let mut heads = heads(tables)?;
    heads.in_use |= 1 << slot;
    heads.of[slot] = types::rule_head { mask: rule.mask.word[0], value: rule.value.word[0] };
    write_heads(tables, &heads)
}

/// Has the SYNs of the rule in a slot dropped, or only counted.
pub fn enforce<'a>(
    tables: impl Into<Tables<'a>>,
    slot: usize,
    entry: &Entry,
    is_in_force: bool,
    _lock: &Lock,
) -> Result<()> {
    write(tables.into(), slot, &Entry { is_in_force, ..*entry }).map(drop)
}

/// Empties a slot.
pub fn remove<'a>(tables: impl Into<Tables<'a>>, slot: usize, _lock: &Lock) -> Result<()> {
    let tables = tables.into();
    let mut heads = heads(tables)?;
    heads.in_use &= !(1 << slot);
    heads.of[slot] = NO_HEAD;
    write_heads(tables, &heads)
}

fn write(tables: Tables<'_>, slot: usize, entry: &Entry) -> Result<types::rule> {
    let rule = encode(entry);
    tables
        .rules
        .update(&(slot as u32).to_ne_bytes(), as_bytes(&rule), MapFlags::ANY)
        .with_context(|| format!("cannot write {RULES}"))?;
    Ok(rule)
}

fn heads(tables: Tables<'_>) -> Result<types::rule_heads> {
    super::variables(RULES, tables.heads)
}

fn write_heads(tables: Tables<'_>, heads: &types::rule_heads) -> Result<()> {
    tables
        .heads
        .update(&0_u32.to_ne_bytes(), as_bytes(heads), MapFlags::ANY)
        .with_context(|| format!("cannot write {RULES}"))
}

fn encode(entry: &Entry) -> types::rule {
    types::rule {
        mask: encode::syn_words(&entry.rule.mask),
        value: encode::syn_words(&entry.rule.value),
        family: encode::family_of_syn(entry.rule.family),
        stage: if entry.is_in_force { IN_FORCE } else { WATCHED },
        is_learned: entry.is_learned.into(),
        hits: entry.hits,
        bound_ppb: (entry.bound * BILLION).round() as u32,
        covers_ppm: (entry.covered * MILLION).round() as u32,
        since: entry.since,
        until: entry.until.unwrap_or(0),
        padding: [0],
    }
}

fn decode(rule: &types::rule) -> Entry {
    Entry {
        rule: Rule {
            family: encode::syn_family(rule.family).unwrap_or(Family::Ipv4),
            mask: encode::syn_bytes(&rule.mask),
            value: encode::syn_bytes(&rule.value),
        },
        is_in_force: rule.stage == IN_FORCE,
        is_learned: rule.is_learned != 0,
        hits: rule.hits,
        bound: f64::from(rule.bound_ppb) / BILLION,
        covered: f64::from(rule.covers_ppm) / MILLION,
        since: rule.since,
        until: Some(rule.until).filter(|&until| until != 0),
    }
}

impl Entry {
    /// For how long it has stood, and for how long it will.
    pub fn times(&self) -> Result<(Duration, Option<Duration>)> {
        let now = clock::now_ns()?;
        let left = self.until.map(|until| Duration::from_nanos(until.saturating_sub(now)));
        Ok((Duration::from_nanos(now.saturating_sub(self.since)), left))
    }
}
