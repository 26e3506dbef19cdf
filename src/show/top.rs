// SPDX-License-Identifier: GPL-2.0-only
//! The screen of `top`. What is read goes into a [`model`], the keys into a [`ui`], and [`screen`] draws both. None of
//! them knows a clock, a terminal or the kernel.

mod header;
mod measures;
pub mod model;
pub mod rank;
pub mod screen;
pub mod sources;
pub mod syns;
mod table;
mod theme;
pub mod ui;
pub mod verdict;

#[cfg(test)]
mod tests;

pub use theme::Theme;
