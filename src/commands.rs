// SPDX-License-Identifier: GPL-2.0-only
//! One file for each thing that the command does.

pub mod dump;
pub mod keep;
pub mod run;
mod wake;
