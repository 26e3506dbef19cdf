// SPDX-License-Identifier: GPL-2.0-only
//! Output for people and programs: a model of plain values, its renderers, and the streams.

pub mod advice;
pub mod capture;
pub mod explain;
pub mod learned;
pub mod lists;
pub mod live;
pub mod metrics;
pub mod model;
pub mod networks;
pub mod notes;
pub mod out;
pub mod report;
pub mod rules;
pub mod segment;
pub mod status;
pub mod summary;
pub mod text;
pub mod top;
pub mod units;

use std::io::{self, Write};

use serde::Serialize;

/// One JSON object on a line of its own.
pub fn write_json(out: &mut impl Write, value: &impl Serialize) -> io::Result<()> {
    serde_json::to_writer(&mut *out, value)?;
    writeln!(out)
}
