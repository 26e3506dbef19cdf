// SPDX-License-Identifier: GPL-2.0-only
//! The page of an attack: reads the lines of a run's `--json`, and makes one HTML page of them.
//!
//! `log` → `line` → `story` (which keeps `floods`, `timeline`, `shares`, `diary`, `settings`, `totals`) →
//! `headline`, `plot`, `page`. What is kept does not grow with the log.

mod blocked;
mod clock;
mod colours;
mod counts;
mod diary;
mod figures;
mod floods;
mod headline;
mod line;
mod log;
mod meanings;
mod page;
mod plot;
mod rule;
mod settings;
mod shares;
mod story;
mod timeline;
mod totals;

pub use log::read;
pub use meanings::meaning;
pub use page::{BEGINNING, page};
pub use story::Story;

#[cfg(test)]
mod tests;
