// SPDX-License-Identifier: GPL-2.0-only
//! What somebody may have meant whose words belong to no option and no command.

use std::ffi::OsString;

use clap::error::{ContextKind, ErrorKind};
use clap::{Command, CommandFactory};

use super::{Cli, Refusal};
use crate::policy::network;

/// The first of these words is the one that nobody knows.
pub fn of_words(words: &[&str]) -> Option<Refusal> {
    let (&word, rest) = words.split_first()?;
    let meant = match word {
        "dump" | "show" => "who is blocked now is shown by --dump".into(),
        "list" => {
            "`synflood-xdp lists` shows who is allowed or denied, --dump who is blocked now".into()
        }
        "help" => match rest.first() {
            Some(verb) => format!("give {verb} --help"),
            None => "give --help".into(),
        },
        "version" => "give --version".into(),
        "start" | "run" => "`--iface IF` or `--config FILE` starts a run".into(),
        "stop" | "reload" | "restart" => {
            "Ctrl-C or SIGTERM ends a run, SIGHUP has it read its configuration again; `synflood-xdp status` \
             shows the PID"
                .into()
        }
        "block" | "ban" | "drop" | "blacklist" | "blocklist" => like("deny", rest, ""),
        "unblock" | "unban" | "undrop" | "undeny" => like("deny", rest, " --remove"),
        "accept" | "permit" | "whitelist" | "allowlist" => like("allow", rest, ""),
        "unallow" | "disallow" => like("allow", rest, " --remove"),
        _ if word.parse::<u16>().is_ok() => "ports are given together, like --port 80,443".into(),
        _ if network(word).is_ok() => "`allow` or `deny` stands before a network".into(),
        _ if word.contains('/') || word.ends_with(".toml") => {
            format!("to read it as the configuration, give --config {word}")
        }
        _ => match nearest_verb(word) {
            Some(verb) => format!("do you mean `synflood-xdp {verb}`?"),
            None => format!("to protect an interface of this name, give --iface {word}"),
        },
    };
    Some(Refusal::of_words(format!("the word '{word}' belongs to no option: {meant}")))
}

/// The command that somebody may have mistyped.
fn nearest_verb(word: &str) -> Option<String> {
    /// More differs between words that are not the same.
    const ALIKE: f64 = 0.85;
    let command = Cli::command();
    let names = command.get_subcommands().map(|verb| verb.get_name().to_owned());
    let scored = names.map(|name| (strsim::jaro_winkler(word, &name), name));
    let best = scored.max_by(|(one, _), (other, _)| one.total_cmp(other));
    best.filter(|&(score, _)| score >= ALIKE).map(|(_, name)| name)
}

fn like(verb: &str, networks: &[&str], option: &str) -> String {
    let networks = if networks.is_empty() { "NET".into() } else { networks.join(" ") };
    format!("do you mean `synflood-xdp {verb} {networks}{option}`?")
}

/// What is plainer than clap's own words about these. `file` is that of the configuration, if there is one.
pub fn plainer(error: &clap::Error, words: &[OsString], file: Option<&str>) -> Option<Refusal> {
    let named = error.get(ContextKind::InvalidArg).map(ToString::to_string).unwrap_or_default();
    match error.kind() {
        // What somebody meets who has just installed it.
        ErrorKind::MissingRequiredArgument if named.contains("--iface") => Some(match file {
            Some(file) => Refusal::File(format!(
                "no interface is named, so that nothing is protected: set iface = \"eth0\" in {file}, or give --iface"
            )),
            None => Refusal::of_words(
                "no interface is named: give --iface eth0, or --config FILE; `ip link` lists the interfaces",
            ),
        }),
        ErrorKind::UnknownArgument if !named.starts_with('-') => {
            let asks = asks_for_interface(words)?;
            Some(Refusal::of_words(format!(
                "the word '{named}' belongs to no option: for an interface of this name, give {asks} --iface {named}"
            )))
        }
        ErrorKind::UnknownArgument => {
            let verb = command_of(named.trim_start_matches('-'))?;
            Some(Refusal::of_words(format!("{} is a command: give it without dashes", verb.get_name())))
        }
        _ => None,
    }
}

/// The command of these words, which may follow another one, if it can be asked of one interface.
fn asks_for_interface(words: &[OsString]) -> Option<String> {
    let mut command = Cli::command();
    let mut names = Vec::new();
    while let Some(next) = words.get(names.len()).and_then(|word| command.find_subcommand(word)) {
        names.push(next.get_name().to_owned());
        command = next.clone();
    }
    let is_asked = command.get_arguments().any(|option| option.get_long() == Some("iface"));
    (!names.is_empty() && is_asked).then(|| names.join(" "))
}

fn command_of(name: &str) -> Option<Command> {
    Cli::command().find_subcommand(name).cloned()
}
