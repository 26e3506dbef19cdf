// SPDX-License-Identifier: GPL-2.0-only
//! Notes as lines for people.

use std::time::Duration;

use super::text::totals;
use super::units::{count, percent, whole};
use crate::note::{
    Blocked, Event, Flood, Kind, Nature, NetworkLimited, NetworkRelaxed, Note, Released, Rule,
    RuleStage, Why,
};

/// How much a line matters.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Weight {
    Info,
    /// Worth a look among many lines.
    Notice,
    /// Clients or the protection suffer.
    Warning,
}

pub fn weight(note: &Note) -> Weight {
    match note {
        Note::Info { .. } | Note::Change { .. } => Weight::Info,
        Note::Notice { .. } => Weight::Notice,
        Note::Warning { .. } | Note::Detached { .. } | Note::Event(Event::FloodBegun { .. }) => {
            Weight::Warning
        }
        Note::Event(
            Event::FloodKind(_)
            | Event::FloodGoesOn(_)
            | Event::FloodOver(_)
            | Event::NetworkLimited(_)
            | Event::NetworkRelaxed(_),
        ) => Weight::Notice,
        Note::Event(_) => Weight::Info,
    }
}

/// With "note: " or "warning: " before it. What is to be copied has a line of its own.
pub fn line(note: &Note) -> String {
    let prefix = if weight(note) == Weight::Warning { "warning" } else { "note" };
    let copied = match note {
        Note::Event(Event::Rule(rule)) if rule.stage == RuleStage::Watched => {
            format!("\n      tcpdump '{}'", rule.tcpdump)
        }
        _ => String::new(),
    };
    format!("{prefix}: {}{copied}", sentence(note))
}

pub fn sentence(note: &Note) -> String {
    match note {
        Note::Info { text }
        | Note::Notice { text }
        | Note::Change { text }
        | Note::Warning { text } => text.clone(),
        Note::Detached { interface } => {
            format!("{interface} is no longer protected: it was removed, or its link was detached")
        }
        Note::Event(event) => of_event(event),
    }
}

fn of_event(event: &Event) -> String {
    match event {
        Event::FloodBegun { syn_per_s } => format!("a flood has begun: {} SYN/s", count(*syn_per_s)),
        Event::FloodKind(nature) => format!("the flood is of {}", sources(nature)),
        Event::FloodGoesOn(flood) => format!("the flood has lasted {}", so_far(flood)),
        Event::FloodOver(flood) => format!("the flood is over after {}", so_far(flood)),
        Event::SourceBlocked(Blocked { source, service, why }) => {
            let why = match why {
                Why::Connections => "it has had its connections",
                Why::NeverAnswers => "it sends SYNs and never answers, or somebody forges its address",
                Why::RarelyAnswers => {
                    "it floods beside its connections, or somebody forges its address"
                }
            };
            format!("SYNs of {source}{} are dropped: {why}", at(service.as_deref()))
        }
        Event::SourceReleased(Released { source, service, blocked_s, dropped }) => format!(
            "SYNs of {source}{} are no longer dropped, after {}: {dropped} were",
            at(service.as_deref()),
            whole(Duration::from_secs_f64(*blocked_s))
        ),
        Event::MoreSourcesBlocked { count } => format!("SYNs of {count} more sources are dropped"),
        Event::NetworkLimited(NetworkLimited { network, service, connected, .. }) => format!(
            "{network} is limited as a whole{}, after {connected} connections of its sources: those that connected a \
             minute before get in as they did; a larger --burst, or --networks off, lets in more",
            at(service.as_deref())
        ),
        Event::NetworkRelaxed(NetworkRelaxed { network, service, limited_s, refused }) => format!(
            "{network} is no longer limited as a whole{}, after {}: {refused} SYNs and answers of it were refused",
            at(service.as_deref()),
            whole(Duration::from_secs_f64(*limited_s))
        ),
        Event::Rule(rule) => about_rule(rule),
        Event::EntryExpired { network, verdict } => {
            format!("the live entry {network} ({verdict}) has ended")
        }
        Event::RateRefusing { rate } => {
            format!("the {} refuses SYNs: {}", rate.replace('_', " "), beyond(rate))
        }
        Event::RateRecovered { rate, refused_s } => format!(
            "the {} refuses no more SYNs, after {}",
            rate.replace('_', " "),
            whole(Duration::from_secs_f64(*refused_s))
        ),
    }
}

fn about_rule(rule: &Rule) -> String {
    let words = &rule.words;
    let why = rule.why.as_deref().unwrap_or_default();
    let covered = rule.covered.map(percent).unwrap_or_default();
    match rule.stage {
        RuleStage::Watched => {
            format!(
                "{covered} of the flood looks like this, and no honest client seen so far: {words}; watched for 2 s"
            )
        }
        RuleStage::Suggested => format!(
            "nobody who looks like this has answered: {words}; to drop it: synflood-xdp rule add '{}' --for 1h",
            rule.rule
        ),
        RuleStage::InForce => {
            format!(
                "rule {number} {} what looks like this: {words}; against it: synflood-xdp rule remove {number}",
                if rule.dry_run { "would drop" } else { "drops" },
                number = rule.number,
            )
        }
        RuleStage::Ended => format!("rule {} has ended: {words}; {why}", rule.number),
    }
}

/// What becomes of the SYNs that a rate refuses.
fn beyond(rate: &str) -> &'static str {
    match rate {
        "pass_rate" => "what exceeds it is challenged, which honest clients do not notice",
        _ => "what exceeds it is dropped",
    }
}

/// " at service ssh", or nothing.
fn at(service: Option<&str>) -> String {
    service.map_or(String::new(), |service| format!(" at service {service}"))
}

fn so_far(flood: &Flood) -> String {
    let lasted = whole(Duration::from_secs_f64(flood.lasted_s));
    let from = match flood.nature.kind {
        Kind::Unknown => String::new(),
        _ => format!("; {}", sources(&flood.nature)),
    };
    let peak = count(flood.peak_syn_per_s);
    format!("{lasted}: {peak} SYN/s at most, {}{from}", totals(flood.counts, flood.dry_run))
}

/// "random sources and 1 address, 203.0.113.9, at port 443"
pub fn sources(nature: &Nature) -> String {
    let about = nature.sources.map_or(String::new(), |number| format!(", about {}", count(number)));
    let rest = match nature.kind {
        Kind::Unknown => return "sources that are not known yet".into(),
        Kind::Few => None,
        Kind::Random => Some("random sources".into()),
        Kind::Many => Some(format!("many sources{about}")),
        Kind::Crowd => Some(format!("many newcomers{about}, most of whom answer")),
    };
    let who = match (rest, &nature.heavy[..]) {
        (Some(rest), []) => rest,
        (Some(rest), some) => format!("{rest} and {}", heavy(some)),
        (None, some) => heavy(some),
    };
    nature.port.map_or(who.clone(), |port| format!("{who}, at port {port}"))
}

fn heavy(sources: &[String]) -> String {
    match sources {
        [] => "few addresses".into(),
        [one] => format!("1 address, {one}"),
        [first, ..] => format!("{} addresses, {first} the worst", sources.len()),
    }
}

/// "99.9 % stopped"
pub fn stopped(share: f64, dry_run: bool) -> String {
    let word = if dry_run { "would be stopped" } else { "stopped" };
    if share == 0.0 { format!("none {word}") } else { format!("{} {word}", percent(share)) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_expression_of_a_rule_that_was_found_stands_below_it() {
        let found = |stage| {
            let rule = Rule {
                number: 1,
                stage,
                words: "win 512".into(),
                rule: "ipv4,window=512".into(),
                tcpdump: "ip and tcp[14:2] = 512".into(),
                nft: None,
                covered: Some(1.0),
                honest_bound: Some(0.001),
                why: None,
                dry_run: false,
            };
            line(&Note::Event(Event::Rule(rule.into())))
        };
        assert_eq!(
            found(RuleStage::Watched),
            "note: 100 % of the flood looks like this, and no honest client seen so far: win 512; watched for 2 s\n      \
             tcpdump 'ip and tcp[14:2] = 512'"
        );
        for other in [RuleStage::Suggested, RuleStage::InForce, RuleStage::Ended] {
            assert!(!found(other).contains("tcpdump"), "it was said before: {}", found(other));
        }
    }
}
