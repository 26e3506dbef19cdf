// SPDX-License-Identifier: GPL-2.0-only
//! The output of the show, on standard output.

use std::env;
use std::io::{self, IsTerminal, Write};

use anyhow::Result;

/// Prints a paragraph.
pub fn say(text: &str) -> Result<()> {
    writeln!(io::stdout(), "{text}")?;
    Ok(())
}

/// Standard output, and how many expectations have failed.
#[derive(Debug)]
pub struct Stage {
    is_bold: bool,
    failures: usize,
}

impl Stage {
    pub fn new() -> Self {
        let is_set = |name| env::var_os(name).is_some_and(|value| !value.is_empty());
        let is_dumb = env::var_os("TERM").is_none_or(|term| term == "dumb");
        Self { is_bold: io::stdout().is_terminal() && !is_set("NO_COLOR") && !is_dumb, failures: 0 }
    }

    pub fn heading(&self, text: &str) -> Result<()> {
        say("")?;
        self.say_bold(text)
    }

    /// Prints a program's output, indented.
    pub fn quote(&self, text: &str) -> Result<()> {
        text.lines().try_for_each(|line| say(&format!("    {line}")))
    }

    /// Reports a failure at once and counts it. The show goes on, as later figures may show the cause.
    pub fn expect(&mut self, is_met: bool, failure: &str) -> Result<()> {
        if !is_met {
            self.failures += 1;
            self.say_bold(&format!("FAILED: {failure}"))?;
        }
        Ok(())
    }

    /// The number of failed expectations.
    pub fn failures(&self) -> usize {
        self.failures
    }

    fn say_bold(&self, text: &str) -> Result<()> {
        if self.is_bold { say(&format!("\x1b[1m{text}\x1b[0m")) } else { say(text) }
    }
}
