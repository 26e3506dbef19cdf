// SPDX-License-Identifier: GPL-2.0-only
//! Texts that are no TOML: what the author may have meant, where the grammar's own words do not tell.

use toml::de::Error;

use super::{Reader, SERVICE};
use crate::policy::faults::excerpt;

/// What word processors put in place of `"` and `'`.
const TYPOGRAPHIC_QUOTES: &[char] = &['“', '”', '„', '‘', '’', '‚', '«', '»'];

impl Reader<'_> {
    pub(super) fn no_toml(&mut self, error: &Error) {
        let at = error.span().map_or(0, |span| span.start);
        let meant = self.text.split_at_checked(at).and_then(|(before, behind)| {
            let before_in_line = before.rsplit('\n').next()?;
            let behind = behind.lines().next()?;
            if error.message() == "duplicate key" && before_in_line.trim().is_empty() {
                return self.second(before, behind);
            }
            self.wrong_value(before_in_line, behind)
        });
        let message = || error.message().lines().collect::<Vec<_>>().join(", ");
        self.fault(at, meant.unwrap_or_else(message));
    }

    /// A key that is there before. Behind a `[[service]]` nobody can go back to the options of the run.
    fn second(&self, before: &str, line: &str) -> Option<String> {
        let key = line.split_once('=')?.0.trim().trim_matches(['"', '\'']);
        let heading = format!("[[{SERVICE}]]");
        let is_of_service = before.lines().any(|line| line.trim_start().starts_with(&heading));
        let shown = excerpt(key);
        Some(match is_of_service {
            true if self.option(key).is_some() => format!(
                "a second {shown} in this {heading}: what is for the run belongs above the first {heading}"
            ),
            true => format!("a second {shown} in this {heading}: keep one"),
            false => format!("a second {shown}: keep one"),
        })
    }

    /// `before` and `value` are the line up to the fault, and from there on.
    fn wrong_value(&self, before: &str, value: &str) -> Option<String> {
        if value.starts_with(TYPOGRAPHIC_QUOTES) {
            return Some(format!("{}: use plain quotes, \" or '", excerpt(value.trim_end())));
        }
        let key = before.trim_end().strip_suffix('=')?.trim();
        self.option(key).filter(|option| !option.get_action().takes_values())?;
        let word: String = value.chars().take_while(|c| c.is_alphanumeric()).collect();
        Some(format!("{key} = {}: give true or false", excerpt(&word)))
    }
}
