// SPDX-License-Identifier: GPL-2.0-only
//! The verdict of the shipped program, from its action and its table of sources, which is empty before
//! each frame. To be fast, this reads the counters only once, at the end.

use std::cell::Cell;
use std::net::Ipv6Addr;

use lab::program::{Program, XDP_DROP, XDP_PASS};
use libbpf_rs::MapCore;

use crate::oracle::Verdict;

/// The minimum for the kernel's test run: an Ethernet header.
pub const MIN_LEN: usize = 14;

pub struct Shipped {
    program: Program,
    /// Whether this kernel's test run takes a frame in two buffers.
    can_split: bool,
    frames: Cell<u64>,
}

impl Shipped {
    pub fn load() -> Self {
        // The smallest allowed table, because every frame searches it, and whole addresses as sources.
        let sources = (128 * libbpf_rs::num_possible_cpus().expect("the number of CPUs")).to_string();
        let table = ["--max-sources", &sources, "--ipv6-prefix", "128"];
        let limits = ["--challenge", "off", "--pass-rate", "0", "--burst", "1", "--rate", "1/h"];
        let options = [&table[..], &limits].concat();
        let program = Program::load(&options);
        let can_split = program.can_split();
        if !can_split {
            println!("  this kernel's test run cannot split frames: each is judged in one buffer");
        }
        let frames = program.counters().reasons.values().sum();
        Self { program, can_split, frames: Cell::new(frames) }
    }

    /// The first buffer holds `linear` bytes of the frame, a second one the rest.
    pub fn judge(&self, frame: &[u8], linear: usize) -> Verdict {
        let sources = &self.program.maps.sources;
        let linear = if self.can_split { linear } else { frame.len() };
        let action = self.program.action(frame, linear);
        self.frames.set(self.frames.get() + 1);
        let entered = sources.keys().next();
        if let Some(key) = &entered {
            sources.delete(key).expect("the entry that was just there");
        }
        match (action, entered) {
            (XDP_PASS, None) => Verdict::Skip,
            (XDP_PASS, Some(key)) => {
                let address: &[u8; 16] = key.first_chunk().expect("an address, and its service");
                Verdict::Syn(Ipv6Addr::from(*address))
            }
            (XDP_DROP, None) => Verdict::Drop,
            other => panic!("action and source do not go together: {other:?}, {frame:02x?}"),
        }
    }

    /// Asserts that every frame was counted once. Prints the reasons that were reached.
    pub fn check_counters(&self) {
        let counters = self.program.counters();
        assert_eq!(counters.reasons.values().sum::<u64>(), self.frames.get(), "frames counted");
        for (reason, count) in counters.reasons.iter().filter(|(_, count)| **count > 0) {
            println!("  {reason:<25} {count:>10}");
        }
    }
}
