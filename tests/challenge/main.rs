// SPDX-License-Identifier: GPL-2.0-only
//! SYNs over a budget, frame by frame: which are answered, with what, and why others are not. The
//! shipped program run by the kernel, in a namespace with a listener. Needs root.

mod reasons;
mod server;
mod synack;
