// SPDX-License-Identifier: GPL-2.0-only
//! The words of `report`.

use std::path::PathBuf;

use clap::{Args, ValueHint};

#[derive(Debug, Args)]
pub struct Report {
    /// What a run with --json wrote to standard output; `-` is standard input
    #[arg(value_name = "LOG", value_hint = ValueHint::FilePath)]
    pub log: PathBuf,

    /// Write the page to this file, in place of an older page; `-` is standard output [default: standard output, if it is
    /// no terminal]
    #[arg(long, short, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub output: Option<PathBuf>,
}
