// SPDX-License-Identifier: GPL-2.0-only
//! The filter of known sources, see `bpf/known.bpf.h`. There are two; one is in use.

use std::sync::atomic::{AtomicU64, Ordering};

use anyhow::{Context, Result};
use libbpf_rs::{MapCore, MapFlags};

use super::sources;
use crate::kernel::program::Program;
use crate::kernel::skel::{as_bytes, types};
use crate::kernel::sys::MappedWords;
use crate::kernel::{encode, netlink};

pub struct Filter {
    words: MappedWords,
    /// The one in use.
    current: usize,
}

impl Filter {
    /// The filter of a program that was just loaded: a new one, or that of the program before it.
    pub fn new(program: &Program) -> Result<Self> {
        let words = MappedWords::new(&program.maps.known)
            .context("cannot reach the filter of known sources")?;
        let current: u32 = super::variables("the filter that counts", &program.maps.data_known)?;
        Ok(Self { words, current: (current & 1) as usize })
    }

    /// The share of bits that are set in the filter in use.
    pub fn fill(&self) -> f64 {
        let words = self.words_of(self.current);
        let set = |word: &AtomicU64| u64::from(word.load(Ordering::Relaxed).count_ones());
        words.iter().map(set).sum::<u64>() as f64 / (words.len() as f64 * 64.0)
    }

    /// Clears the spare filter, enters the sources of the table and of the kernel's sockets, and switches to
    /// it. The program enters each new source in the table first and then in both filters, so the spare one
    /// misses none.
    pub fn renew(&mut self, program: &Program) -> Result<()> {
        let spare = 1 - self.current;
        let words = self.words_of(spare);
        for word in words {
            word.store(0, Ordering::SeqCst);
        }
        let bits = (words.len() * 64).ilog2();
        let enter = |source: &types::addr| {
            let bit = encode::hash(source, program.secret.hash_key) >> (64 - bits);
            words[(bit / 64) as usize].fetch_or(1 << (bit % 64), Ordering::Relaxed);
        };
        sources::for_each_address(&program.maps.sources, enter)?;
        netlink::for_each_peer(|peer| enter(&encode::source_addr(&program.policy, peer)))?;
        program
            .maps
            .data_known
            .update(&0_u32.to_ne_bytes(), as_bytes(&(spare as u32)), MapFlags::ANY)
            .context("cannot tell the program which filter counts")?;
        self.current = spare;
        Ok(())
    }

    fn words_of(&self, filter: usize) -> &[AtomicU64] {
        let words = self.words.as_slice();
        let (first, second) = words.split_at(words.len() / 2);
        [first, second][filter]
    }
}
