// SPDX-License-Identifier: GPL-2.0-only
//! Which CPU a thread runs on.

use nix::Result;
use nix::sched::{CpuSet, sched_getcpu, sched_setaffinity};
use nix::unistd::Pid;

/// Pins this thread, and the threads it starts, to one CPU. Fails if there is no such CPU.
pub fn stay_on(cpu: usize) -> Result<()> {
    let mut one = CpuSet::new();
    one.set(cpu)?;
    sched_setaffinity(Pid::from_raw(0), &one)
}

/// Pins this thread to its current CPU: the program's memory is per CPU.
///
/// # Panics
///
/// If the kernel refuses.
pub fn stay() {
    stay_on(sched_getcpu().unwrap()).unwrap();
}
