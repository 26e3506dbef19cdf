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

/// How a line looks, where there are colours.
#[derive(Debug, Clone, Copy)]
pub enum Look {
    Plain,
    Bold,
    Harm,
    Help,
}

/// Standard output, and how many expectations have failed.
#[derive(Debug)]
pub struct Stage {
    /// Whether a line can be written again.
    is_live: bool,
    has_colours: bool,
    failures: usize,
}

impl Stage {
    pub fn new() -> Self {
        let is_set = |name| env::var_os(name).is_some_and(|value| !value.is_empty());
        let is_dumb = env::var_os("TERM").is_none_or(|term| term == "dumb");
        let is_live = io::stdout().is_terminal() && !is_dumb;
        Self { is_live, has_colours: is_live && !is_set("NO_COLOR"), failures: 0 }
    }

    pub fn heading(&self, text: &str) -> Result<()> {
        say("")?;
        self.line(text, Look::Bold)
    }

    /// Prints a program's output, indented.
    pub fn quote(&self, text: &str) -> Result<()> {
        text.lines().try_for_each(|line| say(&format!("    {line}")))
    }

    /// Prints a line in the place of the one that was shown for now.
    pub fn line(&self, text: &str, look: Look) -> Result<()> {
        let text = self.dress(text, look);
        say(&if self.is_live { format!("\r{text}\x1b[K") } else { text })
    }

    /// Shows a line until the next one, on a terminal only.
    pub fn show_for_now(&self, text: &str, look: Look) -> Result<()> {
        if self.is_live {
            let mut stdout = io::stdout();
            write!(stdout, "\r{}\x1b[K", self.dress(text, look))?;
            stdout.flush()?;
        }
        Ok(())
    }

    /// Reports a failure at once and counts it. The show goes on, as later figures may show the cause.
    pub fn expect(&mut self, is_met: bool, failure: &str) -> Result<()> {
        if !is_met {
            self.failures += 1;
            self.line(&format!("FAILED: {failure}"), Look::Bold)?;
        }
        Ok(())
    }

    /// The number of failed expectations.
    pub fn failures(&self) -> usize {
        self.failures
    }

    fn dress(&self, text: &str, look: Look) -> String {
        let code = match look {
            Look::Plain => return text.into(),
            Look::Bold => 1,
            Look::Harm => 31,
            Look::Help => 32,
        };
        if self.has_colours { format!("\x1b[{code}m{text}\x1b[0m") } else { text.into() }
    }
}
