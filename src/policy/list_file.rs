// SPDX-License-Identifier: GPL-2.0-only
//! Files of networks, in the forms in which lists are published and kept: one network, address or range
//! a line, an object of JSON a line, or the output of `ipset save`.
//!
//! A line is taken for what it says or refused, never mended, and a file with a wrong line is refused
//! as a whole: lists are often fetched by machines, and half a list or a line that was cut short
//! ("198.51.100.0/2") must not lock anybody out or let anybody in. What cutting leaves behind nearly
//! always names an address and a network, so this is refused here as on the command line, where ipset
//! would take the network.

use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::str;

use anyhow::{Context, Result};
use ipnet::IpNet;
use serde::Deserialize;

use super::faults::{Faults, excerpt};
use super::lists::Listed;
use super::{network, text_file};

/// Of a file: ten times the largest list that is published. The text of a million networks takes 15 MiB.
const MAX_BYTES: u64 = 256 << 20;

/// Of a file: a range may be 250 networks.
const MAX_NETWORKS: usize = 10_000_000;

/// Whoever wants a larger network has `--allow` and `--deny`.
pub const SHORTEST_PREFIX: u8 = 8;

/// The networks of a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ListFile {
    pub path: PathBuf,
    pub listed: Listed,
    pub entries: Vec<Entry>,
}

/// A network, and the line that it is from. A range is several.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Entry {
    pub network: IpNet,
    pub line: u32,
}

impl ListFile {
    pub fn read(path: &Path, listed: Listed) -> Result<Self> {
        let text = text_file::read(path, MAX_BYTES).context("a list cannot be read")?;
        Ok(Self { path: path.into(), listed, entries: parse(path, &text, MAX_NETWORKS)? })
    }
}

/// All networks of a text, in its order. `file` is its name.
fn parse(file: &Path, text: &[u8], max_networks: usize) -> Result<Vec<Entry>, Faults> {
    let mut entries = Vec::new();
    let mut faults = Faults::new(file);
    for (line, text) in (1..).zip(text_file::without_mark(text).split(|&byte| byte == b'\n')) {
        if let Err(sentence) = read_line(line, text, &mut entries) {
            faults.add(line, sentence);
        }
        if entries.len() > max_networks {
            faults.add(line, format!("up to here are over {max_networks} networks: split the file"));
            break;
        }
    }
    faults.or(entries)
}

/// A line of Spamhaus' lists in JSON: a network, or what is said of the whole list at its end.
#[derive(Deserialize)]
#[serde(untagged)]
enum Object {
    Network { cidr: String },
    Metadata { r#type: Metadata },
}

#[derive(Deserialize)]
#[serde(rename_all = "lowercase")]
enum Metadata {
    Metadata,
}

/// Comments are of any encoding.
fn read_line(line: u32, text: &[u8], entries: &mut Vec<Entry>) -> Result<(), String> {
    if text.trim_ascii_start().starts_with(b"{") {
        return read_object(line, text, entries);
    }
    let end = text.iter().position(|byte| b"#;".contains(byte)).unwrap_or(text.len());
    let text = text[..end].trim_ascii();
    if text.is_empty() {
        return Ok(());
    }
    let text = str::from_utf8(text)
        .map_err(|_| format!("'{}' is not UTF-8", excerpt(&String::from_utf8_lossy(text))))?;
    let Some(word) = listed_in(text)? else { return Ok(()) };
    if !word.contains('-') && word.contains(char::is_whitespace) {
        return Err(format!("'{}': give one network a line, nothing behind it", excerpt(word)));
    }
    let mut enter = |network| enter(line, network, entries);
    let entered = match word.contains('-') {
        true => network::range(word).and_then(|mut networks| networks.try_for_each(enter)),
        false => network::network(word).and_then(&mut enter),
    };
    entered.map_err(|why| format!("'{}': {why}", excerpt(word)))
}

/// Such lines have no comments: there may be a `#` in an address of the web.
fn read_object(line: u32, text: &[u8], entries: &mut Vec<Entry>) -> Result<(), String> {
    let object = serde_json::from_slice(text).map_err(|_| {
        let shown = excerpt(&String::from_utf8_lossy(text.trim_ascii()));
        format!("'{shown}': give one object a line, with the network as its cidr, like {{\"cidr\":\"192.0.2.0/24\"}}")
    })?;
    match object {
        Object::Network { cidr } => network::network(&cidr)
            .and_then(|network| enter(line, network, entries))
            .map_err(|why| format!("'{}': {why}", excerpt(&cidr))),
        Object::Metadata { r#type: Metadata::Metadata } => Ok(()),
    }
}

fn enter(line: u32, network: IpNet, entries: &mut Vec<Entry>) -> Result<(), String> {
    refuse_large(&network)?;
    entries.push(Entry { network, line });
    Ok(())
}

/// What a line lists; None for the line that creates a set of ipset. ipset's time limits, comments and
/// counters are not for us, but what changes the meaning of a network is refused.
fn listed_in(line: &str) -> Result<Option<&str>, String> {
    let mut words = line.split_ascii_whitespace();
    let is_about_ipset = matches!(line.split_ascii_whitespace().next(), Some("create" | "add"));
    if !is_about_ipset {
        return Ok(Some(line));
    }
    let (command, subject) = (words.next(), words.nth(1));
    let (Some(command), Some(subject)) = (command, subject) else {
        return Err(format!("'{}' is no line of ipset save: is it cut short?", excerpt(line)));
    };
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

/// A network that is large and has clients in it: rather a line cut short than meant.
fn refuse_large(network: &IpNet) -> Result<(), String> {
    if network.prefix_len() >= SHORTEST_PREFIX {
        return Ok(());
    }
    // Of IPv4 all below multicast; of IPv6 what IANA has given out, 2000:: to 2cff::. Lists of what
    // nobody has have the rest, in large networks.
    let has_clients = match network.addr() {
        IpAddr::V4(first) => first.octets()[0] < 224,
        IpAddr::V6(first) => {
            let first = first.octets()[0];
            let last = first | (u8::MAX >> network.prefix_len());
            first <= 0x2c && last >= 0x20
        }
    };
    if !has_clients {
        return Ok(());
    }
    Err(format!(
        "{network} is too large for a file, where it may be a line cut short: if you mean it, give it with \
         --allow or --deny"
    ))
}

#[cfg(test)]
mod tests;
