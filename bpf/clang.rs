// SPDX-License-Identifier: GPL-2.0-only
//! Which clang compiles BPF programs, for the build scripts.

use std::env;
use std::process::Command;

/// `$CLANG`, or else Debian's versioned name if it exists: Debian's plain `clang` may be much older.
pub fn clang() -> String {
    env::var("CLANG").unwrap_or_else(|_| {
        let versioned = "clang-19";
        match Command::new(versioned).arg("--version").output() {
            Ok(_) => versioned.into(),
            Err(_) => "clang".into(),
        }
    })
}
