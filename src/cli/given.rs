// SPDX-License-Identifier: GPL-2.0-only
//! Reads the words of the command line and of the configuration file.

use std::env;
use std::ffi::OsString;
use std::path::{Path, PathBuf};

use anyhow::ensure;
use clap::parser::ValueSource;
use clap::{Arg, ArgMatches, Command, CommandFactory, Parser};

use super::{Cli, PROTECT, Refusal, hints};
use crate::config::{self, Config};
use crate::policy::Networks;

/// What a command line was made of.
#[derive(Debug, Clone, Default)]
pub(super) struct Given {
    words: Vec<OsString>,
    config: Config,
}

impl Cli {
    /// Reads the command line of this process, and the file that it names.
    pub fn from_words() -> Result<Self, Refusal> {
        Self::read(env::args_os().collect())
    }

    /// Reads the options of a run.
    pub fn of_run(words: &[OsString]) -> anyhow::Result<Self> {
        let name = OsString::from(Self::command().get_name());
        let words = [&[name], words].concat();
        let cli = Self::read(words)?;
        ensure!(
            cli.verb.is_none() && !cli.dump,
            "these are no options of a run: give --iface or --config"
        );
        Ok(cli)
    }

    /// The first word is the command's name.
    pub fn read(words: Vec<OsString>) -> Result<Self, Refusal> {
        let command = Self::command();
        // Whether it is enough is for these words and the file together to say.
        let matches = Self::command().ignore_errors(true).try_get_matches_from(&words);
        let matches = matches.map_err(Refusal::Words)?;
        if matches.subcommand().is_some() && has_options(&matches) {
            let order = "the options of a command stand behind it, as in `deny 192.0.2.7 --iface eth0`";
            return Err(Refusal::of_words(order));
        }
        if is_given(&command, &matches, "dump")
            && let Some(option) = first_option_of_a_run(&command, &matches)
        {
            return Err(Refusal::of_words(match option {
                "networks" => "with --dump, --networks has no value: it shows the networks that are limited; --networks on \
                               and off are for a run that protects"
                    .into(),
                _ => format!("--{option} does not go with --dump: it is for a run that protects"),
            }));
        }
        let alone = matches.get_many::<String>("words").into_iter().flatten();
        if let Some(refusal) = hints::of_words(&alone.map(String::as_str).collect::<Vec<_>>()) {
            return Err(refusal);
        }
        let config = match matches.get_one::<PathBuf>("config") {
            Some(path) => {
                let config = config::read(path, &command, |option| may_be_in_file(&command, option));
                let mut config = config.map_err(|error| Refusal::File(format!("{error:#}")))?;
                config.items.retain(|item| !is_given(&command, &matches, &item.key));
                config
            }
            None => Config::default(),
        };
        let given = Given { words, config };
        Self::parse(&given).map_err(|refusal| {
            match given.place(&refusal.to_string(), |less| Self::parse(less).is_ok()) {
                Some(place) => Refusal::File(format!("{place}: {refusal}")),
                None => refusal,
            }
        })
    }

    /// The error with the line of the file that makes `check` fail.
    pub fn located(&self, error: anyhow::Error, check: impl Fn(&Self) -> bool) -> anyhow::Error {
        let is_well = |less: &Given| Self::parse(less).is_ok_and(|cli| check(&cli));
        match self.given.place(&format!("{error:#}"), is_well) {
            Some(place) => error.context(place),
            None => Refusal::of_words(format!("{error:#}")).into(),
        }
    }

    /// The file that gives this option, and the line of it. None: the command line does, or nobody.
    pub fn configured(&self, option: &str) -> Option<(&Path, u32)> {
        let Config { file, items } = &self.given.config;
        items.iter().find(|item| item.key == option).map(|item| (file.as_path(), item.line))
    }

    /// The words of the file stand before the others, as if they had been typed.
    fn parse(given: &Given) -> Result<Self, Refusal> {
        let (name, own) = given.words.split_at(given.words.len().min(1));
        let mut cli = Self::try_parse_from(name.iter().chain(given.config.words()).chain(own))
            .map_err(|error| {
                hints::plainer(&error, own, given.config_name().as_deref())
                    .unwrap_or(Refusal::Words(error))
            })?;
        cli.given = given.clone();
        Ok(cli)
    }
}

impl Given {
    fn config_name(&self) -> Option<String> {
        let file = &self.config.file;
        (!file.as_os_str().is_empty()).then(|| file.display().to_string())
    }

    /// Where in the file to look for what is wrong, as FILE:LINE.
    fn place(&self, complaint: &str, is_well: impl Fn(&Self) -> bool) -> Option<String> {
        let with = |config: &Config| Self { words: self.words.clone(), config: config.clone() };
        let culprit = self.config.culprit(complaint, |less| is_well(&with(less)))?;
        Some(format!("{}:{}", self.config.file.display(), culprit.line))
    }
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
    let is_for_a_run = |long: &&str| {
        // It asks for the networks, if it has no value.
        let asks = *long == "networks" && matches.get_one::<Networks>("networks").is_none();
        is_given(command, matches, long) && !asks
    };
    options.filter_map(Arg::get_long).find(is_for_a_run)
}

#[cfg(test)]
mod tests;
