// SPDX-License-Identifier: GPL-2.0-only
//! What is the tests', by the name that they use.
#![allow(dead_code)] // they use the rest

#[path = "../../tests/common/frames.rs"]
pub mod frames;
#[path = "../../tests/common/program.rs"]
pub mod program;
