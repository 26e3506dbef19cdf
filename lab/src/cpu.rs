// SPDX-License-Identifier: GPL-2.0-only
//! Which CPU a thread runs on.

use nix::Result;
use nix::sched::{CpuSet, sched_getcpu, sched_setaffinity};
use nix::unistd::Pid;

/// Keeps this thread, and those that it starts, on one CPU. Fails where there is no such CPU.
pub fn stay_on(cpu: usize) -> Result<()> {
    let mut one = CpuSet::new();
    one.set(cpu)?;
    sched_setaffinity(Pid::from_raw(0), &one)
}

/// Keeps this thread on the CPU where it is: what the program remembers, it remembers on one CPU.
///
/// # Panics
///
/// If the kernel does not let it, which it does for root.
pub fn stay() {
    stay_on(sched_getcpu().unwrap()).unwrap();
}
