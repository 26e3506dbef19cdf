// SPDX-License-Identifier: GPL-2.0-only
//! The shipped binary in network namespaces: what it refuses, says and attaches, and what then reaches
//! the server's stack. Needs root.

mod advice;
mod cli;
mod clients;
mod dry_run;
mod dump;
mod events;
mod explain;
mod instances;
mod lifecycle;
mod lists;
mod metrics;
mod networks;
mod observe;
mod output;
mod protect;
mod report;
mod rules;
mod services;
mod sysctls;
mod top;
