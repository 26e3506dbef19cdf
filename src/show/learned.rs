// SPDX-License-Identifier: GPL-2.0-only
//! The rules that captures give, as values and as text.

use std::io::{self, Write};

use serde::Serialize;

use super::lists::place;
use super::model::InterfaceMode;
use super::units::percent;
use crate::learn::answered::{MAX_OF_NETWORK, MAX_OF_SOURCE};

/// The whole of `learn --json`.
#[derive(Debug, Serialize)]
pub struct Learned {
    pub attack: Side,
    pub honest: Side,
    pub rules: Vec<Rule>,
    /// Of the attack, what all rules match together, 0 to 1.
    pub share: f64,
    /// Why there are not more rules.
    pub notes: Vec<String>,
}

/// The captures of one side.
#[derive(Debug, Serialize)]
pub struct Side {
    pub files: Vec<File>,
    pub syns: u64,
    /// So many of them were looked at.
    pub drawn: usize,
}

/// A capture.
#[derive(Debug, Serialize)]
pub struct File {
    pub name: String,
    pub syns: u64,
    /// Why the rest of it was not read.
    pub broken: Option<String>,
}

/// A rule, and what is known of it.
#[derive(Debug, Serialize)]
pub struct Rule {
    pub rule: String,
    pub words: String,
    /// Of the attack, what it matches and no rule before it does, 0 to 1.
    pub share: f64,
    pub honest_hits: usize,
    /// Honest SYNs of its family.
    pub honest_syns: usize,
    /// The share of honest SYNs that it and the rules before it hit at most, with 95 % confidence, 0 to 1.
    pub bound: f64,
    pub tcpdump: String,
    pub nft: Option<String>,
}

/// The whole of `learn --honest FILE --json`.
#[derive(Debug, Serialize)]
pub struct Seeded {
    pub files: Vec<File>,
    /// So many SYNs of a family take rules for it.
    pub needed: usize,
    pub instances: Vec<SeededInstance>,
}

/// What a running instance knows of honest clients now.
#[derive(Debug, Serialize)]
pub struct SeededInstance {
    pub program_id: u32,
    pub interfaces: Vec<InterfaceMode>,
    /// SYNs of the captures.
    pub taken: usize,
    /// SYNs, all together.
    pub known_ipv4: usize,
    pub known_ipv6: usize,
}

pub fn write_seeded(out: &mut impl Write, seeded: &Seeded) -> io::Result<()> {
    write_files(out, "honest", &seeded.files)?;
    for of in &seeded.instances {
        let SeededInstance { taken, known_ipv4, known_ipv6, .. } = *of;
        let place = place(&of.interfaces);
        writeln!(
            out,
            "{place}: {taken} of them were taken (at most {MAX_OF_SOURCE} of one source, {MAX_OF_NETWORK} of one network; none twice); SYNs of \
             honest clients that are known now: {known_ipv4} of IPv4, {known_ipv6} of IPv6{}",
            enough(known_ipv4.max(known_ipv6), seeded.needed)
        )?;
    }
    Ok(())
}

fn enough(known: usize, needed: usize) -> String {
    match known < needed {
        true => format!("; {needed} of one of them are needed to learn rules"),
        false => String::new(),
    }
}

pub fn write(out: &mut impl Write, learned: &Learned) -> io::Result<()> {
    write_side(out, "attack", &learned.attack)?;
    write_side(out, "honest", &learned.honest)?;
    for rule in &learned.rules {
        writeln!(out)?;
        write_rule(out, rule)?;
    }
    writeln!(out)?;
    if learned.rules.len() > 1 {
        writeln!(out, "{} rules together: share {}", learned.rules.len(), percent(learned.share))?;
    }
    learned.notes.iter().try_for_each(|note| writeln!(out, "{note}"))
}

fn write_side(out: &mut impl Write, role: &str, side: &Side) -> io::Result<()> {
    write_files(out, role, &side.files)?;
    match u64::try_from(side.drawn) {
        Ok(drawn) if drawn < side.syns => {
            writeln!(out, "         {drawn} of these {} were drawn", side.syns)
        }
        _ => Ok(()),
    }
}

fn write_files(out: &mut impl Write, role: &str, files: &[File]) -> io::Result<()> {
    for file in files {
        writeln!(out, "{role}   {}: {} SYNs", file.name, file.syns)?;
        if let Some(why) = &file.broken {
            writeln!(out, "         {why}: the rest was not read")?;
        }
    }
    Ok(())
}

fn write_rule(out: &mut impl Write, rule: &Rule) -> io::Result<()> {
    writeln!(out, "rule     {}", rule.words)?;
    writeln!(
        out,
        "         share {}, honest hits {} of {}; {:.3} % at most of all honest SYNs (95 % sure)",
        percent(rule.share),
        rule.honest_hits,
        rule.honest_syns,
        100.0 * rule.bound
    )?;
    writeln!(out, "spec     {}", rule.rule)?;
    writeln!(out, "tcpdump  {}", rule.tcpdump)?;
    rule.nft.iter().try_for_each(|nft| writeln!(out, "nft      {nft}"))
}
