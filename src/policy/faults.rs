// SPDX-License-Identifier: GPL-2.0-only
//! What is wrong in a file that a person wrote.

use std::fmt;
use std::path::{Path, PathBuf};

/// A screen holds no more.
const MAX_SHOWN: usize = 10;

/// Bytes. A longer one quotes a whole value.
const MAX_SENTENCE: usize = 1000;

/// One sentence for each wrong line of a file: the first ten, and how many more there are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Faults {
    file: PathBuf,
    shown: Vec<(u32, String)>,
    count: usize,
}

impl Faults {
    pub fn new(file: &Path) -> Self {
        Self { file: file.into(), shown: Vec::new(), count: 0 }
    }

    pub fn add(&mut self, line: u32, mut sentence: String) {
        self.count += 1;
        if self.shown.len() < MAX_SHOWN {
            if sentence.len() > MAX_SENTENCE {
                sentence.truncate(sentence.floor_char_boundary(MAX_SENTENCE));
                sentence.push('…');
            }
            self.shown.push((line, sentence));
        }
    }

    pub fn count(&self) -> usize {
        self.count
    }

    /// What was read of the file, if nothing is wrong in it.
    pub fn or<T>(self, read: T) -> Result<T, Self> {
        if self.count == 0 { Ok(read) } else { Err(self) }
    }
}

/// "FILE:12: sentence" for each, and "and 7 more".
impl fmt::Display for Faults {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let file = harmless(&self.file.to_string_lossy());
        let lines = self.shown.iter().map(|(line, sentence)| format!("{file}:{line}: {sentence}"));
        f.write_str(&lines.collect::<Vec<_>>().join("\n"))?;
        match self.count - self.shown.len() {
            0 => Ok(()),
            more => write!(f, "\nand {more} more"),
        }
    }
}

impl std::error::Error for Faults {}

/// Text from elsewhere as part of a sentence: harmless on a terminal.
pub fn harmless(text: &str) -> String {
    let mut shown = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '"' | '\'' | '\\' => shown.push(c),
            _ => shown.extend(c.escape_debug()),
        }
    }
    shown
}

/// The same, and not too long.
pub fn excerpt(text: &str) -> String {
    const MAX_CHARS: usize = 60;
    let mut shown = harmless(&text.chars().take(MAX_CHARS).collect::<String>());
    if text.chars().nth(MAX_CHARS).is_some() {
        shown.push('…');
    }
    shown
}
