// SPDX-License-Identifier: GPL-2.0-only
//! The networks that are allowed or denied, as values and as text.

use std::io::{self, Write};
use std::time::Duration;

use serde::ser::SerializeStruct;
use serde::{Serialize, Serializer};

use super::model::InterfaceMode;
use super::text;
use super::units::{age, exact, maybe_seconds};
use crate::policy::{Listed, ListedBy};

/// The whole of `lists --json`.
#[derive(Debug, Serialize)]
pub struct Lists {
    pub instances: Vec<OfInstance>,
}

/// The lists of a running instance.
#[derive(Debug, Serialize)]
pub struct OfInstance {
    pub program_id: u32,
    pub interfaces: Vec<InterfaceMode>,
    pub lists: Vec<Network>,
}

/// A network of the lists.
#[derive(Debug, Serialize)]
pub struct Network {
    pub network: String,
    pub verdict: Listed,
    #[serde(flatten, serialize_with = "origin_fields")]
    pub origin: ListedBy,
    pub note: Option<String>,
    /// The time for which it still counts. null: no time ends it.
    #[serde(rename = "left_s", serialize_with = "maybe_seconds")]
    pub left: Option<Duration>,
    /// SYNs that it decided.
    pub syns: u64,
    /// A live entry of the same network counts instead.
    pub is_covered: bool,
}

fn origin_fields<S: Serializer>(origin: &ListedBy, serializer: S) -> Result<S::Ok, S::Error> {
    let (kind, place) = match origin {
        ListedBy::Option => ("option", None),
        ListedBy::File { path, line } => ("file", Some((path.to_string_lossy(), line))),
        ListedBy::Live => ("live", None),
    };
    let mut fields = serializer.serialize_struct("ListedBy", 3)?;
    fields.serialize_field("origin", kind)?;
    fields.serialize_field("file", &place.as_ref().map(|(path, _)| path))?;
    fields.serialize_field("line", &place.as_ref().map(|(_, line)| line))?;
    fields.end()
}

/// A table. One that is covered stands below the one that counts.
pub fn write(out: &mut impl Write, lists: &Lists) -> io::Result<()> {
    for instance in &lists.instances {
        let interfaces = text::interfaces(&instance.interfaces);
        if instance.lists.is_empty() {
            writeln!(out, "{interfaces}: no network is allowed or denied")?;
            continue;
        }
        writeln!(out, "{interfaces}:")?;
        let widest = instance.lists.iter().map(|network| network.network.len()).max();
        let width = widest.unwrap_or(0).max("NETWORK".len());
        writeln!(out, "{:<width$} VERDICT     TIME LEFT       SYNS FROM", "NETWORK")?;
        for network in &instance.lists {
            write_network(out, network, width)?;
        }
    }
    Ok(())
}

fn write_network(out: &mut impl Write, network: &Network, width: usize) -> io::Result<()> {
    write!(
        out,
        "{:<width$} {:<7} {:>13} {:>10} {}",
        network.network,
        network.verdict.to_string(),
        time_left(network),
        network.syns,
        origin(&network.origin)
    )?;
    if let Some(note) = &network.note {
        write!(out, ": {}", on_one_line(note))?;
    }
    writeln!(out, "{}", if network.is_covered { ", covered by the live entry" } else { "" })
}

/// What is listed by an option or a file ends with it.
fn time_left(network: &Network) -> String {
    match (network.left, &network.origin) {
        (Some(left), _) => age(left),
        (None, ListedBy::Live) => "until removed".into(),
        (None, _) => "-".into(),
    }
}

/// "live", "an option of the command line", "/etc/synflood-xdp/deny:12"
pub fn origin(origin: &ListedBy) -> String {
    match origin {
        ListedBy::Option => "an option of the command line".into(),
        ListedBy::File { path, line } => format!("{}:{line}", on_one_line(&path.to_string_lossy())),
        ListedBy::Live => "live".into(),
    }
}

/// What a terminal would obey is taken out.
pub fn on_one_line(text: &str) -> String {
    text.replace(char::is_control, "?")
}

/// "eth0, eth1"
pub fn place(interfaces: &[InterfaceMode]) -> String {
    interfaces.iter().map(|interface| interface.name.as_str()).collect::<Vec<_>>().join(", ")
}

/// " for 1h", or nothing if it is for ever.
pub fn for_time(time: Option<Duration>) -> String {
    time.map_or(String::new(), |time| format!(" for {}", exact(time)))
}

pub fn verb(listed: Listed) -> &'static str {
    match listed {
        Listed::Allowed => "allow",
        Listed::Denied => "deny",
    }
}

/// "it allows"
pub fn does(listed: Listed) -> &'static str {
    match listed {
        Listed::Allowed => "allows",
        Listed::Denied => "denies",
    }
}
