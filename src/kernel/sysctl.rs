// SPDX-License-Identifier: GPL-2.0-only
//! Kernel settings of this network namespace. They are read and set only here.

use std::fmt;
use std::fs;
use std::io;
use std::str::FromStr;

use anyhow::{Context, Result};

/// The value of a setting. `name` is as in sysctl(8), like `net.ipv4.tcp_syncookies`.
pub fn read(name: &str) -> io::Result<String> {
    Ok(fs::read_to_string(path(name))?.trim().into())
}

/// The last number of a setting.
pub fn number(name: &str) -> Result<u32> {
    let text = read(name).with_context(|| format!("cannot read {name}"))?;
    let last = text.split_whitespace().last().and_then(|number| number.parse().ok());
    last.with_context(|| format!("{name} is no number: {text}"))
}

/// The same; None if this kernel has no such setting, or hides it from this network namespace.
pub fn number_if_there(name: &str) -> Result<Option<u32>> {
    match read(name) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        _ => number(name).map(Some),
    }
}

pub fn set(name: &str, value: &str) -> io::Result<()> {
    fs::write(path(name), value)
}

fn path(name: &str) -> String {
    format!("/proc/sys/{}", name.replace('.', "/"))
}

/// A setting that is changed for a while.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Change {
    pub name: String,
    pub before: String,
    pub ours: String,
}

impl Change {
    pub fn make(&self) -> io::Result<()> {
        set(&self.name, &self.ours)
    }

    /// The value that somebody else has set since; None: the setting still has ours.
    pub fn overruled(&self) -> io::Result<Option<String>> {
        Ok(Some(read(&self.name)?).filter(|now| *now != self.ours))
    }

    /// Restores the setting, if it still has our value. A value that somebody else has set since is
    /// left alone. Returns whether the setting now has the value from before.
    pub fn undo(&self) -> io::Result<bool> {
        let now = read(&self.name)?;
        if now == self.ours {
            set(&self.name, &self.before)?;
        }
        Ok(now == self.ours || now == self.before)
    }
}

/// "net.ipv4.tcp_syncookies=0,2": before and ours.
impl fmt::Display for Change {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}={},{}", self.name, self.before, self.ours)
    }
}

impl FromStr for Change {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let parts =
            text.split_once('=').and_then(|(name, values)| Some((name, values.split_once(',')?)));
        let (name, (before, ours)) =
            parts.ok_or_else(|| format!("'{text}' is no change of a setting"))?;
        Ok(Self { name: name.into(), before: before.into(), ours: ours.into() })
    }
}
