// SPDX-License-Identifier: GPL-2.0-only
//! The shipped binary in network namespaces: what it refuses and says, what it attaches, and what then
//! reaches the server's own stack. Needs root.

mod advice;
mod cli;
mod dump;
mod instances;
mod lifecycle;
mod output;
mod protect;
mod sysctls;
