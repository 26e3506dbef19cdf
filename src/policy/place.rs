// SPDX-License-Identifier: GPL-2.0-only
//! The place of the program, and the sizes of its tables.

use std::fmt;

use clap::ValueEnum;
use serde::Serialize;

/// The interfaces to protect, by name, none of them twice.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    pub interfaces: Vec<String>,
    pub mode: Mode,
}

/// Where on an interface to attach.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Mode {
    /// The first of the two that works
    Auto,
    /// In the driver
    Native,
    /// Behind the driver, on any NIC
    Skb,
}

/// Where on an interface a program is attached.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum AttachMode {
    /// In the driver, before the kernel allocates anything.
    Native,
    /// Behind the driver, on the kernel's socket buffers. Also called generic.
    Skb,
    /// On the NIC itself.
    Offloaded,
}

impl fmt::Display for AttachMode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Native => "native",
            Self::Skb => "skb",
            Self::Offloaded => "offloaded",
        })
    }
}

/// The sizes of the program's tables.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Sizes {
    /// Sources in the table.
    pub max_sources: u32,
    /// CPUs that this kernel could ever have.
    pub possible_cpus: u32,
}
