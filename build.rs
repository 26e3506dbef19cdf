// SPDX-License-Identifier: GPL-2.0-only
//! Compiles the BPF program and writes its skeleton.

#[path = "bpf/clang.rs"]
mod clang;

use std::env;
use std::path::PathBuf;

use anyhow::{Context, Result};
use libbpf_cargo::SkeletonBuilder;

const SOURCE: &str = "bpf/synflood.bpf.c";

fn main() -> Result<()> {
    let out = PathBuf::from(env::var("OUT_DIR")?).join("synflood.skel.rs");
    SkeletonBuilder::new()
        .source(SOURCE)
        .clang(clang::clang())
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
