// SPDX-License-Identifier: GPL-2.0-only
//! What a person or a program reads. Field names of the JSON are documented in the README and stable.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::io::{self, Write};

use serde::{Serialize, Serializer};

use crate::bpf::types;
use crate::cli::Challenge;
use crate::config::{self, MAPPED_PREFIX};
use crate::sources::Source;
use crate::sys::XdpMode;

/// The options that a running instance was started with.
#[derive(Debug, Serialize)]
pub struct Policy {
    pub burst: u64,
    /// Tokens a second, in force: the inverse of whole nanoseconds.
    pub rate: f64,
    /// SYNs a second of all sources not seen before; null: no limit.
    pub new_sources: Option<f64>,
    /// SYNs a second of all sources; null: no limit.
    pub total_rate: Option<f64>,
    /// off, budget or all.
    pub challenge: Challenge,
    /// The ports to challenge on; null: all.
    pub challenge_ports: Option<Vec<u16>>,
    /// SYN cookies a second; null: no limit.
    pub challenge_rate: Option<f64>,
    pub ipv4_prefix: u8,
    pub ipv6_prefix: u8,
    /// The protected ports; null: all.
    pub ports: Option<Vec<u16>>,
    pub dry_run: bool,
}

impl Policy {
    pub fn new(config: &types::config) -> Self {
        let interval_ns = config.source_limit.interval_ns.max(1);
        let budget = |limit: &types::limit| match limit.interval_ns {
            0 => None,
            interval_ns => Some(1e9 / interval_ns as f64),
        };
        Self {
            burst: config.source_limit.capacity_ns / interval_ns,
            rate: 1e9 / interval_ns as f64,
            new_sources: budget(&config.new_source_limit),
            total_rate: budget(&config.total_limit),
            challenge: Challenge::from(config.challenge),
            challenge_ports: config::ports(&config.challenge_ports),
            challenge_rate: budget(&config.challenge_limit),
            ipv4_prefix: config::prefix_len(&config.ipv4_mask).saturating_sub(MAPPED_PREFIX),
            ipv6_prefix: config::prefix_len(&config.ipv6_mask),
            ports: config::ports(&config.protected_ports),
            dry_run: config.dry_run != 0,
        }
    }

    /// "burst 5, rate 1/s, new sources 1000/s", and what else is not as usual.
    pub fn describe(&self) -> String {
        let mut text = format!("burst {}, rate {}", self.burst, rate(self.rate));
        for (name, budget) in [
            ("new sources", self.new_sources),
            ("total", self.total_rate),
            ("cookies", self.challenge_rate),
        ] {
            if let Some(budget) = budget {
                let _ = write!(text, ", {name} {}", rate(budget));
            }
        }
        let _ = write!(text, ", challenge {}", self.challenge);
        for (name, ports) in [("challenge ports", &self.challenge_ports), ("ports", &self.ports)] {
            if let Some(ports) = ports {
                let ports: Vec<String> = ports.iter().map(u16::to_string).collect();
                let _ = write!(text, ", {name} {}", ports.join(" "));
            }
        }
        if self.dry_run {
            text.push_str(", dry run: nothing is dropped");
        }
        text
    }
}

/// An interface and where on it the program is attached.
#[derive(Debug, Serialize)]
pub struct InterfaceMode<'a> {
    pub name: &'a str,
    pub mode: XdpMode,
}

/// Borrows what instances and attachments keep.
pub fn interface_modes<'a, Name: AsRef<str> + 'a>(
    interfaces: impl IntoIterator<Item = &'a (Name, XdpMode)>,
) -> Vec<InterfaceMode<'a>> {
    let mode = |(name, mode): &'a (Name, XdpMode)| InterfaceMode { name: name.as_ref(), mode: *mode };
    interfaces.into_iter().map(mode).collect()
}

/// "eth0 (native), eth1 (skb)"
pub fn describe_interfaces(interfaces: &[InterfaceMode<'_>]) -> String {
    let describe = |interface: &InterfaceMode<'_>| format!("{} ({})", interface.name, interface.mode);
    interfaces.iter().map(describe).collect::<Vec<_>>().join(", ")
}

/// A line of `--json` while running.
#[derive(Debug, Serialize)]
#[serde(tag = "type", rename_all = "lowercase")]
pub enum Event<'a> {
    Start {
        interfaces: &'a [InterfaceMode<'a>],
        #[serde(flatten)]
        policy: &'a Policy,
    },
    Status(Status),
    Detached {
        interface: &'a str,
    },
    Summary(Summary<'a>),
}

/// What happened in the last interval.
#[derive(Debug, Serialize)]
pub struct Status {
    /// Since the start.
    #[serde(serialize_with = "seconds")]
    pub elapsed_s: f64,
    pub syn_per_s: u64,
    pub passed_per_s: u64,
    pub challenged_per_s: u64,
    pub dropped_per_s: u64,
    pub blocked_sources: u64,
    /// Since when a budget has been refusing; null: none is.
    pub flood_s: Option<f64>,
}

impl Status {
    /// The status line; `dropped_word` is what became of those dropped.
    pub fn describe(&self, dropped_word: &str) -> String {
        let flood = self.flood_s.map_or(String::new(), |seconds| {
            format!("; over the budget for {}", age((seconds * 1e9) as u64))
        });
        format!(
            "{} SYN/s: {} passed, {} challenged, {} {dropped_word}; blocked sources: {}{flood}",
            self.syn_per_s,
            self.passed_per_s,
            self.challenged_per_s,
            self.dropped_per_s,
            self.blocked_sources
        )
    }
}

/// What happened since the start.
#[derive(Debug, Serialize)]
pub struct Summary<'a> {
    #[serde(serialize_with = "seconds")]
    pub elapsed_s: f64,
    pub passed: u64,
    pub challenged: u64,
    pub dropped: u64,
    /// Frames by reason.
    pub reasons: &'a BTreeMap<String, u64>,
}

/// The whole of `--dump --json`.
#[derive(Debug, Serialize)]
pub struct Dump<'a> {
    pub instances: Vec<InstanceDump<'a>>,
}

#[derive(Debug, Serialize)]
pub struct InstanceDump<'a> {
    pub program_id: u32,
    pub interfaces: Vec<InterfaceMode<'a>>,
    #[serde(flatten)]
    pub policy: &'a Policy,
    pub max_sources: u32,
    pub known_sources: u64,
    pub blocked_sources: u64,
    pub sources: Vec<SourceLine>,
}

#[derive(Debug, Serialize)]
pub struct SourceLine {
    pub source: String,
    pub tokens: u64,
    #[serde(serialize_with = "seconds")]
    pub next_token_s: f64,
    pub passed: u64,
    pub dropped: u64,
    /// null: never.
    pub last_drop_s: Option<f64>,
}

impl From<&Source> for SourceLine {
    fn from(source: &Source) -> Self {
        Self {
            source: source_name(source),
            tokens: source.tokens,
            next_token_s: source.next_token_ns as f64 / 1e9,
            passed: source.passed,
            dropped: source.dropped,
            last_drop_s: source.last_drop_ns.map(|ns| rounded(ns as f64 / 1e9)),
        }
    }
}

/// An address, with its prefix length where it stands for more than one.
pub fn source_name(source: &Source) -> String {
    let host = if source.address.is_ipv4() { 32 } else { 128 };
    match source.prefix_len {
        len if len == host => source.address.to_string(),
        len => format!("{}/{len}", source.address),
    }
}

/// Milliseconds are more than enough.
fn rounded(seconds: f64) -> f64 {
    (seconds * 1000.0).round() / 1000.0
}

fn seconds<S: Serializer>(seconds: &f64, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_f64(rounded(*seconds))
}

/// "1/s", "30/m": in the unit that gives a number of at least 1.
pub fn rate(per_second: f64) -> String {
    let (count, unit) = match per_second {
        rate if rate > 0.999_999 => (rate, "s"),
        rate if rate * 60.0 > 0.999_999 => (rate * 60.0, "m"),
        rate => (rate * 3600.0, "h"),
    };
    // Three decimals hide that an interval is a whole number of nanoseconds.
    format!("{}/{unit}", rounded(count))
}

/// A duration as short as a table's column, like 0.3s, 42s, 7m, 3h, 12d.
pub fn age(ns: u64) -> String {
    let seconds = ns / 1_000_000_000;
    match seconds {
        0..10 => format!("{:.1}s", (ns / 100_000_000) as f64 / 10.0),
        10..120 => format!("{seconds}s"),
        120..7200 => format!("{}m", seconds / 60),
        7200..172_800 => format!("{}h", seconds / 3600),
        _ => format!("{}d", seconds / 86_400),
    }
}

/// The sources of one instance, in 80 columns while addresses are shorter than 30 characters.
pub fn write_sources(out: &mut impl Write, sources: &[Source]) -> io::Result<()> {
    let names = || sources.iter().map(source_name);
    let width = names().map(|name| name.len()).max().unwrap_or(0).max("SOURCE".len());
    writeln!(
        out,
        "{:<width$} {:>6} {:>7} {:>9} {:>12} {:>9}",
        "SOURCE", "TOKENS", "NEXT IN", "PASSED", "DROPPED", "LAST DROP"
    )?;
    for (source, name) in sources.iter().zip(names()) {
        let last_drop = source.last_drop_ns.map_or("never".into(), age);
        writeln!(
            out,
            "{name:<width$} {:>6} {:>7} {:>9} {:>12} {last_drop:>9}",
            source.tokens,
            age(source.next_token_ns),
            source.passed,
            source.dropped,
        )?;
    }
    Ok(())
}

/// One JSON object on a line of its own.
pub fn write_json(out: &mut impl Write, value: &impl Serialize) -> io::Result<()> {
    serde_json::to_writer(&mut *out, value)?;
    writeln!(out)
}

#[cfg(test)]
mod tests {
    use super::{age, rate};

    #[test]
    fn rates_are_shown_in_the_unit_they_were_given_in() {
        for (interval_ns, text) in [
            (1_000_000_000_u64, "1/s"),
            (333_333_334, "3/s"),
            (2_000_000_000, "30/m"),
            (360_000_000_000, "10/h"),
            (1, "1000000000/s"),
        ] {
            assert_eq!(rate(1e9 / interval_ns as f64), text);
        }
    }

    #[test]
    fn ages_are_short() {
        let cases =
            [(0, "0.0s"), (1_290, "1.2s"), (59_000, "59s"), (7_199_000, "119m"), (172_800_000, "2d")];
        for (ms, text) in cases {
            assert_eq!(age(ms * 1_000_000), text);
        }
    }
}
