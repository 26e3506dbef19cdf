// SPDX-License-Identifier: GPL-2.0-only
//! Stops TCP SYN floods with XDP: the parts of the `synflood-xdp` command.
//!
//! main → [`commands`] → [`upkeep`], [`advice`], [`show`], [`kernel`] → [`policy`]. [`cli`],
//! [`config`] and [`settings`] make a policy from the command line and a file. [`firewall`] knows nobody: it judges texts.
//! [`judge`] knows [`policy`] only: it judges SYNs as the program does. [`learn`] finds what the SYNs of a flood
//! have in common, on plain values. [`report`] reads what a run has written.
//! docs/ARCHITECTURE.md has a picture.

#![deny(unsafe_code)]

pub mod advice;
pub mod cli;
pub mod commands;
pub mod config;
pub mod endpoint;
pub mod firewall;
pub mod hook;
pub mod judge;
pub mod kernel;
pub mod learn;
pub mod note;
pub mod policy;
pub mod report;
pub mod service;
pub mod settings;
pub mod show;
pub mod upkeep;

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;
    use std::path::{Path, PathBuf};
    use std::{fs, io};

    /// For each module, the modules that it may use.
    const MAY_KNOW: [(&str, &[&str]); 16] = [
        ("note", &[]),
        ("firewall", &[]),
        ("policy", &[]),
        ("judge", &["policy"]),
        ("learn", &["policy"]),
        ("config", &["policy"]),
        ("cli", &["config", "policy"]),
        ("settings", &["cli", "policy"]),
        ("kernel", &["judge", "learn", "note", "policy"]),
        ("show", &["judge", "learn", "note", "policy"]),
        ("report", &["note", "policy", "show"]),
        ("service", &["kernel"]),
        ("hook", &["policy"]),
        ("endpoint", &["kernel", "policy"]),
        ("advice", &["kernel", "note", "policy"]),
        ("upkeep", &["firewall", "kernel", "learn", "note", "policy"]),
    ];

    fn sources_of(module: &str) -> io::Result<Vec<PathBuf>> {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
        let mut found = vec![root.join(format!("{module}.rs"))];
        let mut folders = vec![root.join(module)];
        while let Some(folder) = folders.pop().filter(|folder| folder.is_dir()) {
            for entry in fs::read_dir(folder)? {
                let path = entry?.path();
                if path.is_dir() { folders.insert(0, path) } else { found.push(path) }
            }
        }
        Ok(found)
    }

    /// The modules that are named after `crate::` in code. A link in a comment is not a use.
    fn known_by(module: &str) -> BTreeSet<String> {
        let mut known = BTreeSet::new();
        for path in sources_of(module).unwrap() {
            let text = fs::read_to_string(&path).unwrap();
            let code = text.lines().filter(|line| !line.trim_start().starts_with("//"));
            for line in code {
                let names = line.split("crate::").skip(1);
                known.extend(names.map(|rest| {
                    rest.chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect::<String>()
                }));
            }
        }
        known.remove(module);
        known
    }

    #[test]
    fn modules_know_only_what_lies_below_them() {
        for (module, may_know) in MAY_KNOW {
            let may_know = may_know.iter().map(|name| name.to_string()).collect();
            let too_many: Vec<_> = known_by(module).difference(&may_know).cloned().collect();
            assert!(too_many.is_empty(), "{module} knows {too_many:?}");
        }
    }
}
