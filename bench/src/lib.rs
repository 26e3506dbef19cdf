// SPDX-License-Identifier: GPL-2.0-only
//! A SYN-flood generator, and the measuring of defences against it.

use std::process::ExitCode;

use anyhow::Result;

pub mod generator;
pub mod skels;

/// The median of at least one value; of an even number, the upper one.
pub fn median(values: impl IntoIterator<Item = f64>) -> f64 {
    let mut values: Vec<f64> = values.into_iter().collect();
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}

/// The exit status of a command of this crate. Prints the error.
pub fn status(done: Result<()>) -> ExitCode {
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}
