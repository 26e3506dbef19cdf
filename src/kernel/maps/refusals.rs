// SPDX-License-Identifier: GPL-2.0-only
//! The CPUs' memories of refusals, which the table of sources does not count yet.

use std::collections::HashMap;

use anyhow::Result;
use libbpf_rs::MapCore;

use crate::kernel::skel::types;

/// REFUSAL_SERVICE_SHIFT, REFUSAL_SERVICE and REFUSAL_NO_TIME of the program.
const SERVICE_SHIFT: u32 = 2;
const SERVICE: u64 = 31;
const NO_TIME: u64 = 127;

/// SYNs of one source that did not pass.
#[derive(Debug, Clone, Copy, Default)]
pub struct Refused {
    pub dropped: u64,
    /// Answered with a cookie.
    pub challenged: u64,
    /// CLOCK_MONOTONIC ns, to the second; 0: never.
    pub last_drop: u64,
}

/// By the source's key in its table: address and service.
pub type Remembered = HashMap<([u32; 4], u32), Refused>;

pub fn read(refusals: &impl MapCore) -> Result<Remembered> {
    let mut remembered = Remembered::new();
    super::for_each("the memory of refusals", refusals, |_: u32, refusal: types::refusal| {
        if refusal.dropped > 0 || refusal.challenged > 0 {
            let service = (refusal.until >> SERVICE_SHIFT & SERVICE) as u32;
            let source = remembered.entry((refusal.source.word, service)).or_default();
            source.dropped += u64::from(refusal.dropped);
            source.challenged += u64::from(refusal.challenged);
            if refusal.dropped > 0 {
                // As settle() of bpf/refusals.bpf.h has it.
                source.last_drop = source.last_drop.max(refusal.until & !NO_TIME);
            }
        }
    })?;
    Ok(remembered)
}
