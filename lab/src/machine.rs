// SPDX-License-Identifier: GPL-2.0-only
//! The machine of a run. Figures mean nothing without it.

use std::fmt::{Display, Formatter, Result};
use std::{fs, io, thread};

use serde::Serialize;

/// What the speed depends on.
#[derive(Debug, Default, Serialize)]
pub struct Machine {
    /// The kernel's release.
    pub kernel: String,
    /// CPUs that this process may use.
    pub cpus: usize,
    /// The CPUs' model.
    pub model: String,
}

impl Machine {
    /// This one.
    pub fn of_this_run() -> io::Result<Self> {
        let kernel = nix::sys::utsname::uname()?.release().to_string_lossy().into_owned();
        let cpuinfo = fs::read_to_string("/proc/cpuinfo")?;
        let model = cpuinfo.lines().find_map(|line| line.strip_prefix("model name\t: "));
        let model = model.unwrap_or("of an unnamed model").into();
        Ok(Self { kernel, cpus: thread::available_parallelism()?.get(), model })
    }
}

impl Display for Machine {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        write!(f, "Linux {}, {} CPUs, {}", self.kernel, self.cpus, self.model)
    }
}
