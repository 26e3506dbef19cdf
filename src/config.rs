// SPDX-License-Identifier: GPL-2.0-only
//! The configuration file. It is TOML, and each of its keys is the name of an option: what it says is
//! turned into words of the command line, and the command line's own parser judges them. So an option
//! needs nothing here to be possible in a file.

mod service;
mod syntax;
mod value;

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::str;

use anyhow::{Context, Result};
use clap::{Arg, ArgAction, Command, ValueHint};
use toml::Spanned;
use toml::de::{DeString, DeTable, DeValue};

use crate::policy::faults::{Faults, excerpt};
use crate::policy::text_file;

const MAX_BYTES: u64 = 1 << 20;

/// Of a file: whoever has more means networks, which have files of their own.
const MAX_VALUES: usize = 10_000;

/// The key whose values may be tables.
const SERVICE: &str = "service";

/// What a file says, in the order of its lines.
#[derive(Debug, Clone, Default)]
pub struct Config {
    pub file: PathBuf,
    pub items: Vec<Item>,
}

/// A key of the file, or one of its services.
#[derive(Debug, Clone)]
pub struct Item {
    pub key: String,
    pub line: u32,
    pub words: Vec<OsString>,
}

impl Config {
    /// The words of the whole file.
    pub fn words(&self) -> impl Iterator<Item = &OsString> {
        self.items.iter().flat_map(|item| &item.words)
    }

    /// Where to look for what is wrong: the last item without which all would be well, or else the last that
    /// the complaint names.
    pub fn culprit(&self, complaint: &str, is_well: impl Fn(&Self) -> bool) -> Option<&Item> {
        /// More than there are options and services, so that the search ends soon.
        const MAX_TRIED: usize = 64;
        let without = |index: usize| {
            let mut rest = self.clone();
            rest.items.remove(index);
            rest
        };
        let tried = (0..self.items.len()).rev().take(MAX_TRIED);
        let found = tried.map(|index| (index, without(index))).find(|(_, rest)| is_well(rest));
        let is_named = |item: &&Item| {
            let mut words = complaint.split(|c: char| !(c.is_alphanumeric() || c == '-'));
            words.any(|word| word.strip_prefix("--") == Some(&item.key))
        };
        let named = || self.items.iter().rev().find(is_named);
        found.and_then(|(index, _)| self.items.get(index)).or_else(named)
    }
}

/// The options of `command` that a file may give are those that `may_give` says.
pub fn read(path: &Path, command: &Command, may_give: impl Fn(&Arg) -> bool) -> Result<Config> {
    let text = text_file::read(path, MAX_BYTES).context("--config")?;
    Ok(parse(path, &text, command, may_give)?)
}

fn parse(
    path: &Path,
    text: &[u8],
    command: &Command,
    may_give: impl Fn(&Arg) -> bool,
) -> Result<Config, Faults> {
    let text = text_file::without_mark(text);
    let mut faults = Faults::new(path);
    let text = match str::from_utf8(text) {
        Ok(text) => text,
        Err(error) => {
            let lines = text[..error.valid_up_to()].split(|&byte| byte == b'\n').count();
            faults.add(lines as u32, "this is not UTF-8: save the file as UTF-8".into());
            return faults.or(Config::default());
        }
    };
    let (options, others) = command.get_arguments().partition(|option| may_give(option));
    let mut reader = Reader {
        text,
        line_ends: text.match_indices('\n').map(|(at, _)| at).collect(),
        folder: path.parent().unwrap_or(path),
        options,
        others,
        faults,
        items: Vec::new(),
    };
    match DeTable::parse(text) {
        Ok(table) => reader.file(table.get_ref()),
        Err(error) => reader.no_toml(&error),
    }
    reader.faults.or(Config { file: path.into(), items: reader.items })
}

type Key<'a> = Spanned<DeString<'a>>;
type Value<'a> = Spanned<DeValue<'a>>;

/// A file, as far as it is read.
struct Reader<'a> {
    text: &'a str,
    /// In bytes.
    line_ends: Vec<usize>,
    /// Where its relative paths begin.
    folder: &'a Path,
    options: Vec<&'a Arg>,
    /// Options that a file cannot give.
    others: Vec<&'a Arg>,
    faults: Faults,
    items: Vec<Item>,
}

impl<'a> Reader<'a> {
    fn file(&mut self, table: &DeTable<'_>) {
        let mut values = 0;
        for (key, value) in in_order(table) {
            values += value::count(value.get_ref());
            if values > MAX_VALUES {
                let sentence = format!(
                    "up to here are over {MAX_VALUES} values: give networks in files, by allow-file and deny-file"
                );
                return self.fault(key.span().start, sentence);
            }
            let name = key.get_ref();
            match self.option(name) {
                Some(option) if name == SERVICE => self.services(option, key, value),
                Some(option) if option.get_action().takes_values() => self.values(option, key, value),
                Some(_) => self.flag(key, value),
                None => self.fault(key.span().start, self.unknown(name, value.get_ref())),
            }
        }
    }

    fn flag(&mut self, key: &Key<'_>, value: &Value<'_>) {
        match value.get_ref() {
            DeValue::Boolean(is_given) => {
                let words = is_given.then(|| format!("--{}", key.get_ref()).into());
                self.enter(key.get_ref(), key.span().start, words.into_iter().collect());
            }
            _ => self.wrong(key.get_ref(), value, "give true or false"),
        }
    }

    fn values(&mut self, option: &Arg, key: &Key<'_>, value: &Value<'_>) {
        let words = match value.get_ref() {
            DeValue::Array(values) if matches!(option.get_action(), ArgAction::Append) => {
                values.iter().filter_map(|value| self.word(option, key.get_ref(), value)).collect()
            }
            DeValue::Array(_) => return self.wrong(key.get_ref(), value, "give one value, not a list"),
            _ => self.word(option, key.get_ref(), value).into_iter().collect(),
        };
        self.enter(key.get_ref(), key.span().start, words);
    }

    /// `--key=value`, if it is right by itself.
    fn word(&mut self, option: &Arg, key: &str, value: &Value<'_>) -> Option<OsString> {
        let Some(text) = value::text(value.get_ref()) else {
            self.wrong(key, value, "give a number or a text in quotes");
            return None;
        };
        let text = match option.get_value_hint() {
            // An absolute one stays as it is.
            ValueHint::FilePath => self.folder.join(text).into_os_string(),
            _ => text.into(),
        };
        if let Err(why) = value::check(option, &text) {
            self.wrong(key, value, &why);
            return None;
        }
        let mut word = OsString::from(format!("--{key}="));
        word.push(text);
        Some(word)
    }

    fn enter(&mut self, key: &str, at: usize, words: Vec<OsString>) {
        let line = self.line(at);
        self.items.push(Item { key: key.into(), line, words });
    }

    fn unknown(&self, key: &str, value: &DeValue<'_>) -> String {
        if self.others.iter().any(|option| option.get_long() == Some(key) && !option.is_hide_set()) {
            return format!("{key} is for the command line only: leave it out");
        }
        let key = excerpt(key);
        if value.is_table() {
            return format!("[{key}] means nothing: options stand above all tables, without a heading");
        }
        match value::nearest(&key, self.options.iter().filter_map(|option| option.get_long())) {
            Some(meant) => format!("'{key}' is no option: do you mean {meant}?"),
            None => format!("'{key}' is no option: synflood-xdp --help lists them; leave out their --"),
        }
    }

    fn option(&self, name: &str) -> Option<&'a Arg> {
        self.options.iter().copied().find(|option| option.get_long() == Some(name))
    }

    /// Shows the value as it is written.
    fn wrong(&mut self, key: &str, value: &Value<'_>, why: &str) {
        let written = excerpt(&self.text[value.span()]);
        self.fault(value.span().start, format!("{key} = {written}: {why}"));
    }

    fn fault(&mut self, at: usize, sentence: String) {
        self.faults.add(self.line(at), sentence);
    }

    fn line(&self, at: usize) -> u32 {
        1 + self.line_ends.partition_point(|&end| end < at) as u32
    }
}

/// The entries of a table as they stand in the file.
fn in_order<'t, 'a>(table: &'t DeTable<'a>) -> Vec<(&'t Key<'a>, &'t Value<'a>)> {
    let mut entries: Vec<_> = table.iter().collect();
    entries.sort_by_key(|(key, _)| key.span().start);
    entries
}

#[cfg(test)]
mod tests;
