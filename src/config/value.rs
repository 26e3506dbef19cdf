// SPDX-License-Identifier: GPL-2.0-only
//! Single values of the configuration file.

use std::error::Error;
use std::ffi::{OsStr, OsString};

use clap::error::{ContextKind, ContextValue};
use clap::{Arg, Command};
use toml::de::DeValue;

/// A number or a string as it would stand on the command line.
pub fn text(value: &DeValue<'_>) -> Option<String> {
    match value {
        DeValue::String(text) => Some(text.to_string()),
        DeValue::Integer(number) => {
            let decimal = i128::from_str_radix(number.as_str(), number.radix());
            Some(decimal.map_or_else(|_| number.to_string(), |decimal| decimal.to_string()))
        }
        DeValue::Float(number) => Some(number.as_str().to_owned()),
        _ => None,
    }
}

/// How many values there are in this one, as an option counts them.
pub fn count(value: &DeValue<'_>) -> usize {
    match value {
        DeValue::String(text) => 1 + text.matches(',').count(),
        DeValue::Array(values) => 1 + values.iter().map(|each| count(each.get_ref())).sum::<usize>(),
        DeValue::Table(table) => 1 + table.values().map(|each| count(each.get_ref())).sum::<usize>(),
        _ => 1,
    }
}

/// Whether the option takes this value, whatever other words there are.
pub fn check(option: &Arg, value: &OsStr) -> Result<(), String> {
    let alone = Arg::new("alone")
        .long("alone")
        .value_parser(option.get_value_parser().clone())
        .action(option.get_action().clone())
        .value_delimiter(option.get_value_delimiter());
    let command = Command::new("").no_binary_name(true).arg(alone);
    let mut word = OsString::from("--alone=");
    word.push(value);
    command.try_get_matches_from([word]).map(drop).map_err(|error| why(&error))
}

/// Without the name of the option, which the file does not write like this.
fn why(error: &clap::Error) -> String {
    if let Some(source) = error.source() {
        return source.to_string();
    }
    match (error.get(ContextKind::SuggestedValue), error.get(ContextKind::ValidValue)) {
        (Some(ContextValue::String(meant)), _) => format!("do you mean {meant}?"),
        (_, Some(ContextValue::Strings(valid))) => format!("give one of {}", valid.join(", ")),
        _ => error.kind().to_string(),
    }
}

/// The name that somebody may have meant.
pub fn nearest<'n>(text: &str, names: impl Iterator<Item = &'n str>) -> Option<&'n str> {
    /// As for unknown options of the command line.
    const LEAST_LIKENESS: f64 = 0.7;
    let like = names.map(|name| (strsim::jaro(text, name), name));
    let most = like.filter(|(likeness, _)| *likeness > LEAST_LIKENESS);
    most.max_by(|(one, _), (other, _)| one.total_cmp(other)).map(|(_, name)| name)
}
