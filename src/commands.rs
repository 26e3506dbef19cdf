// SPDX-License-Identifier: GPL-2.0-only
//! One file for each thing that the command does.

pub mod change;
pub mod check;
pub mod dump;
pub mod explain;
pub mod keep;
pub mod learn;
pub mod lists;
pub mod observe;
mod present;
pub mod report;
pub mod rule;
pub mod run;
mod running;
pub mod status;
pub mod top;
mod wake;

use std::io::{self, BufWriter, StdoutLock, Write};
use std::process::ExitCode;
use std::time::Duration;

use anyhow::Result;
use serde::Serialize;

use crate::cli::{Verb, Words};
use crate::kernel::maps::counters::Counters;
use crate::policy::Listed;
use crate::show::model::Summary;
use crate::show::write_json;

/// The exit status of `status` and `check` for what works, but not as it should.
const LOOK_AT_IT: u8 = 3;

/// What changes or shows a running instance.
pub fn verb(verb: Verb) -> Result<ExitCode> {
    match verb {
        Verb::Allow(change) => change::change(Listed::Allowed, &change)?,
        Verb::Deny(change) => change::change(Listed::Denied, &change)?,
        Verb::Lists(show) => lists::show(&show)?,
        Verb::Explain(words) => explain::explain(&words)?,
        Verb::Observe(words) => observe::observe(&words)?,
        Verb::Top(words) => top::show(&words)?,
        Verb::Report(words) => report::report(&words)?,
        Verb::Learn(words) => learn::learn(&words)?,
        Verb::Rule(verb) => rule::verb(&verb)?,
        Verb::Status(show) => {
            return Ok(match status::show(&show)? {
                status::Verdict::Fine => ExitCode::SUCCESS,
                status::Verdict::Fault => ExitCode::from(LOOK_AT_IT),
            });
        }
        Verb::Check(Words { brief: true, words }) => check::settings(&words)?,
        Verb::Check(Words { words, .. }) => {
            return Ok(match check::check(&words)? {
                check::Verdict::Fine => ExitCode::SUCCESS,
                check::Verdict::Warnings => ExitCode::from(LOOK_AT_IT),
                check::Verdict::WouldNotStart => ExitCode::FAILURE,
            });
        }
    }
    Ok(ExitCode::SUCCESS)
}

/// Prints what a command was asked for: one JSON object, or the text that `write` makes of it.
fn print<T: Serialize>(
    value: &T,
    json: bool,
    write: impl FnOnce(&mut BufWriter<StdoutLock<'_>>, &T) -> io::Result<()>,
) -> io::Result<()> {
    let mut out = BufWriter::new(io::stdout().lock());
    if json { write_json(&mut out, value) } else { write(&mut out, value) }?;
    out.flush()
}

/// Counters with their reasons, since a start that was `elapsed` ago.
fn summary(counters: Counters, elapsed: Duration, dry_run: bool) -> Summary {
    Summary { elapsed, counts: counters.counts(), reasons: counters.reasons, attack: None, dry_run }
}
