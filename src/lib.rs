// SPDX-License-Identifier: GPL-2.0-only
//! Stops TCP SYN floods with XDP: the parts of the `synflood-xdp` command.
//!
//! [`run`] protects interfaces, [`dump`] shows who is blocked; both get their settings from [`cli`].

#![deny(unsafe_code)]

pub mod advice;
pub mod attach;
pub mod bpf;
pub mod cli;
pub mod config;
pub mod dump;
pub mod firewall;
pub mod flood;
pub mod host;
pub mod instance;
pub mod known;
pub mod output;
pub mod preflight;
pub mod run;
pub mod signal;
pub mod sources;
pub mod ssh;
pub mod stats;
pub mod sys;
pub mod sysctls;
