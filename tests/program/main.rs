// SPDX-License-Identifier: GPL-2.0-only
//! The shipped program on single frames, in the kernel's test run, without an interface. Needs root.

mod advice;
mod burst;
mod challenge;
mod concurrency;
mod events;
mod explained;
mod known;
mod lists;
mod model;
mod networks;
mod observe;
mod rates;
mod redeem;
mod rescale;
mod rules;
mod sequences;
mod services;
mod verdicts;
mod verifier;
