// SPDX-License-Identifier: GPL-2.0-only
//! The shipped binary in network namespaces: what it refuses, says and attaches, and which SYNs then
//! reach the server's own stack. Needs root.

mod advice;
mod cli;
mod dump;
mod instances;
mod lifecycle;
mod output;
mod protect;
mod sysctls;
