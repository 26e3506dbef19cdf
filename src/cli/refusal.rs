// SPDX-License-Identifier: GPL-2.0-only
//! How wrong words are refused.

use std::error::Error;
use std::fmt::{self, Display};

use clap::CommandFactory;
use clap::error::ErrorKind;

use super::Cli;

/// Why a command line is refused.
#[derive(Debug)]
pub enum Refusal {
    /// Of its words: their usage may help.
    Words(clap::Error),
    /// Of a file that it names: a line for each fault.
    File(String),
}

/// Without the usage.
impl Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Words(error) => f.write_str(&sentence(error)),
            Self::File(faults) => f.write_str(faults),
        }
    }
}

impl Error for Refusal {}

impl Refusal {
    pub(super) fn of_words(text: impl Display) -> Self {
        Self::Words(Cli::command().error(ErrorKind::ValueValidation, text))
    }
}

/// Says why words that are well formed are refused, and ends with status 2.
pub fn usage_error(text: impl Display) -> ! {
    clap::Error::raw(ErrorKind::ValueValidation, format!("{text}\n")).exit()
}

/// What clap says in a sentence on several lines, with hints behind it.
fn sentence(error: &clap::Error) -> String {
    let text = error.to_string();
    let is_hint = |line: &&str| line.starts_with("Usage:") || line.starts_with("For more information");
    let lines = text.trim_start_matches("error: ").lines().take_while(|line| !is_hint(line));
    lines.map(str::trim).filter(|line| !line.is_empty()).collect::<Vec<_>>().join(" ")
}
