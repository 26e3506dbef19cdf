// SPDX-License-Identifier: GPL-2.0-only
//! Challenged clients end to end: the program answers, and the kernel completes the connection. Needs
//! root.

mod connections;
mod conntrack;
mod flood;
mod host;
mod listeners;
mod matrix;
mod networks;
mod places;
mod segments;
mod setup;
mod starting;
mod stopping;
mod synack;
