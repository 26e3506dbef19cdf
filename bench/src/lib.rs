// SPDX-License-Identifier: GPL-2.0-only
//! A SYN-flood generator, and measurements of defences against it.

use std::fs;
use std::path::Path;
use std::process::ExitCode;

use anyhow::{Context, Result};

pub mod generator;
pub mod skels;

/// The median of at least one value. For an even number of values, the upper one.
pub fn median(values: impl IntoIterator<Item = f64>) -> f64 {
    let mut values: Vec<f64> = values.into_iter().collect();
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}

/// Replaces what stands between two marks in a document by this text and an empty line.
pub fn replace_between(document: &Path, begin: &str, end: &str, text: &str) -> Result<()> {
    let name = document.display();
    let present = fs::read_to_string(document)
        .with_context(|| format!("cannot read {name}: run this in the project's root"))?;
    let (before, rest) =
        present.split_once(begin).with_context(|| format!("{name} has no place for results"))?;
    let (_, after) =
        rest.split_once(end).with_context(|| format!("the place for results in {name} has no end"))?;
    fs::write(document, format!("{before}{begin}{text}\n{end}{after}"))
        .with_context(|| format!("cannot write {name}"))
}

/// The exit status for a command of this crate. Prints the error if it failed.
pub fn status(done: Result<()>) -> ExitCode {
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}
