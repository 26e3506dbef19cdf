// SPDX-License-Identifier: GPL-2.0-only
//! One file for each thing that the command does.

pub mod dump;
pub mod keep;
pub mod run;
mod wake;

use std::time::Duration;

use crate::kernel::maps::counters::Counters;
use crate::show::model::{Summary, Syns};

/// Counters as the model has them.
fn syns(counters: &Counters) -> Syns {
    Syns { passed: counters.passed(), challenged: counters.challenged(), dropped: counters.dropped() }
}

/// The same with their reasons, since a start that was `elapsed` ago.
fn summary(counters: Counters, elapsed: Duration, dry_run: bool) -> Summary {
    let Syns { passed, challenged, dropped } = syns(&counters);
    Summary { elapsed, passed, challenged, dropped, reasons: counters.reasons, dry_run }
}
