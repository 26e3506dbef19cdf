// SPDX-License-Identifier: GPL-2.0-only
//! A SYN-flood generator, and measurements of defences against it.

use std::process::ExitCode;

use anyhow::Result;

pub mod generator;
pub mod skels;

/// The median of at least one value. For an even number of values, the upper one.
pub fn median(values: impl IntoIterator<Item = f64>) -> f64 {
    let mut values: Vec<f64> = values.into_iter().collect();
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
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
