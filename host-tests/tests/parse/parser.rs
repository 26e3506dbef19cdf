// SPDX-License-Identifier: GPL-2.0-only
//! The parser as a separate program: frames in, verdicts out.

use std::io::{BufWriter, Write};
use std::net::Ipv6Addr;
use std::process::{ChildStdin, Command, Output, Stdio};
use std::{io, thread};

/// The parser's verdict on one frame.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Verdict {
    /// Its name in enum reason.
    pub reason: String,
    pub family: u8,
    pub source: Ipv6Addr,
    pub port: u16,
    /// Whether a header went beyond the frame.
    pub cut: bool,
}

pub fn run(argument: &str, frames: &[Vec<u8>]) -> Output {
    let mut parser = Command::new(env!("PARSER"))
        .arg(argument)
        // No leak check, because it fails if ptrace is forbidden or in use.
        .env("ASAN_OPTIONS", "detect_leaks=0")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let stdin = parser.stdin.take().unwrap();
    thread::scope(|scope| {
        // Fails if a sanitizer ended the parser. Its output then shows that.
        scope.spawn(|| feed(stdin, frames).ok());
        parser.wait_with_output().unwrap()
    })
}

fn feed(stdin: ChildStdin, frames: &[Vec<u8>]) -> io::Result<()> {
    let mut stdin = BufWriter::new(stdin);
    for frame in frames {
        stdin.write_all(&(frame.len() as u32).to_ne_bytes())?;
        stdin.write_all(frame)?;
    }
    stdin.flush()
}

pub fn parse(frames: &[Vec<u8>]) -> Vec<Verdict> {
    let output = run("parse", frames);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let verdicts: Vec<_> = str::from_utf8(&output.stdout).unwrap().lines().map(verdict).collect();
    assert_eq!(verdicts.len(), frames.len());
    verdicts
}

fn verdict(line: &str) -> Verdict {
    let fields: Vec<&str> = line.split(' ').collect();
    Verdict {
        reason: fields[0].to_owned(),
        family: fields[1].parse().unwrap(),
        source: Ipv6Addr::from_bits(u128::from_str_radix(fields[2], 16).unwrap()),
        port: fields[3].parse().unwrap(),
        cut: fields[4] != "0",
    }
}
