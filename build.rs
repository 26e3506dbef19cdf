// SPDX-License-Identifier: GPL-2.0-only
//! Compiles the BPF programs and writes their skeletons; and finds the commit that is built.

#[path = "bpf/clang.rs"]
mod clang;

use std::env;
use std::path::{Path, PathBuf};
use std::process::Command;

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
    // Of a release alone: tests are not to be built anew for each commit.
    let is_release = env::var("PROFILE").is_ok_and(|profile| profile == "release");
    let commit = is_release.then(commit).flatten();
    let commit = commit.map_or(String::new(), |commit| format!(" ({commit})"));
    println!("cargo:rustc-env=SYNFLOOD_XDP_COMMIT={commit}");
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

/// The commit of this checkout. None: there is no git, or these sources lie in another project's checkout.
fn commit() -> Option<String> {
    let is_own =
        Path::new(&git(&["rev-parse", "--show-toplevel"])?) == Path::new(env!("CARGO_MANIFEST_DIR"));
    if !is_own {
        return None;
    }
    // Written by each checkout and each commit. A file that is not there would have this run at every build.
    for file in ["HEAD", "logs/HEAD"] {
        let path = git(&["rev-parse", "--git-path", file])?;
        if Path::new(&path).exists() {
            println!("cargo:rerun-if-changed={path}");
        }
    }
    // Of a set length, as the shortest one differs between clones.
    git(&["rev-parse", "--short=12", "HEAD"])
}

fn git(args: &[&str]) -> Option<String> {
    let output =
        Command::new("git").args(args).output().ok().filter(|output| output.status.success())?;
    Some(String::from_utf8(output.stdout).ok()?.trim_end().to_owned())
}
