// SPDX-License-Identifier: GPL-2.0-only
//! Compiles the generator and the BPF contenders.

#[path = "../bpf/clang.rs"]
mod clang;

use std::env;
use std::path::PathBuf;

use anyhow::{Context, Result};
use libbpf_cargo::SkeletonBuilder;

fn main() -> Result<()> {
    let out = PathBuf::from(env::var("OUT_DIR")?);
    let clang = clang::clang();
    for program in ["generator", "drop", "pass", "sink", "tutorial", "wander"] {
        SkeletonBuilder::new()
            .source(format!("bpf/{program}.bpf.c"))
            .clang(&clang)
            .clang_args(["-I../vmlinux", "-I../bpf", "-mcpu=v3", "-Wall", "-Wextra", "-Werror"])
            .build_and_generate(out.join(format!("{program}.skel.rs")))
            .with_context(|| format!("cannot build {program}.bpf.c with {clang}"))?;
    }
    for input in ["bpf", "../bpf/types.h", "../bpf/csum.h", "../bpf/clang.rs", "../vmlinux/vmlinux.h"] {
        println!("cargo:rerun-if-changed={input}");
    }
    println!("cargo:rerun-if-env-changed=CLANG");
    Ok(())
}
