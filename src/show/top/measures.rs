// SPDX-License-Identifier: GPL-2.0-only
//! What is in force against a flood: rules, and limits of whole networks. Where there is none, it takes no line.

use std::cmp::Reverse;

use ratatui::text::{Line, Span};

use super::model::{Model, Second};
use super::theme::Theme;
use crate::policy::faults::harmless;
use crate::show::model::Network;
use crate::show::rules::{Rule, Stage, in_short};
use crate::show::units::short;

/// Of the lines of the screen, one in so many may be taken: the sources must have room.
const PART: u16 = 6;

/// In a second, in the order of the rules and networks of [`Second`].
#[derive(Debug, Clone, Default)]
pub struct Measured {
    /// SYNs that rules matched.
    matched: Vec<f64>,
    /// Those of them that were dropped.
    dropped: Vec<f64>,
    /// SYNs and answers that limits of networks refused.
    refused: Vec<f64>,
}

impl Measured {
    /// What was not there before has done nothing yet.
    pub fn between(before: &Second, now: &Second, rate: impl Fn(u64, u64) -> f64) -> Self {
        let of_rules = |count: fn(&Rule) -> u64| {
            let of = |rule: &Rule| {
                let is_same = |other: &&Rule| (other.number, &other.rule) == (rule.number, &rule.rule);
                let then = before.rules.iter().find(is_same).map_or(count(rule), count);
                rate(then, count(rule))
            };
            now.rules.iter().map(of).collect()
        };
        let of_network = |network: &Network| {
            let is_same = |other: &&Network| {
                (&other.network, &other.service) == (&network.network, &network.service)
            };
            let then = before.networks.iter().find(is_same).unwrap_or(network).refused;
            rate(then, network.refused)
        };
        Self {
            matched: of_rules(|rule| rule.counts.matched),
            dropped: of_rules(|rule| rule.counts.dropped),
            refused: now.networks.iter().map(of_network).collect(),
        }
    }
}

/// What `height` lines of a screen have room for.
pub fn lines(model: &Model, theme: Theme, height: u16) -> Vec<Line<'static>> {
    if model.gone.is_some() {
        return Vec::new();
    }
    let measured = model.rates.as_ref().map(|rates| rates.measured.clone()).unwrap_or_default();
    let networks = networks(&model.second.networks, &measured);
    let room = usize::from(height / PART) - usize::from(networks.is_some());
    let mut lines = rules(model, &measured, room);
    lines.extend(networks.map(|text| ("limited".into(), text)));
    let line = |(label, text): (String, String)| {
        Line::from(vec![
            Span::styled(format!("{label:<10}"), theme.faint()),
            Span::raw(harmless(&text)),
        ])
    };
    lines.into_iter().map(line).collect()
}

/// ("rule 1", "38.7k/s dropped: win 512, no options"): those that dropped most come first.
fn rules(model: &Model, measured: &Measured, room: usize) -> Vec<(String, String)> {
    let rate = |rates: &[f64], place: usize| rates.get(place).copied().unwrap_or_default();
    let mut rules: Vec<_> = model
        .second
        .rules
        .iter()
        .enumerate()
        .map(|(place, rule)| (rule, rate(&measured.dropped, place), rate(&measured.matched, place)))
        .collect();
    // By what they did in all: lines that change their places each second cannot be read.
    rules.sort_by_key(|(rule, ..)| Reverse((rule.counts.dropped, rule.counts.matched)));
    let line = |&(rule, dropped, matched): &(&Rule, f64, f64)| {
        let text = match (rule.stage, model.policy.dry_run) {
            (Stage::Watched, _) => format!("watched, {}/s match: {}", short(matched), rule.words),
            (Stage::InForce, false) => format!("{}/s dropped: {}", short(dropped), rule.words),
            (Stage::InForce, true) => format!("{}/s (dropped): {}", short(dropped), rule.words),
        };
        (format!("rule {}", rule.number), text)
    };
    if rules.len() <= room {
        return rules.iter().map(line).collect();
    }
    let (named, others) = rules.split_at(room - 1);
    let dropped = others.iter().map(|(_, dropped, _)| dropped).sum();
    let others: Vec<Rule> = others.iter().map(|&(rule, ..)| rule.clone()).collect();
    let more = format!("and {}, {}/s dropped: see `rule list`", in_short(&others), short(dropped));
    let mut lines: Vec<_> = named.iter().map(line).collect();
    lines.push((String::new(), more));
    lines
}

/// "2001:db8:48::/48 1.2k/s refused, 198.51.100.0/24 at service ssh 3/s": the worst first.
fn networks(networks: &[Network], measured: &Measured) -> Option<String> {
    let mut networks: Vec<_> = networks
        .iter()
        .enumerate()
        .map(|(place, network)| (network, measured.refused.get(place).copied().unwrap_or_default()))
        .collect();
    networks.sort_by_key(|(network, _)| Reverse(network.refused));
    let name = |(place, (network, refused)): (usize, &(&Network, f64))| {
        let service =
            network.service.as_ref().map_or(String::new(), |name| format!(" at service {name}"));
        let what = if place == 0 { " refused" } else { "" };
        format!("{}{service} {}/s{what}", network.network, short(*refused))
    };
    let count = match networks.len() {
        0 => return None,
        1 => String::new(),
        count => format!("{count} networks: "),
    };
    let named: Vec<_> = networks.iter().enumerate().map(name).collect();
    Some(format!("{count}{}", named.join(", ")))
}
