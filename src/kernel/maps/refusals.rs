// SPDX-License-Identifier: GPL-2.0-only
//! The CPUs' memories of refusals, which the table of sources does not count yet.

use std::collections::HashMap;

use anyhow::Result;
use libbpf_rs::MapCore;

use crate::kernel::skel::types;

/// Refusals of one source.
#[derive(Debug, Clone, Copy, Default)]
pub struct Refused {
    /// SYNs that found no token.
    pub all: u64,
    /// Of these, answered with a cookie.
    pub challenged: u64,
}

/// By the source's key in its table.
pub type Remembered = HashMap<[u32; 4], Refused>;

pub fn read(refusals: &impl MapCore) -> Result<Remembered> {
    let mut remembered = Remembered::new();
    super::for_each("the memory of refusals", refusals, |_: u32, refusal: types::refusal| {
        if refusal.refused > 0 {
            let source = remembered.entry(refusal.source.word).or_default();
            source.all += u64::from(refusal.refused);
            source.challenged += u64::from(refusal.challenged);
        }
    })?;
    Ok(remembered)
}
