// SPDX-License-Identifier: GPL-2.0-only
//! Stops TCP SYN floods with XDP: the parts of the `synflood-xdp` command.
//!
//! main → [`commands`] → [`upkeep`], [`advice`], [`show`], [`kernel`] → [`policy`]. [`cli`] and [`settings`]
//! make a policy of words. docs/ARCHITECTURE.md draws it.

#![deny(unsafe_code)]

pub mod advice;
pub mod cli;
pub mod commands;
pub mod kernel;
pub mod note;
pub mod policy;
pub mod settings;
pub mod show;
pub mod upkeep;
