// SPDX-License-Identifier: GPL-2.0-only
//! `learn`: from captures to rules, without a running instance; or from a capture of honest clients to what running
//! instances know of them.

mod capture;
mod link;
mod sample;
mod seed;

use std::path::Path;

use anyhow::{Context, Result, ensure};

use super::print;
use crate::cli::Learn;
use crate::learn::search::{MIN_ANSWERED, MIN_OF_LEFT, MIN_REFUSED};
use crate::learn::{Family, Found, Syn, nft, search, tcpdump, words};
use crate::show::learned::{self, Learned, Side};
use crate::show::units::percent;
use sample::Sample;

pub fn learn(given: &Learn) -> Result<()> {
    let dashes = given.attack.iter().chain(&given.honest).filter(|path| *path == Path::new("-"));
    ensure!(
        dashes.count() < 2,
        "standard input can be read once: give `-` once, and files for the rest"
    );
    if given.attack.is_empty() {
        return seed::seed(given);
    }
    let attack = sample::read(&given.attack)?;
    let honest = sample::read(&given.honest)?;
    let (attack_syns, honest_syns) = (attack.syns(), honest.syns());
    let found = search(&attack_syns, &honest.known(), &[], &|_| false);
    let learned = Learned {
        notes: notes(&found, &attack_syns, &honest_syns),
        rules: found.iter().map(|found| rule(found, &honest_syns)).collect(),
        share: share(&attack_syns, &found),
        attack: side(attack),
        honest: side(honest),
    };
    print(&learned, given.json, |out, learned| learned::write(out, learned))
        .context("cannot write the rules")
}

fn side(sample: Sample) -> Side {
    Side {
        syns: sample.files.iter().map(|file| file.syns).sum(),
        drawn: sample.seen.len(),
        files: sample.files,
    }
}

fn rule(found: &Found, honest: &[Syn]) -> learned::Rule {
    learned::Rule {
        rule: found.rule.to_string(),
        words: words(&found.rule),
        share: found.covered,
        honest_hits: found.hits,
        honest_syns: honest.iter().filter(|syn| syn.family == found.rule.family).count(),
        bound: found.bound,
        tcpdump: tcpdump(&found.rule),
        nft: nft(&found.rule),
    }
}

/// Of the attack, what the rules match together, 0 to 1.
fn share(attack: &[Syn], found: &[Found]) -> f64 {
    let is_matched = |syn: &&Syn| found.iter().any(|found| found.rule.matches(syn));
    attack.iter().filter(is_matched).count() as f64 / attack.len() as f64
}

/// Why there are no rules, or none for a family.
fn notes(found: &[Found], attack: &[Syn], honest: &[Syn]) -> Vec<String> {
    if attack.len() < MIN_REFUSED {
        return vec![format!("no rule: too few SYNs of an attack, {} of {MIN_REFUSED}", attack.len())];
    }
    Family::ALL.into_iter().filter_map(|family| note(family, found, attack, honest)).collect()
}

fn note(family: Family, found: &[Found], attack: &[Syn], honest: &[Syn]) -> Option<String> {
    let of_family = |syns: &[Syn]| syns.iter().filter(|syn| syn.family == family).count();
    let is_attacked = of_family(attack) as f64 >= MIN_OF_LEFT * attack.len() as f64;
    if !is_attacked || found.iter().any(|found| found.rule.family == family) {
        return None;
    }
    let name = match family {
        Family::Ipv4 => "IPv4",
        Family::Ipv6 => "IPv6",
    };
    Some(match of_family(honest) {
        few @ ..MIN_ANSWERED => format!(
            "no rule for {name}: too few honest SYNs, {few} of {MIN_ANSWERED}; capture longer, or give --honest again"
        ),
        _ => format!(
            "no rule for {name}: whatever {} or more of the attack's {name} SYNs share, honest ones have too, or it does \
             not tell a tool from a client (distance, port, MSS); such an attack is left to the pass rate and challenges",
            percent(MIN_OF_LEFT)
        ),
    })
}
