// SPDX-License-Identifier: GPL-2.0-only
//! What the program tells the learner: SYNs that were refused, and those that connections came of. See
//! `bpf/learn.bpf.h`.

use std::net::IpAddr;

use anyhow::{Context, Result};
use libbpf_rs::{MapCore, MapFlags};

use super::Maps;
use super::ring::Ring;
use crate::kernel::encode;
use crate::kernel::skel::{from_bytes, types};
use crate::learn::{SYN_LEN, Syn};

/// enum lesson_kind.
const REFUSED: u8 = 0;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Lesson {
    /// A SYN of the sample of those that may not pass unasked. `slot`: of the rule that it matches.
    Refused { syn: Syn, source: IpAddr, slot: Option<usize> },
    /// A connection stands, whose SYN is known or had matched a rule.
    Answered { syn: Option<Syn>, source: IpAddr, slot: Option<usize> },
}

/// The lessons of a program.
pub struct Lessons(Ring<Lesson>);

impl Lessons {
    /// Also of the time before.
    pub fn open(maps: &Maps) -> Result<Self> {
        Ring::open(&maps.lessons, "what the program tells the learner", decode).map(Self)
    }

    pub fn take(&self) -> Result<Vec<Lesson>> {
        self.0.take()
    }
}

/// How many were not told, as too many came.
pub fn lost(maps: &Maps) -> Result<u64> {
    super::variables("the count of lessons", &maps.data_lessons)
}

/// Has each CPU sample the next SYNs, whatever it drew: what was drawn in a flood may be far too large in peace.
pub fn begin_anew(maps: &Maps) -> Result<()> {
    let what = "cannot begin new samples for the learner";
    let cpus = libbpf_rs::num_possible_cpus().context(what)?;
    let zeros = vec![vec![0; size_of::<types::tutor>()]; cpus];
    maps.tutors.update_percpu(&0_u32.to_ne_bytes(), &zeros, MapFlags::ANY).context(what)
}

fn decode(bytes: &[u8]) -> Option<Lesson> {
    let lesson: types::lesson = from_bytes(bytes)?;
    let syn = Syn { family: encode::syn_family(lesson.family)?, bytes: encode::syn_bytes(&lesson.syn) };
    let source = encode::ip(&lesson.source);
    let slot = usize::from(lesson.rule).checked_sub(1);
    Some(if lesson.kind == REFUSED {
        Lesson::Refused { syn, source, slot }
    } else {
        Lesson::Answered { syn: (syn.bytes != [0; SYN_LEN]).then_some(syn), source, slot }
    })
}
