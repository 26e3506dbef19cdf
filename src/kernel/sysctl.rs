// SPDX-License-Identifier: GPL-2.0-only
//! Kernel settings of this network namespace. They are read and set only here.

use std::fmt;
use std::fs;
use std::io;
use std::str::FromStr;

/// The value of a setting. `name` is as in sysctl(8), like `net.ipv4.tcp_syncookies`.
pub fn read(name: &str) -> io::Result<String> {
    Ok(fs::read_to_string(path(name))?.trim().into())
}

/// The last number of a setting; None if it has none, or cannot be read.
pub fn number(name: &str) -> Option<u32> {
    read(name).ok()?.split_whitespace().last()?.parse().ok()
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

    /// Whether the setting still has our value.
    pub fn holds(&self) -> bool {
        read(&self.name).is_ok_and(|now| now == self.ours)
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
