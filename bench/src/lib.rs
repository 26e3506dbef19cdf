// SPDX-License-Identifier: GPL-2.0-only
//! A SYN-flood generator, and what measures defences against it.

use std::process::ExitCode;

use anyhow::Result;

pub mod generator;
pub mod skels;

/// The exit status of a command of this crate; says what went wrong.
pub fn status(done: Result<()>) -> ExitCode {
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}
