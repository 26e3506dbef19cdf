// SPDX-License-Identifier: GPL-2.0-only
//! Compiles the BPF programs and writes their skeletons.

#[path = "bpf/clang.rs"]
mod clang;

use std::env;
use std::path::PathBuf;

use anyhow::{Context, Result};
use libbpf_cargo::SkeletonBuilder;

fn main() -> Result<()> {
    for object in ["synflood", "observe"] {
        build(object)?;
    }
    for input in ["bpf", "vmlinux/vmlinux.h"] {
        println!("cargo:rerun-if-changed={input}");
    }
    println!("cargo:rerun-if-env-changed=CLANG");
    Ok(())
}

fn build(object: &str) -> Result<()> {
    let source = format!("bpf/{object}.bpf.c");
    let out = PathBuf::from(env::var("OUT_DIR")?).join(format!("{object}.skel.rs"));
    SkeletonBuilder::new()
        .source(&source)
        .clang(clang::clang())
        // v3 has 32-bit jumps and arithmetic. Every kernel since 5.1 supports it.
        .clang_args(["-Ivmlinux", "-mcpu=v3", "-Wall", "-Wextra", "-Werror"])
        .build_and_generate(&out)
        .with_context(|| {
            format!("cannot build {source}: it needs clang 19 or later (`make deps`, or CLANG=…)")
        })
}
