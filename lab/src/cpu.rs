// SPDX-License-Identifier: GPL-2.0-only
//! Which CPU a thread runs on.

use nix::Result;
use nix::sched::{CpuSet, sched_getcpu, sched_setaffinity};
use nix::unistd::Pid;

/// Keeps this thread, and the threads that it starts, on one CPU. Fails if there is no such CPU.
pub fn stay_on(cpu: usize) -> Result<()> {
    let mut one = CpuSet::new();
    one.set(cpu)?;
    sched_setaffinity(Pid::from_raw(0), &one)
}

/// Keeps this thread on its present CPU: the program remembers refusals for each CPU.
///
/// # Panics
///
/// If the kernel refuses it; it does not refuse root.
pub fn stay() {
    stay_on(sched_getcpu().unwrap()).unwrap();
}
