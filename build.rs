// SPDX-License-Identifier: GPL-2.0-only
//! Compiles the BPF program and writes its skeleton.

use std::env;
use std::path::PathBuf;
use std::process::Command;

use anyhow::{Context, Result};
use libbpf_cargo::SkeletonBuilder;

const SOURCE: &str = "bpf/synflood.bpf.c";

fn main() -> Result<()> {
    let out = PathBuf::from(env::var("OUT_DIR")?).join("synflood.skel.rs");
    SkeletonBuilder::new()
        .source(SOURCE)
        .clang(clang())
        // v3 has 32-bit jumps and arithmetic. Every kernel since 5.1 supports it.
        .clang_args(["-Ivmlinux", "-mcpu=v3", "-Wall", "-Wextra", "-Werror"])
        .build_and_generate(&out)
        .with_context(|| {
            format!("cannot build {SOURCE}: it needs clang 19 or later (`make deps`, or CLANG=…)")
        })?;
    for input in ["bpf", "vmlinux/vmlinux.h"] {
        println!("cargo:rerun-if-changed={input}");
    }
    println!("cargo:rerun-if-env-changed=CLANG");
    Ok(())
}

/// `$CLANG`, or else Debian's versioned name if it exists: Debian's plain `clang` may be much older.
fn clang() -> String {
    env::var("CLANG").unwrap_or_else(|_| {
        let versioned = "clang-19";
        match Command::new(versioned).arg("--version").output() {
            Ok(_) => versioned.into(),
            Err(_) => "clang".into(),
        }
    })
}
