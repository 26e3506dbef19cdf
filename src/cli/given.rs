// SPDX-License-Identifier: GPL-2.0-only
//! Reads the words of the command line and of the configuration file.

use std::env;
use std::ffi::OsString;
use std::fmt::Display;
use std::path::{Path, PathBuf};

use anyhow::{Result, anyhow, ensure};
use clap::error::{ContextKind, ErrorKind};
use clap::parser::ValueSource;
use clap::{Arg, ArgMatches, Command, CommandFactory, Parser};

use super::{Cli, PROTECT};
use crate::config::{self, Config};

/// What a command line was made of.
#[derive(Debug, Clone, Default)]
pub(super) struct Given {
    words: Vec<OsString>,
    config: Config,
}

impl Cli {
    /// Reads the command line, and the file that it names. Ends the process with the help, or with what is
    /// wrong (status 2).
    pub fn from_words() -> Self {
        Self::read(env::args_os().collect()).unwrap_or_else(|error| error.exit())
    }

    /// The same where nobody sees several lines together, as in the journal.
    pub fn try_from_words() -> Result<Self> {
        match Self::read(env::args_os().collect()) {
            Err(error) if error.use_stderr() => Err(anyhow!(sentence(&error))),
            Err(error) => error.exit(),
            Ok(cli) => Ok(cli),
        }
    }

    /// The same once more, as the file may have changed.
    pub fn again() -> Result<Self> {
        Self::read(env::args_os().collect()).map_err(|error| anyhow!(sentence(&error)))
    }

    /// Reads the options of a run.
    pub fn of_run(words: &[OsString]) -> Result<Self> {
        let name = OsString::from(Self::command().get_name());
        let words = [&[name], words].concat();
        let cli = Self::read(words).map_err(|error| anyhow!(sentence(&error)))?;
        ensure!(
            cli.verb.is_none() && !cli.dump,
            "these are no options of a run: give --iface or --config"
        );
        Ok(cli)
    }

    /// The first word is the command's name.
    pub fn read(words: Vec<OsString>) -> Result<Self, clap::Error> {
        let command = Self::command();
        // Whether it is enough is for these words and the file together to say.
        let matches = Self::command().ignore_errors(true).try_get_matches_from(&words)?;
        if matches.subcommand().is_some() && has_options(&matches) {
            let order = "the options of a command stand behind it, as in `deny 192.0.2.7 --iface eth0`";
            return Err(refusal(order));
        }
        if is_given(&command, &matches, "dump")
            && let Some(option) = first_option_of_a_run(&command, &matches)
        {
            let why = "does not go with --dump: it is for a run that protects";
            return Err(refusal(format!("--{option} {why}")));
        }
        let config = match matches.get_one::<PathBuf>("config") {
            Some(path) => {
                let config = config::read(path, &command, |option| may_be_in_file(&command, option));
                let mut config = config.map_err(|error| refusal(format!("{error:#}")))?;
                config.items.retain(|item| !is_given(&command, &matches, &item.key));
                config
            }
            None => Config::default(),
        };
        let given = Given { words, config };
        Self::parse(&given).map_err(|error| {
            let sentence = sentence(&error);
            match given.place(&sentence, |less| Self::parse(less).is_ok()) {
                Some(place) => refusal(format!("{place}: {sentence}")),
                None => error,
            }
        })
    }

    /// The error with the line of the file that makes `check` fail.
    pub fn located(&self, error: anyhow::Error, check: impl Fn(&Self) -> bool) -> anyhow::Error {
        let is_well = |less: &Given| Self::parse(less).is_ok_and(|cli| check(&cli));
        match self.given.place(&format!("{error:#}"), is_well) {
            Some(place) => error.context(place),
            None => error,
        }
    }

    /// The file that gives this option, and the line of it. None: the command line does, or nobody.
    pub fn configured(&self, option: &str) -> Option<(&Path, u32)> {
        let Config { file, items } = &self.given.config;
        items.iter().find(|item| item.key == option).map(|item| (file.as_path(), item.line))
    }

    /// The words of the file stand before the others, as if they had been typed.
    fn parse(given: &Given) -> Result<Self, clap::Error> {
        let (name, own) = given.words.split_at(given.words.len().min(1));
        let mut cli = Self::try_parse_from(name.iter().chain(given.config.words()).chain(own))
            .map_err(|error| plainer(error, given))?;
        if let Some(word) = &cli.word {
            return Err(refusal(hint(word)));
        }
        cli.given = given.clone();
        Ok(cli)
    }
}

impl Given {
    /// Where in the file to look for what is wrong, as FILE:LINE.
    fn place(&self, complaint: &str, is_well: impl Fn(&Self) -> bool) -> Option<String> {
        let with = |config: &Config| Self { words: self.words.clone(), config: config.clone() };
        let culprit = self.config.culprit(complaint, |less| is_well(&with(less)))?;
        Some(format!("{}:{}", self.config.file.display(), culprit.line))
    }
}

/// Says what is wrong with the words, and ends with status 2.
pub fn usage_error(text: impl Display) -> ! {
    refusal(text).exit()
}

/// A run without an interface is what somebody meets who has just installed it.
fn plainer(error: clap::Error, given: &Given) -> clap::Error {
    let missing = error.get(ContextKind::InvalidArg).map(ToString::to_string).unwrap_or_default();
    let is_place = error.kind() == ErrorKind::MissingRequiredArgument && missing.contains("--iface");
    let is_bare = given.words.len() <= 1;
    match given.config.file.as_os_str().is_empty() {
        false if is_place => refusal(format!(
            "no interface is named, so that nothing is protected: set iface = \"eth0\" in {}, or give --iface",
            given.config.file.display()
        )),
        true if is_place && !is_bare => {
            refusal("no interface is named: give --iface eth0; `ip link` lists those there are")
        }
        _ => error,
    }
}

fn refusal(text: impl Display) -> clap::Error {
    Cli::command().error(ErrorKind::ValueValidation, text)
}

/// What clap says in a sentence on several lines, with hints behind it.
fn sentence(error: &clap::Error) -> String {
    let text = error.to_string();
    let is_hint = |line: &&str| line.starts_with("Usage:") || line.starts_with("For more information");
    let lines = text.trim_start_matches("error: ").lines().take_while(|line| !is_hint(line));
    lines.map(str::trim).filter(|line| !line.is_empty()).collect::<Vec<_>>().join(" ")
}

/// A file gives what a run may be told, but names no further file.
fn may_be_in_file(command: &Command, option: &Arg) -> bool {
    let id = option.get_id().as_str();
    !option.is_hide_set()
        && id != "config"
        && (is_of_a_run(command, id) || ["iface", "json"].contains(&id))
}

/// One of [`super::Protect`]'s options.
fn is_of_a_run(command: &Command, id: &str) -> bool {
    let group = command.get_groups().find(|group| group.get_id() == PROTECT);
    group.is_some_and(|group| group.get_args().any(|option| option == id))
}

/// Whether the words themselves have this option.
fn is_given(command: &Command, matches: &ArgMatches, long: &str) -> bool {
    let option = command.get_arguments().find(|option| option.get_long() == Some(long));
    let source = option.and_then(|option| matches.value_source(option.get_id().as_str()));
    source == Some(ValueSource::CommandLine)
}

fn has_options(matches: &ArgMatches) -> bool {
    matches.ids().any(|id| matches.value_source(id.as_str()) == Some(ValueSource::CommandLine))
}

fn first_option_of_a_run<'c>(command: &'c Command, matches: &ArgMatches) -> Option<&'c str> {
    let options =
        command.get_arguments().filter(|option| is_of_a_run(command, option.get_id().as_str()));
    options.filter_map(Arg::get_long).find(|long| is_given(command, matches, long))
}

/// What somebody who gave this word without an option may have meant.
fn hint(word: &str) -> String {
    let meant = match word {
        "dump" | "show" => "who is blocked now is shown by --dump".into(),
        "list" => {
            "`synflood-xdp lists` shows who is allowed or denied, --dump who is blocked now".into()
        }
        "help" | "version" => format!("give --{word}"),
        "stop" | "reload" | "restart" => {
            "Ctrl-C or SIGTERM ends a run, SIGHUP has it read its configuration again".to_owned()
        }
        _ if word.parse::<u16>().is_ok() => "ports are given together, like --port 80,443".into(),
        _ => format!("to protect an interface of this name, give --iface {word}"),
    };
    format!("the word '{word}' belongs to no option: {meant}")
}

#[cfg(test)]
mod tests;
