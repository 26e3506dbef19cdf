// SPDX-License-Identifier: GPL-2.0-only
//! The kernel's clocks.

use std::time::Duration;

use anyhow::{Context, Result};
use nix::time::{ClockId, clock_gettime};

/// CLOCK_MONOTONIC in ns, the clock of bpf_ktime_get_ns().
pub fn now_ns() -> Result<u64> {
    let now = clock_gettime(ClockId::CLOCK_MONOTONIC).context("cannot read the clock")?;
    Ok(now.tv_sec() as u64 * 1_000_000_000 + now.tv_nsec() as u64)
}

/// The time for which this thread has had a CPU.
pub fn of_this_thread() -> Result<Duration> {
    let time = clock_gettime(ClockId::CLOCK_THREAD_CPUTIME_ID).context("cannot read the clock")?;
    Ok(time.into())
}

/// CLOCK_BOOTTIME, the clock of the load time of programs.
pub fn since_boot() -> Result<Duration> {
    Ok(clock_gettime(ClockId::CLOCK_BOOTTIME).context("cannot read the clock")?.into())
}
