// SPDX-License-Identifier: GPL-2.0-only
//! A SYN-flood generator, and what measures defences against it.

pub mod generator;
pub mod skels;
