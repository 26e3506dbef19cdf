// SPDX-License-Identifier: GPL-2.0-only
//! What whoever sends SYNs can reach, and what he cannot keep others from: each test is an attack that
//! somebody tried. Needs root.

mod customers;
mod defaults;
mod fast_open;
mod forged;
mod ground;
mod hoarded;
mod networks;
mod rules;
