// SPDX-License-Identifier: GPL-2.0-only
//! `--set-sysctls`: kernel settings that challenges need, for as long as the run lasts.

use std::fs;

use anyhow::{Context, Result};

use crate::cli::Challenge;

/// Settings that were changed, and are as before when this is dropped.
#[derive(Debug, Default)]
pub struct Sysctls(Vec<Changed>);

#[derive(Debug)]
struct Changed {
    name: &'static str,
    before: String,
    ours: &'static str,
}

impl Sysctls {
    /// Cookies whenever they are asked for if all SYNs may be challenged, else where there is no room; and
    /// timestamps that can keep a client's options.
    pub fn set_for(challenge: Challenge) -> Result<Self> {
        let mut changed = Self::default();
        match challenge {
            Challenge::Off => return Ok(changed),
            Challenge::Budget => changed.set("tcp_syncookies", "1", |now| now == "0")?,
            Challenge::All => changed.set("tcp_syncookies", "2", |now| now != "2")?,
        }
        changed.set("tcp_timestamps", "2", |now| now != "2")?;
        Ok(changed)
    }

    fn set(
        &mut self,
        name: &'static str,
        ours: &'static str,
        is_needed: fn(&str) -> bool,
    ) -> Result<()> {
        let before = read(name).with_context(|| format!("cannot read net.ipv4.{name}"))?;
        if is_needed(&before) {
            fs::write(path(name), ours).with_context(|| {
                format!(
                    "cannot set net.ipv4.{name} to {ours}: set it by hand, and leave out --set-sysctls"
                )
            })?;
            eprintln!("note: net.ipv4.{name} was {before} and is {ours} until the end");
            self.0.push(Changed { name, before, ours });
        }
        Ok(())
    }
}

impl Drop for Sysctls {
    fn drop(&mut self) {
        for Changed { name, before, ours } in &self.0 {
            // Somebody else's change since is not ours to undo.
            if read(name).is_ok_and(|now| now == *ours)
                && let Err(error) = fs::write(path(name), before)
            {
                eprintln!("warning: cannot set net.ipv4.{name} back to {before}: {error}");
            }
        }
    }
}

fn read(name: &str) -> std::io::Result<String> {
    Ok(fs::read_to_string(path(name))?.trim().into())
}

fn path(name: &str) -> String {
    format!("/proc/sys/net/ipv4/{name}")
}
