// SPDX-License-Identifier: GPL-2.0-only
//! SYNs over a budget: which are answered, with what, and why others are not. They run in a namespace
//! with a listener.

mod reasons;
mod server;
mod synack;
