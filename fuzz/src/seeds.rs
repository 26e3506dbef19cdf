// SPDX-License-Identifier: GPL-2.0-only
//! The kept frames: `corpus/*.hex`, `captures/*.pcap`, and the table of verdicts.

use std::fs;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail, ensure};
use lab::verdicts::table;

use crate::shipped::MIN_LEN;

fn directory(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(name)
}

/// Every frame with its name. The order is always the same, because the mutations of a FUZZ_SEED depend
/// on it.
pub fn all() -> Result<Vec<(String, Vec<u8>)>> {
    let mut all = Vec::new();
    for path in files("corpus", "hex")? {
        let frame = parse_hex(&fs::read_to_string(&path)?);
        all.push((path.display().to_string(), frame.with_context(|| path.display().to_string())?));
    }
    for path in files("captures", "pcap")? {
        let frames = parse_pcap(&fs::read(&path)?).with_context(|| path.display().to_string())?;
        let name = |at| format!("{}, packet {}", path.display(), at + 1);
        all.extend(frames.into_iter().enumerate().map(|(at, frame)| (name(at), frame)));
    }
    all.extend(table().into_iter().map(|(what, frame, _)| (what.to_owned(), frame)));
    all.retain(|(_, frame)| frame.len() >= MIN_LEN);
    Ok(all)
}

/// Writes a frame to the corpus, with a description of the problem.
pub fn keep(frame: &[u8], what: &str) -> Result<PathBuf> {
    let mut hasher = DefaultHasher::new();
    frame.hash(&mut hasher);
    let path = directory("corpus").join(format!("found-{:016x}.hex", hasher.finish()));
    fs::write(&path, format!("# {what}\n{}\n", hex(frame)))
        .with_context(|| format!("cannot write {}", path.display()))?;
    Ok(path)
}

/// 16 bytes per line.
pub fn hex(frame: &[u8]) -> String {
    let line = |bytes: &[u8]| {
        let bytes: Vec<String> = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
        bytes.join(" ")
    };
    frame.chunks(16).map(line).collect::<Vec<_>>().join("\n")
}

fn files(name: &str, extension: &str) -> Result<Vec<PathBuf>> {
    let directory = directory(name);
    let entries = fs::read_dir(&directory).with_context(|| directory.display().to_string())?;
    let mut files: Vec<PathBuf> = entries.map(|entry| Ok(entry?.path())).collect::<Result<_>>()?;
    files.retain(|path| path.extension().is_some_and(|found| found == extension));
    files.sort();
    Ok(files)
}

/// Bytes of two hexadecimal digits. # begins a comment.
fn parse_hex(text: &str) -> Result<Vec<u8>> {
    let words = text.lines().flat_map(|line| line.split('#').next().unwrap_or("").split_whitespace());
    words.map(|word| u8::from_str_radix(word, 16).with_context(|| format!("'{word}'"))).collect()
}

/// The classic format, as tcpdump on x86 writes it: a header of 24 bytes, then 16 before each packet.
fn parse_pcap(bytes: &[u8]) -> Result<Vec<Vec<u8>>> {
    const MAGIC: [u8; 4] = 0xa1b2_c3d4_u32.to_le_bytes();
    ensure!(bytes.starts_with(&MAGIC), "not a pcap file of this byte order");
    let mut frames = Vec::new();
    let mut rest = bytes.get(24..).context("no header")?;
    while let Some((header, behind)) = rest.split_first_chunk::<16>() {
        let [.., a, b, c, d, _, _, _, _] = *header;
        let len = u32::from_le_bytes([a, b, c, d]) as usize;
        let Some((frame, behind)) = behind.split_at_checked(len) else { bail!("a packet is cut") };
        frames.push(frame.to_vec());
        rest = behind;
    }
    Ok(frames)
}
