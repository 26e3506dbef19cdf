// SPDX-License-Identifier: GPL-2.0-only
//! Reads a log line by line, however long log and lines are.

use std::io::{self, BufRead, Read};

use anyhow::{Context, Result, bail};

use super::line::{Event, Line};
use super::story::Story;

/// Bytes. What a line becomes in memory is up to some thirty times as long, whoever wrote it. The longest of a run
/// names each listener that is not challenged, and why: of these there is room for some ten thousand.
const MAX_LINE: u64 = 1 << 20;

/// The story that these lines tell. An error if none of them is of a run.
pub fn read(mut input: impl BufRead) -> Result<Story> {
    let mut story = Story::default();
    let mut bytes = Vec::new();
    while next_line(&mut input, &mut bytes).context("cannot read the log")? {
        let line = bytes.trim_ascii();
        if line.is_empty() {
            continue;
        }
        match Line::parse(line) {
            Ok(Line { event: Event::Unknown, .. }) => story.unknown += 1,
            Ok(line) => story.tell(&line),
            Err(_) => story.broken += 1,
        }
    }
    if story.lines == 0 {
        bail!(
            "no line of a run is in the log (other lines: {}): give what `synflood-xdp --iface IF --json` wrote to \
             standard output",
            story.broken + story.unknown
        );
    }
    story.finish();
    Ok(story)
}

/// Reads a line into `bytes`; of one that is too long, the beginning, which is no whole object. False at the end.
fn next_line(input: &mut impl BufRead, bytes: &mut Vec<u8>) -> io::Result<bool> {
    bytes.clear();
    input.by_ref().take(MAX_LINE).read_until(b'\n', bytes)?;
    if bytes.len() as u64 == MAX_LINE && bytes.last() != Some(&b'\n') {
        input.skip_until(b'\n')?;
    }
    Ok(!bytes.is_empty())
}
