// SPDX-License-Identifier: GPL-2.0-only
//! The words of `learn`.

use std::path::PathBuf;

use clap::{Args, ValueHint};

#[derive(Debug, Args)]
pub struct Learn {
    /// Capture of an attack, pcap or pcapng; may be given several times; `-` is standard input
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath, required = true)]
    pub attack: Vec<PathBuf>,

    /// Capture of honest clients' connections, such as an hour of peace; may be given several times; `-` is standard
    /// input
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath, required = true)]
    pub honest: Vec<PathBuf>,

    /// Write JSON: one object
    #[arg(long)]
    pub json: bool,
}
