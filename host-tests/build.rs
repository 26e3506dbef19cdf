// SPDX-License-Identifier: GPL-2.0-only
//! Compiles bpf/*.h for the host, exactly as they are.

use std::env;
use std::path::PathBuf;
use std::process::Command;

const HEADERS: &str = "../bpf";

fn main() {
    cc::Build::new().file("c/bucket.c").include(HEADERS).extra_warnings(true).compile("bucket");
    build_parser();
    for input in [HEADERS, "c"] {
        println!("cargo:rerun-if-changed={input}");
    }
}

/// A program of its own, without the flags of this build: sanitizers do not go with static linking.
fn build_parser() {
    let program = PathBuf::from(env::var_os("OUT_DIR").unwrap()).join("parse");
    let compiler = cc::Build::new().get_compiler();
    let status = Command::new(compiler.path())
        .args([
            "-g",
            "-O1",
            "-Wall",
            "-Wextra",
            "-fsanitize=address,undefined",
            "-fno-sanitize-recover=all",
        ])
        // Headers lie on the wire at 2 mod 4, and the kernel reads them there.
        .arg("-fno-sanitize=alignment")
        .args(["-I", HEADERS, "c/parse.c", "-o"])
        .arg(&program)
        .status()
        .expect("a C compiler");
    assert!(status.success(), "cannot compile c/parse.c with {}", compiler.path().display());
    println!("cargo:rustc-env=PARSER={}", program.display());
}
