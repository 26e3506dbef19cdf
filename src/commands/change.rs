// SPDX-License-Identifier: GPL-2.0-only
//! `allow` and `deny`: changes the lists of running instances, at once.

use std::collections::BTreeSet;
use std::io::{self, Write};
use std::net::IpAddr;
use std::time::{Duration, SystemTime};

use anyhow::{Context, Result, bail};
use ipnet::IpNet;

use super::running::{self, Found};
use crate::advice::{self, preflight, ssh};
use crate::cli::{self, Change};
use crate::kernel::clock;
use crate::kernel::interface::Interface;
use crate::kernel::maps::lists::{self, Entry, Lock, Tables, Writer, files, live};
use crate::policy::{Listed, ListedBy, SHORTEST_PREFIX, network_name};
use crate::show;

/// Changes all instances or none, and says so.
pub fn change(listed: Listed, words: &Change) -> Result<()> {
    preflight::check_can_change(show::lists::verb(listed))?;
    if let Some(text) = refusal(listed, words) {
        cli::usage_error(format!("{text}; if you mean it, give --yes"));
    }
    let said = apply(listed, words)?;
    let mut out = io::stdout().lock();
    said.iter().try_for_each(|line| writeln!(out, "{line}")).context("cannot say what was done")
}

/// Why nobody should enter these. None: there is nothing to be afraid of, or it is meant.
pub fn refusal(listed: Listed, words: &Change) -> Option<String> {
    if words.remove || words.yes {
        return None;
    }
    let peer = ssh::peer().filter(|_| listed == Listed::Denied);
    let locked_out = peer.and_then(|peer| locks_out(peer, &words.networks));
    locked_out.or_else(|| too_large(listed, &words.networks))
}

/// Changes all instances or none. Returns what to say of it.
pub fn apply(listed: Listed, words: &Change) -> Result<Vec<String>> {
    let found = running::find(&words.iface, &format!("{} …", show::lists::verb(listed)))?;
    let lock = Lock::wait()?;
    let mut writers = found
        .iter()
        .map(|found| Writer::new(found.running.lists(), &lock))
        .collect::<Result<Vec<_>>>()?;
    // Nobody waits for whoever reads this: the lock ends here.
    if words.remove {
        let peer = if words.yes { None } else { ssh::peer() };
        remove(listed, words, peer, &found, &mut writers)
    } else {
        enter(listed, words, &found, &mut writers)
    }
}

/// Nobody locks himself out by a slip.
fn locks_out(peer: IpAddr, denied: &[IpNet]) -> Option<String> {
    let network = denied.iter().find(|network| network.contains(&peer))?;
    Some(format!(
        "you are connected over ssh from {peer}, which {} covers: this session would go on, but no new one \
         would get in",
        network_name(network)
    ))
}

/// As a file may list nothing larger either.
fn too_large(listed: Listed, networks: &[IpNet]) -> Option<String> {
    let what = match listed {
        Listed::Allowed => "nobody there would have limits",
        Listed::Denied => "nobody there would get in",
    };
    let network = networks.iter().find(|network| network.prefix_len() < SHORTEST_PREFIX)?;
    Some(format!("{network} is a large part of the Internet, and {what}"))
}

fn enter(
    listed: Listed,
    words: &Change,
    found: &[Found],
    writers: &mut [Writer<'_>],
) -> Result<Vec<String>> {
    let now = clock::now_ns()?;
    let entry = |&network: &IpNet| live::Entry {
        network,
        listed,
        until: words.time.map(|time| now.saturating_add(time.as_nanos() as u64)),
        added: SystemTime::UNIX_EPOCH.elapsed().as_ref().map_or(0, Duration::as_secs),
        note: words.note.clone().unwrap_or_default(),
        syns: 0,
    };
    let networks: BTreeSet<IpNet> = words.networks.iter().copied().collect();
    let entries: Vec<_> = networks.iter().map(entry).collect();
    // Before the first instance is changed.
    for writer in writers.iter() {
        live::check_room(writer.tables, &networks)?;
    }
    let mut said = Vec::new();
    for (found, writer) in found.iter().zip(writers) {
        let replaced = live::enter(writer, &entries)?;
        let place = show::lists::place(&found.interfaces);
        for entry in &entries {
            let before = replaced.iter().find(|old| old.network == entry.network && !old.is_over(now));
            let under = files::get(writer.tables, &entry.network)?;
            let mut line = format!(
                "{place}: {} is {}{}",
                network_name(&entry.network),
                listed,
                show::lists::for_time(words.time),
            );
            if found.running.policy.dry_run {
                line += "; but this is a dry run, in which nothing is dropped";
            }
            if let Some(before) = before {
                line += &replaces(before, words.time);
            }
            if let Some(under) = under.filter(|under| under.entry.listed != listed) {
                let (origin, does) =
                    (show::lists::origin(&under.origin), show::lists::does(under.entry.listed));
                line += &format!("; {origin} {does} it, and will again without this entry");
            }
            said.push(line);
        }
        if listed == Listed::Denied {
            said.extend(neighbours_denied(found, &networks));
        }
    }
    Ok(said)
}

/// Warnings for own addresses of the instance's interfaces in these networks.
fn neighbours_denied(found: &Found, networks: &BTreeSet<IpNet>) -> Vec<String> {
    let is_denied = |address: &IpAddr| networks.iter().any(|network| network.contains(address));
    let interfaces =
        found.interfaces.iter().filter_map(|attached| Interface::by_name(&attached.name).ok());
    let notes = interfaces.flat_map(|interface| advice::on_neighbours(is_denied, &interface));
    notes.map(|note| show::notes::line(&note)).collect()
}

/// What becomes of the live entry that a new one replaces: it is gone, also when the new one is over.
fn replaces(before: &live::Entry, time: Option<Duration>) -> String {
    let does = format!("; this replaces a live entry that {} it", before.listed);
    match (before.until, time) {
        (None, Some(_)) => {
            let verb = show::lists::verb(before.listed);
            format!(
                "{does} without end and does not come back afterwards: what is to last belongs in the configuration, \
                 as {verb} or {verb}-file"
            )
        }
        _ => does,
    }
}

fn remove(
    listed: Listed,
    words: &Change,
    peer: Option<IpAddr>,
    found: &[Found],
    writers: &mut [Writer<'_>],
) -> Result<Vec<String>> {
    let networks: BTreeSet<IpNet> = words.networks.iter().copied().collect();
    let (mut said, mut of_instances) = (Vec::new(), Vec::new());
    for (found, writer) in found.iter().zip(writers.iter()) {
        let place = show::lists::place(&found.interfaces);
        let mut present = BTreeSet::new();
        for network in &networks {
            if let Some(line) = would_remove(listed, network, writer.tables)? {
                said.push(format!("{place}: {line}"));
                present.insert(*network);
            }
        }
        if let Some(peer) = peer {
            check_uncovered(peer, &present, writer.tables)?;
        }
        of_instances.push(present);
    }
    // Before the first instance is changed.
    let is_nowhere = |network: &&IpNet| !of_instances.iter().any(|present| present.contains(*network));
    if let Some(network) = networks.iter().find(is_nowhere) {
        bail!(not_there(listed, network, writers)?);
    }
    for (writer, present) in writers.iter_mut().zip(&of_instances) {
        live::remove(writer, present)?;
    }
    Ok(said)
}

/// Why nothing can be removed for this network.
fn not_there(listed: Listed, network: &IpNet, writers: &[Writer<'_>]) -> Result<String> {
    let (now, name) = (clock::now_ns()?, network_name(network));
    let mut hint = "`synflood-xdp lists` shows what there is".to_owned();
    for writer in writers {
        let under = files::get(writer.tables, network)?;
        if let Some(under) = under.filter(|under| under.entry.listed == listed) {
            hint = format!("{} does: take it out there", show::lists::origin(&under.origin));
        }
        let live = live::get(writer.tables, network)?.filter(|entry| !entry.is_over(now));
        // Of the kind that was asked for there is none.
        if let Some(other) = live {
            let (verb, does) = (show::lists::verb(other.listed), show::lists::does(other.listed));
            hint = format!("a live entry {does} it: `{verb} {name} --remove`");
        }
    }
    let does = show::lists::does(listed);
    Ok(format!("no live entry {does} {name}: {hint}; nothing was changed"))
}

/// What to say when the live entry of this network is removed. None: there is none of this kind.
fn would_remove(listed: Listed, network: &IpNet, tables: Tables<'_>) -> Result<Option<String>> {
    let now = clock::now_ns()?;
    let name = network_name(network);
    let under = files::get(tables, network)?;
    let live = live::get(tables, network)?.filter(|entry| !entry.is_over(now));
    let Some(entry) = live.filter(|entry| entry.listed == listed) else { return Ok(None) };
    let mut line =
        format!("the live entry of {name} is removed, which {} {} SYNs", entry.listed, entry.syns);
    if let Some(under) = under {
        let (origin, does) =
            (show::lists::origin(&under.origin), show::lists::does(under.entry.listed));
        line += &format!("; now {origin} {does} it");
    }
    Ok(Some(line))
}

/// A deny must not come to light for the ssh peer either. Ends the process.
fn check_uncovered(peer: IpAddr, removed: &BTreeSet<IpNet>, tables: Tables<'_>) -> Result<()> {
    if !removed.iter().any(|network| network.contains(&peer)) {
        return Ok(());
    }
    let mut entries = lists::read(tables, clock::now_ns()?)?;
    let is_live = |entry: &Entry| entry.origin == ListedBy::Live;
    entries.retain(|entry| {
        entry.network.contains(&peer) && !(is_live(entry) && removed.contains(&entry.network))
    });
    let decides = |entry: &&Entry| (entry.network.prefix_len(), is_live(entry));
    if let Some(entry) =
        entries.iter().max_by_key(decides).filter(|entry| entry.listed == Listed::Denied)
    {
        cli::usage_error(format!(
            "you are connected over ssh from {peer}, and without this {} would be denied: this session would go \
             on, but no new one would get in; if you mean it, give --yes",
            network_name(&entry.network)
        ));
    }
    Ok(())
}
