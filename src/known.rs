// SPDX-License-Identifier: GPL-2.0-only
//! Renews the filter of known sources, see `bpf/known.bpf.h`: it learns of each source that enters the
//! table, but not of those that the table forgets.

use std::os::fd::AsFd;
use std::sync::atomic::{AtomicU64, Ordering};

use anyhow::{Context, Result};
use libbpf_rs::{MapCore, MapFlags};

use crate::bpf::{SynfloodSkel, as_bytes, types};
use crate::sys::MappedWords;
use crate::{config, sources};

/// Beyond this share of bits that are set a filter tells too few unknown sources from known ones. One that
/// is new has half of it at most.
const WORN: f64 = 0.25;

/// The two filters, of which one counts and the other is spare.
pub struct Known<'a> {
    skel: &'a SynfloodSkel<'a>,
    words: MappedWords,
    /// Which one counts.
    filter: usize,
}

impl<'a> Known<'a> {
    /// Of a program that was just loaded.
    pub fn new(skel: &'a SynfloodSkel<'a>) -> Result<Self> {
        let len = skel.maps.known.max_entries() as usize;
        let words = MappedWords::new(skel.maps.known.as_fd(), len)
            .context("cannot reach the filter of known sources")?;
        Ok(Self { skel, words, filter: 0 })
    }

    /// To be called every second or so: only a worn filter costs a look at the whole table.
    pub fn renew_if_worn(&mut self) -> Result<()> {
        if self.fill() > WORN { self.renew() } else { Ok(()) }
    }

    /// The share of bits that are set in the filter that counts.
    pub fn fill(&self) -> f64 {
        let words = self.words_of(self.filter);
        let set = |word: &AtomicU64| u64::from(word.load(Ordering::Relaxed).count_ones());
        words.iter().map(set).sum::<u64>() as f64 / (words.len() as f64 * 64.0)
    }

    /// Clears the spare filter, enters what the table holds, and lets it count. The program enters each
    /// new source in the table first and in both filters then: so the spare one misses none.
    pub fn renew(&mut self) -> Result<()> {
        let spare = 1 - self.filter;
        let words = self.words_of(spare);
        for word in words {
            word.store(0, Ordering::SeqCst);
        }
        let bits = (words.len() * 64).ilog2();
        sources::for_each_key(&self.skel.maps.sources, |address: &types::addr| {
            let bit = config::hash(address) >> (64 - bits);
            words[(bit / 64) as usize].fetch_or(1 << (bit % 64), Ordering::Relaxed);
        })?;
        self.skel
            .maps
            .data_known
            .update(&0_u32.to_ne_bytes(), as_bytes(&(spare as u32)), MapFlags::ANY)
            .context("cannot tell the program which filter counts")?;
        self.filter = spare;
        Ok(())
    }

    fn words_of(&self, filter: usize) -> &[AtomicU64] {
        let words = self.words.as_slice();
        let (first, second) = words.split_at(words.len() / 2);
        [first, second][filter]
    }
}
