// SPDX-License-Identifier: GPL-2.0-only
//! The words of `learn`.

use std::path::PathBuf;

use clap::{Args, ValueHint};

use super::values;

#[derive(Debug, Args)]
pub struct Learn {
    /// Capture of an attack, pcap or pcapng; may be given several times; `-` is standard input. Without it, running
    /// instances are given the honest clients
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub attack: Vec<PathBuf>,

    /// Capture of honest clients' connections, such as an hour of peace; may be given several times; `-` is standard
    /// input
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath, required = true)]
    pub honest: Vec<PathBuf>,

    /// Only the instance on this interface; may be given several times [default: all]
    #[arg(long, short, value_name = "IF", value_parser = values::interface, value_hint = ValueHint::Other,
          conflicts_with = "attack")]
    pub iface: Vec<String>,

    /// Write JSON: one object
    #[arg(long)]
    pub json: bool,
}
