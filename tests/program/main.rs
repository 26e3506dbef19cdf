// SPDX-License-Identifier: GPL-2.0-only
//! The shipped program, frame by frame: run by the kernel's test run, on no interface. Needs root.

mod budgets;
mod burst;
mod challenge;
mod concurrency;
mod known;
mod verdicts;
mod verifier;
