// SPDX-License-Identifier: GPL-2.0-only
//! Kernel settings of this network namespace. They are read and set only here.

use std::fmt;
use std::fs;
use std::io;
use std::str::FromStr;

use anyhow::{Context, Result};

/// The value of a setting. `name` is as in sysctl(8), like `net.ipv4.tcp_syncookies`.
pub fn read(name: &str) -> Result<String> {
    let text = fs::read_to_string(path(name)).with_context(|| format!("cannot read {name}"))?;
    Ok(text.trim().into())
}

/// The last number of a setting.
pub fn number(name: &str) -> Result<u32> {
    last_number(name, &read(name)?)
}

/// The same; None if this kernel has no such setting, or hides it from this network namespace.
pub fn number_if_there(name: &str) -> Result<Option<u32>> {
    let is_missing = |error: &io::Error| error.kind() == io::ErrorKind::NotFound;
    match read(name) {
        Err(error) if error.downcast_ref().is_some_and(is_missing) => Ok(None),
        text => last_number(name, &text?).map(Some),
    }
}

fn last_number(name: &str, text: &str) -> Result<u32> {
    let last = text.split_whitespace().last().and_then(|number| number.parse().ok());
    last.with_context(|| format!("{name} is no number: {text}"))
}

pub fn set(name: &str, value: &str) -> io::Result<()> {
    fs::write(path(name), value)
}

/// As sysctl(8): where the first separator is a slash, dots are part of a name, as in
/// `net/ipv4/conf/eth0.10/rp_filter`.
fn path(name: &str) -> String {
    let is_path = name.find(['.', '/']).is_some_and(|at| name[at..].starts_with('/'));
    let path = if is_path { name.into() } else { name.replace('.', "/") };
    format!("/proc/sys/{path}")
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
    pub fn overruled(&self) -> Result<Option<String>> {
        Ok(Some(read(&self.name)?).filter(|now| *now != self.ours))
    }

    /// Restores the setting, if it still has our value. A value that somebody else has set since is
    /// left alone. Returns whether the setting now has the value from before.
    pub fn undo(&self) -> Result<bool> {
        let Self { name, before, ours } = self;
        let now = read(name)?;
        if now == *ours {
            set(name, before).with_context(|| format!("cannot set {name} back to {before}"))?;
        }
        Ok(now == *ours || now == *before)
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
