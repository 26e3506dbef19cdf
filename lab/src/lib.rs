// SPDX-License-Identifier: GPL-2.0-only
//! What tests, benchmarks, demo and fuzzer share: hosts in network namespaces, frames, and the shipped
//! program and binary. Needs root. Panics if the machine refuses something.
//!
//! Only [`program`] and [`xdp`] use the library crate. Everything else takes what it needs from these
//! two.

#![warn(missing_docs)]

pub mod captures;
pub mod client;
pub mod cookie;
pub mod cpu;
pub mod defence;
pub mod figures;
pub mod forger;
pub mod frames;
pub mod keys;
pub mod machine;
pub mod manager;
pub mod netns;
pub mod nginx;
pub mod pair;
pub mod pass;
mod process;
pub mod program;
pub mod stacks;
pub mod stranger;
pub mod tcp_info;
pub mod verdicts;
mod wait;
pub mod wire;
pub mod xdp;

pub use process::Process;
pub use wait::{wait_at_most, wait_for};

/// The path of the binary under test: `$SYNFLOOD_XDP`, or else the binary that cargo built with the
/// tests. Only for integration tests of the package that builds it.
#[macro_export]
macro_rules! binary {
    () => {
        ::std::path::PathBuf::from(
            ::std::env::var_os("SYNFLOOD_XDP")
                .unwrap_or_else(|| env!("CARGO_BIN_EXE_synflood-xdp").into()),
        )
    };
}

/// A [`pair::Pair`] with the [`binary!`] under test.
#[macro_export]
macro_rules! pair {
    () => {
        $crate::pair::Pair::new($crate::binary!())
    };
}
