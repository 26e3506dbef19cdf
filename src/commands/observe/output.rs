// SPDX-License-Identifier: GPL-2.0-only
//! Where segments go.

use std::fs::File;
use std::io::{self, BufWriter, IsTerminal, Write};
use std::path::Path;

use anyhow::{Context, Result, ensure};

use crate::cli::{MAX_SNAPLEN, Observe};
use crate::show::capture::Capture;
use crate::show::segment::{self, Segment};

pub enum Output {
    Lines(BufWriter<io::Stdout>),
    Capture(Capture<BufWriter<Box<dyn Write>>>),
}

impl Output {
    pub fn open(words: &Observe) -> Result<Self> {
        let Some(path) = &words.write else {
            return Ok(Self::Lines(BufWriter::new(io::stdout())));
        };
        let file: Box<dyn Write> = if path == Path::new("-") {
            ensure!(
                !io::stdout().is_terminal(),
                "a capture is not for a terminal: give -w FILE, or pipe it to `tcpdump -r -`"
            );
            Box::new(io::stdout())
        } else {
            let file = File::create(path);
            Box::new(file.with_context(|| format!("cannot write {}", path.display()))?)
        };
        let capture =
            Capture::new(BufWriter::new(file), &words.iface, MAX_SNAPLEN.into()).and_then(|mut it| {
                it.flush()?;
                Ok(it)
            });
        Ok(Self::Capture(capture?))
    }

    pub fn write(&mut self, segment: &Segment) -> io::Result<()> {
        match self {
            Self::Lines(out) => writeln!(out, "{}", segment::line(segment)),
            Self::Capture(capture) => capture.write(segment),
        }
    }

    pub fn flush(&mut self) -> io::Result<()> {
        match self {
            Self::Lines(out) => out.flush(),
            Self::Capture(capture) => capture.flush(),
        }
    }
}
