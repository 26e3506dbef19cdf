// SPDX-License-Identifier: GPL-2.0-only
//! All results of a run, for tables and plots.

use std::fs;
use std::thread;

use anyhow::Result;
use serde::Serialize;

use crate::classes::Class;
use crate::defaults;
use crate::growth::Point;
use crate::honest::Service;
use crate::sidebyside::Row;

#[derive(Debug, Default, Serialize)]
pub struct Results {
    pub machine: Machine,
    pub defences: Vec<Row>,
    pub packets: Vec<Class>,
    pub clients: Vec<Service>,
    pub defaults: Vec<defaults::Row>,
    pub growth: Vec<Point>,
}

/// The machine of a run. Figures mean nothing without it.
#[derive(Debug, Default, Serialize)]
pub struct Machine {
    pub kernel: String,
    pub cpus: usize,
    pub model: String,
}

impl Machine {
    pub fn of_this_run() -> Result<Self> {
        let kernel = nix::sys::utsname::uname()?.release().to_string_lossy().into_owned();
        let cpuinfo = fs::read_to_string("/proc/cpuinfo")?;
        let model = cpuinfo.lines().find_map(|line| line.strip_prefix("model name\t: "));
        let model = model.unwrap_or("of an unnamed model").into();
        Ok(Self { kernel, cpus: thread::available_parallelism()?.get(), model })
    }

    pub fn describe(&self) -> String {
        let Self { kernel, cpus, model } = self;
        format!("Linux {kernel}, {cpus} CPUs, {model}; generator and defence share one CPU")
    }
}
