// SPDX-License-Identifier: GPL-2.0-only
//! The model as text for a person.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::io::{self, Write};

use super::model::{Instance, InterfaceMode, ListEntry, Rates, SharedBucket, Source, Start};
use super::networks;
use super::units::{age, exact};
use crate::note::Counts;
use crate::policy::{Challenge, Learn, Networks, Policy, Service};

/// Networks of the lists in a dump that does not show all.
const MAX_LISTED: usize = 10;

/// "no limit on connections, pass rate 1000/s, own cookies", and every setting that is not as usual.
pub fn policy(policy: &Policy) -> String {
    let mut text = match policy.connection_limit {
        Some(limit) => format!("burst {}, rate {}", limit.burst, limit.rate),
        None => "no limit on connections".into(),
    };
    for (name, rate, usual) in [
        ("pass rate", policy.pass_rate, None),
        ("unchallenged rate", policy.unchallenged_rate, Some("10000/s")),
        ("cookies", policy.challenge_rate, Some("no limit")),
    ] {
        let rate = rate.0.map_or("no limit".into(), |rate| rate.to_string());
        if usual != Some(rate.as_str()) {
            let _ = write!(text, ", {name} {rate}");
        }
    }
    match policy.challenge {
        Challenge::Off => text.push_str(", no challenges"),
        Challenge::All => {
            let _ = write!(text, ", {} cookies", policy.cookies);
        }
    }
    if !policy.ports.are_all() {
        let _ = write!(text, ", ports {}", policy.ports);
    }
    if policy.learn != Learn::On {
        let _ = write!(text, ", learned rules: {}", policy.learn);
    }
    if policy.networks == Networks::Off {
        text.push_str(", no limits of networks");
    }
    if policy.dry_run {
        text.push_str(", dry run: nothing is dropped");
    }
    policy.services.iter().for_each(|(_, each)| text += &service(each));
    text
}

/// "; service ssh, port 22: burst 3, rate 6/m, no challenges"
fn service(service: &Service) -> String {
    let limit = service.limit.map(|limit| format!("burst {}, rate {}", limit.burst, limit.rate));
    let challenges = (!service.challenge).then(|| "no challenges".into());
    let settings: Vec<String> = limit.into_iter().chain(challenges).collect();
    let settings = if settings.is_empty() { "the same limits".into() } else { settings.join(", ") };
    format!("; service {}, port {}: {settings}", service.name, service.ports)
}

/// "eth0 (native), eth1 (skb)"
pub fn interfaces(interfaces: &[InterfaceMode]) -> String {
    let one = |interface: &InterfaceMode| format!("{} ({})", interface.name, interface.mode);
    interfaces.iter().map(one).collect::<Vec<_>>().join(", ")
}

pub fn start(start: &Start<'_>) -> String {
    format!(
        "protecting {}: {}{}{}; {}",
        interfaces(start.interfaces),
        policy(start.policy),
        listed(start),
        unchallenged(start.unchallenged.keys().copied()),
        match start.stop_after {
            Some(time) => format!("ends in {}", exact(time)),
            None => "Ctrl-C ends".into(),
        }
    )
}

/// "; networks: 2 allowed, 13 denied", or nothing.
fn listed(start: &Start<'_>) -> String {
    match (start.allowed_networks, start.denied_networks) {
        (0, 0) => String::new(),
        (allowed, denied) => format!("; networks: {allowed} allowed, {denied} denied"),
    }
}

/// Ports in a text, before it says how many more there are.
const MAX_PORTS: usize = 8;

/// "; not challenged: ports 22, 80", or nothing. The reasons are in notes of their own.
pub fn unchallenged(ports: impl ExactSizeIterator<Item = u16>) -> String {
    let count = ports.len();
    let named: Vec<_> = ports.take(MAX_PORTS).map(|port| port.to_string()).collect();
    let named = named.join(", ");
    match count {
        0 => String::new(),
        1 => format!("; not challenged: port {named}"),
        _ if count > MAX_PORTS => {
            format!("; not challenged: ports {named} and {} more", count - MAX_PORTS)
        }
        _ => format!("; not challenged: ports {named}"),
    }
}

/// "12 SYN/s: 2 passed, 3 challenged, 7 dropped; 5 connected"
pub fn rates(rates: &Rates, dry_run: bool) -> String {
    format!(
        "{} SYN/s: {} passed, {} {}, {} {}; {} connected",
        rates.syn_per_s,
        rates.passed_per_s,
        rates.challenged_per_s,
        challenged_word(dry_run),
        rates.dropped_per_s,
        dropped_word(dry_run),
        rates.connected_per_s
    )
}

fn challenged_word(dry_run: bool) -> &'static str {
    if dry_run { "would be challenged" } else { "challenged" }
}

fn dropped_word(dry_run: bool) -> &'static str {
    if dry_run { "would be dropped" } else { "dropped" }
}

/// "61 SYNs passed, 0 challenged, 53941 dropped; 12 connected"
pub fn totals(counts: Counts, dry_run: bool) -> String {
    let Counts { passed, challenged, dropped, connected, .. } = counts;
    let (answered, word) = (challenged_word(dry_run), dropped_word(dry_run));
    format!("{passed} SYNs passed, {challenged} {answered}, {dropped} {word}; {connected} connected")
}

/// `all`: show every network of the lists.
pub fn write_instance(out: &mut impl Write, instance: &Instance, all: bool) -> io::Result<()> {
    writeln!(
        out,
        "{}: {}{}\n{} of {} known sources blocked, room for {}",
        interfaces(&instance.interfaces),
        policy(&instance.policy),
        unchallenged(instance.unchallenged.iter().copied()),
        instance.blocked_sources,
        instance.known_sources,
        instance.max_sources
    )?;
    writeln!(
        out,
        "since its start {} ago: {}",
        age(instance.totals.elapsed),
        totals(instance.totals.counts, instance.policy.dry_run)
    )?;
    writeln!(out, "now {}", rates(&instance.rates, instance.policy.dry_run))?;
    write_refusing(out, &instance.rates_left)?;
    write_lists(out, &instance.lists, all)?;
    if let Some(networks) = &instance.networks {
        networks::write_table(out, networks)?;
    }
    if !instance.sources.is_empty() {
        write_sources(out, &instance.sources, !instance.policy.services.is_empty())?;
    }
    Ok(())
}

/// A line for each rate that refuses SYNs now.
pub fn write_refusing(
    out: &mut impl Write,
    rates: &BTreeMap<&'static str, SharedBucket>,
) -> io::Result<()> {
    for (name, bucket) in rates {
        if let Some(text) = refuses(bucket) {
            writeln!(out, "{}: {text}", name.replace('_', " "))?;
        }
    }
    Ok(())
}

/// What to say of a rate; None if it refuses nothing now.
fn refuses(bucket: &SharedBucket) -> Option<String> {
    let time = age(bucket.refusing?);
    Some(format!("has refused SYNs for {time}, {} of {} tokens left", bucket.left, bucket.burst))
}

/// Those that decided most SYNs come first.
fn write_lists(out: &mut impl Write, lists: &[ListEntry], all: bool) -> io::Result<()> {
    let busy = lists.iter().take_while(|entry| entry.syns > 0).count();
    let shown = if all { lists.len() } else { busy.min(MAX_LISTED) };
    for entry in lists.iter().take(shown) {
        writeln!(out, "{} {}: {} SYNs", entry.verdict, entry.network, entry.syns)?;
    }
    match lists.len() - shown {
        0 => Ok(()),
        all if shown == 0 => writeln!(out, "{all} networks allowed or denied: --all shows them"),
        rest => writeln!(out, "and {rest} more networks allowed or denied: --all shows them"),
    }
}

/// A table that fits in 80 columns while addresses are shorter than 16 characters. The tokens are those of
/// connections; where these are not limited, of SYNs. `has_services`: a column says of which service.
fn write_sources(out: &mut impl Write, sources: &[Source], has_services: bool) -> io::Result<()> {
    let width = width_of("SOURCE", sources.iter().map(|source| source.source.as_str()));
    let service_width = width_of("SERVICE", sources.iter().map(service_name));
    let service = |name: &str| match has_services {
        true => format!(" {name:<service_width$}"),
        false => String::new(),
    };
    writeln!(
        out,
        "{:<width$}{} {:>6} {:>7} {:>8} {:>8} {:>9} {:>9} {:>9}",
        "SOURCE",
        service("SERVICE"),
        "TOKENS",
        "NEXT IN",
        "PASSED",
        "COOKIES",
        "CONNECTED",
        "DROPPED",
        "LAST DROP"
    )?;
    for source in sources {
        let bucket = source.connections.unwrap_or(source.syns);
        writeln!(
            out,
            "{:<width$}{} {:>6} {:>7} {:>8} {:>8} {:>9} {:>9} {:>9}",
            source.source,
            service(service_name(source)),
            bucket.tokens,
            age(bucket.next_token),
            source.passed,
            source.challenged,
            source.connected,
            source.dropped,
            source.last_drop.map_or("never".into(), age),
        )?;
    }
    Ok(())
}

fn service_name(source: &Source) -> &str {
    source.service.as_deref().unwrap_or("-")
}

/// The width of a column with this head.
fn width_of<'a>(head: &str, texts: impl Iterator<Item = &'a str>) -> usize {
    texts.map(str::len).max().unwrap_or(0).max(head.len())
}
