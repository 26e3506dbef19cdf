// SPDX-License-Identifier: GPL-2.0-only
//! Files of networks, in the forms in which lists are published and kept: one network, address or range
//! a line, or several networks with blanks between them; an object of JSON a line; or the output of
//! `ipset save`.
//!
//! A line is taken for what it says or refused, never mended, and a file with a wrong line is refused
//! as a whole: lists are often fetched by machines, and half a list or a line that was cut short
//! ("198.51.100.0/2") must not lock anybody out or let anybody in. What cutting leaves behind nearly
//! always names an address and a network, so this is refused here as on the command line, where ipset
//! would take the network.

mod ipset;
mod several;

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
    let mut set = ipset::Set::default();
    let mut faults = Faults::new(file);
    if let Some((line, sentence)) = no_list(text) {
        faults.add(line, sentence.into());
        return faults.or(entries);
    }
    for (line, text) in (1..).zip(text_file::without_mark(text).split(|&byte| byte == b'\n')) {
        if let Err(sentence) = read_line(line, text, &mut set, &mut entries) {
            faults.add(line, sentence);
        }
        if entries.len() > max_networks {
            faults.add(line, format!("up to here are over {max_networks} networks: split the file"));
            break;
        }
    }
    faults.or(entries)
}

/// What is taken for a list by mistake tells so by how it begins. It would have a fault in each line.
fn no_list(text: &[u8]) -> Option<(u32, &'static str)> {
    let lines = text_file::without_mark(text).split(|&byte| byte == b'\n').map(<[u8]>::trim_ascii);
    let (line, first) = (1..).zip(lines).find(|(_, text)| !text.is_empty())?;
    match first {
        [b'<', ..] => Some((line, "this is HTML, not a list: the download failed?")),
        _ if first.starts_with(b"Name: ") => Some((line, "this is of `ipset list`: use `ipset save`")),
        _ => None,
    }
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
fn read_line(
    line: u32,
    text: &[u8],
    set: &mut ipset::Set,
    entries: &mut Vec<Entry>,
) -> Result<(), String> {
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
    let Some(listed) = set.listed_in(text)? else { return Ok(()) };
    let mut enter = |network| enter(line, network, entries);
    if listed.contains('-') {
        let entered = network::range(listed).and_then(|mut networks| networks.try_for_each(enter));
        return entered.map_err(|why| format!("'{}': {why}", excerpt(listed)));
    }
    several::check(listed).map_err(|why| format!("'{}': {why}", excerpt(listed)))?;
    listed.split_whitespace().try_for_each(|word| {
        let entered = network::network(word).and_then(&mut enter);
        entered.map_err(|why| format!("'{}': {why}", excerpt(word)))
    })
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
