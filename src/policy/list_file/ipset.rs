// SPDX-License-Identifier: GPL-2.0-only
//! Lines of `ipset save`.

use crate::policy::faults::excerpt;

/// The set that the lines up to here are of: a file is one list, and has one set.
#[derive(Debug, Default)]
pub struct Set(Option<String>);

impl Set {
    /// What a line lists; None for the line that creates a set. ipset's time limits, comments and counters are not for
    /// us, but what changes the meaning of a network is refused.
    pub fn listed_in<'l>(&mut self, line: &'l str) -> Result<Option<&'l str>, String> {
        let mut words = line.split_ascii_whitespace();
        let Some(command @ ("create" | "add")) = words.next() else { return Ok(Some(line)) };
        let (Some(name), Some(subject)) = (words.next(), words.next()) else {
            return Err(format!("'{}' is no line of ipset save: is it cut short?", excerpt(line)));
        };
        self.check_name(name)?;
        let options: Vec<&str> = words.take_while(|&word| word != "comment").collect();
        let has = |option: &str| options.contains(&option);
        match (command, subject) {
            ("add", _) if has("nomatch") => {
                Err(format!("'{}': ipset's nomatch has no counterpart: leave it out", excerpt(subject)))
            }
            ("add", network) => Ok(Some(network)),
            _ if has("netmask") || has("bitmask") => {
                Err("a set with a netmask has no counterpart: give a set of type hash:net".into())
            }
            (_, "hash:net" | "hash:ip" | "bitmap:ip") => Ok(None),
            (_, kind) => Err(format!(
                "a set of type {} has more than networks: give one of type hash:net or hash:ip",
                excerpt(kind)
            )),
        }
    }

    /// A second set may mean the opposite, as a list of exceptions does. It is refused once.
    fn check_name(&mut self, name: &str) -> Result<(), String> {
        let before = self.0.replace(name.to_owned());
        if before.is_none_or(|before| before == name) {
            return Ok(());
        }
        let name = excerpt(name);
        Err(format!(
            "a second set, {name}: save the one that is meant, `ipset save {name}`; several go into a file each"
        ))
    }
}
