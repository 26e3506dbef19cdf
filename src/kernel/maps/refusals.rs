// SPDX-License-Identifier: GPL-2.0-only
//! The CPUs' memories of refusals, which the table of sources does not count yet.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use anyhow::{Context, Result};
use libbpf_rs::MapCore;

use crate::judge;
use crate::kernel::skel::{as_bytes, from_bytes, types};
use crate::kernel::sys;

/// For errors.
const TABLE: &str = "the memory of refusals";

/// REFUSAL_WHY and its values, REFUSAL_SERVICE_SHIFT, REFUSAL_SERVICE and REFUSAL_NO_TIME of the program.
const WHY: u64 = 3;
const SYNS: u64 = 1;
const BLOCKED: u64 = 2;
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

/// What the CPUs remember of one source at one service.
#[derive(Debug, Clone, Default)]
pub struct Memory {
    pub refused: Refused,
    /// Why a CPU refuses it still, without another look.
    pub in_force: BTreeSet<judge::Refused>,
}

/// What is remembered of one source, by its address in its table: at each service. `now` in ns of CLOCK_MONOTONIC.
pub fn of(refusals: &impl MapCore, source: &types::addr, now: u64) -> Result<BTreeMap<u32, Memory>> {
    let mut memories = BTreeMap::<u32, Memory>::new();
    // There are a million of them at most, and few are of this source.
    let its_own = |value: &[u8]| {
        from_bytes::<types::refusal>(value.strip_prefix(as_bytes(source)).map(|_| value)?)
    };
    let visit = |_: &[u8], value: &[u8]| {
        let Some(refusal) = its_own(value).filter(|refusal| refusal.until != 0) else { return };
        let memory = memories.entry(service_of(&refusal)).or_default();
        memory.refused.add(&refusal);
        let why = match refusal.until & WHY {
            SYNS => Some(judge::Refused::Syns),
            BLOCKED => Some(judge::Refused::Connections),
            _ => None,
        };
        memory.in_force.extend(why.filter(|_| refusal.until > now));
    };
    sys::map_for_each(refusals, visit).with_context(|| format!("cannot read {TABLE}"))?;
    Ok(memories)
}

/// By the source's key in its table: address and service.
pub type Remembered = HashMap<([u32; 4], u32), Refused>;

pub fn read(refusals: &impl MapCore) -> Result<Remembered> {
    let mut remembered = Remembered::new();
    super::for_each(TABLE, refusals, |_: u32, refusal: types::refusal| {
        if refusal.dropped > 0 || refusal.challenged > 0 {
            let source = (refusal.source.word, service_of(&refusal));
            remembered.entry(source).or_default().add(&refusal);
        }
    })?;
    Ok(remembered)
}

impl Refused {
    fn add(&mut self, refusal: &types::refusal) {
        self.dropped += u64::from(refusal.dropped);
        self.challenged += u64::from(refusal.challenged);
        if refusal.dropped > 0 {
            // As settle() of bpf/refusals.bpf.h has it.
            self.last_drop = self.last_drop.max(refusal.until & !NO_TIME);
        }
    }
}

fn service_of(refusal: &types::refusal) -> u32 {
    (refusal.until >> SERVICE_SHIFT & SERVICE) as u32
}
