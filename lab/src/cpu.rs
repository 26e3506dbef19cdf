// SPDX-License-Identifier: GPL-2.0-only
//! Which CPU a thread runs on, and before whom.

use std::fs;
use std::io::{self, Error};

use nix::Result;
use nix::sched::{CpuSet, sched_getcpu, sched_setaffinity};
use nix::unistd::Pid;

/// Pins this thread, and the threads it starts, to one CPU. Fails if there is no such CPU.
pub fn stay_on(cpu: usize) -> Result<()> {
    keep_on(cpu, Pid::from_raw(0))
}

/// Pins another thread to one CPU.
pub fn keep_on(cpu: usize, thread: Pid) -> Result<()> {
    let mut one = CpuSet::new();
    one.set(cpu)?;
    sched_setaffinity(thread, &one)
}

/// Pins this thread to its current CPU: the program's memory is per CPU.
///
/// # Panics
///
/// If the kernel refuses.
pub fn stay() {
    stay_on(sched_getcpu().unwrap()).unwrap();
}

/// Lets a thread run before all ordinary ones. 0 means this thread.
pub fn run_first(thread: Pid) -> io::Result<()> {
    schedule(thread, libc::SCHED_FIFO, 1)
}

/// Lets this thread run only when no ordinary one wants to.
pub fn run_last() -> io::Result<()> {
    schedule(Pid::from_raw(0), libc::SCHED_IDLE, 0)
}

fn schedule(thread: Pid, policy: i32, priority: i32) -> io::Result<()> {
    let parameters = libc::sched_param { sched_priority: priority };
    // SAFETY: the parameters outlive the call.
    let error = unsafe { libc::sched_setscheduler(thread.as_raw(), policy, &parameters) };
    if error == 0 { Ok(()) } else { Err(Error::last_os_error()) }
}

/// How long a CPU has worked, in ticks since it started.
#[derive(Debug, Clone, Copy)]
pub struct Times {
    all: u64,
    interrupts: u64,
}

impl Times {
    /// Until now.
    ///
    /// # Panics
    ///
    /// If there is no such CPU.
    pub fn of(cpu: usize) -> Self {
        let stat = fs::read_to_string("/proc/stat").unwrap();
        let name = format!("cpu{cpu} ");
        let line = stat.lines().find_map(|line| line.strip_prefix(&name));
        Self::parse(line.unwrap_or_else(|| panic!("there is no CPU {cpu}")))
    }

    /// user, nice, system, idle, iowait, irq, softirq, steal: see proc_stat(5).
    fn parse(line: &str) -> Self {
        let ticks: Vec<u64> =
            line.split_whitespace().take(8).filter_map(|word| word.parse().ok()).collect();
        Self { all: ticks.iter().sum(), interrupts: ticks[5..7].iter().sum() }
    }

    /// The share of the time since an earlier look that interrupts took, with all work on packets that
    /// they start.
    pub fn interrupts_since(self, earlier: Self) -> f64 {
        (self.interrupts - earlier.interrupts) as f64 / (self.all - earlier.all).max(1) as f64
    }
}
