// SPDX-License-Identifier: GPL-2.0-only
//! Compiles bpf/*.h for the host, without any change.

use std::env;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

const HEADERS: &str = "../bpf";

fn main() {
    let out = PathBuf::from(env::var_os("OUT_DIR").unwrap());
    cc::Build::new()
        .files(
            ["advice", "bucket", "contended", "cookie", "options", "rescale", "siphash"]
                .map(|file| format!("c/{file}.c")),
        )
        .include(HEADERS)
        .extra_warnings(true)
        .compile("headers");
    write_reason_names(&out);
    build_parser(&out);
    for input in [HEADERS, "c"] {
        println!("cargo:rerun-if-changed={input}");
    }
}

/// `[NAME] = "NAME",` for each member of enum reason, so that the C compiler pairs values and names.
fn write_reason_names(out: &Path) {
    let header = fs::read_to_string(format!("{HEADERS}/intf.h")).unwrap();
    let (_, members) = header.split_once("enum reason {\n").expect("enum reason in intf.h");
    let (members, _) = members.split_once("REASON_COUNT,").expect("REASON_COUNT after the reasons");
    let names: String = members
        .lines()
        .filter_map(|line| line.trim().split_once(','))
        .map(|(name, _)| format!("[{name}] = \"{name}\",\n"))
        .collect();
    fs::write(out.join("reason_names.inc"), names).unwrap();
}

/// Builds a separate program without this build's flags: sanitizers do not work with static linking.
fn build_parser(out: &Path) {
    let program = out.join("parse");
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
        // Headers are at 2 mod 4 on the wire, and the kernel reads them there.
        .arg("-fno-sanitize=alignment")
        .args(["-I", HEADERS, "-I"])
        .arg(out)
        .args(["c/parse.c", "-o"])
        .arg(&program)
        .status()
        .expect("a C compiler");
    assert!(
        status.success(),
        "cannot compile c/parse.c with {}: are its sanitizers (libasan, libubsan) installed?",
        compiler.path().display()
    );
    println!("cargo:rustc-env=PARSER={}", program.display());
}
