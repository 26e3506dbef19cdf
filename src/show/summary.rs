// SPDX-License-Identifier: GPL-2.0-only
//! What a run says at its end: one screen.

use std::fmt::Write as _;
use std::time::Duration;

use chrono::{DateTime, Local};

use super::model::{Attack, HonestRefused, Summary};
use super::notes::{sources, stopped};
use super::text::totals;
use super::units::{count, percent, whole};
use crate::note::{Flood, Kind, SourceShare};

/// Of the SYNs that did not pass.
const WORTH_A_NAME: f64 = 0.01;

pub fn text(summary: &Summary) -> String {
    let counts = totals(summary.counts, summary.dry_run);
    let mut text = format!("ended after {}: {counts}\n", whole(summary.elapsed));
    if let Some(attack) = &summary.attack {
        text += &attacks(attack, summary.dry_run);
        text += &refused(attack);
        text += &changes(attack);
    }
    for (reason, count) in summary.reasons.iter().filter(|&(_, &count)| count > 0) {
        let _ = writeln!(text, "  {reason:<26} {count:>14}");
    }
    text
}

fn attacks(attack: &Attack, dry_run: bool) -> String {
    let Some(flood) = &attack.last_flood else { return "no attack\n".into() };
    let what = if flood.nature.kind == Kind::Crowd { "a crowd" } else { "an attack" };
    let (began, all) = (clock(&flood.began), whole(attack.lasted));
    let last = whole(Duration::from_secs_f64(flood.lasted_s));
    let mut text = match (attack.floods, attack.flood_is_on) {
        (1, true) => format!("{what} since {began}, for {all}, which is STILL ON"),
        (1, false) => format!("{what} at {began}, for {all}"),
        (floods, true) => {
            format!(
                "{floods} attacks, {all} in all; the last one since {began}, for {last}, which is STILL ON"
            )
        }
        (floods, false) => {
            format!("{floods} attacks, {all} in all; the last one at {began}, for {last}")
        }
    };
    let _ = writeln!(
        text,
        ": {} SYN/s at most, {}; {}",
        count(flood.peak_syn_per_s),
        stopped(flood.counts.stopped(), dry_run),
        sources(&flood.nature)
    );
    text + &most(flood) + &visitors(flood)
}

/// Local time, with the day if it is another one.
fn clock(time: &str) -> String {
    let Ok(time) = DateTime::parse_from_rfc3339(time) else { return time.into() };
    let (time, now) = (time.with_timezone(&Local), Local::now());
    let is_today = time.date_naive() == now.date_naive();
    time.format(if is_today { "%H:%M:%S" } else { "%d %b %H:%M:%S" }).to_string()
}

/// "  on port 443 (98 %), port 80 (2 %)" and where from.
fn most(flood: &Flood) -> String {
    let mut text = String::new();
    let ports: Vec<_> = flood
        .ports
        .iter()
        .map(|each| format!("port {} ({})", each.port, percent(each.share)))
        .collect();
    if !ports.is_empty() {
        let _ = writeln!(text, "  on {}", ports.join(", "));
    }
    let named = flood.top_sources.iter().filter(|each| each.share >= WORTH_A_NAME);
    let worst: Vec<_> = named.map(one_of_the_worst).collect();
    if !worst.is_empty() {
        let _ = writeln!(text, "  the heaviest: {}", worst.join(", "));
    }
    text
}

/// A visitor is among them where the attack comes from addresses that are seen once.
fn one_of_the_worst(SourceShare { source, share, connected }: &SourceShare) -> String {
    let answers = if *connected > 0 { ", which answers" } else { "" };
    format!("{source} ({}{answers})", percent(*share))
}

fn visitors(flood: &Flood) -> String {
    let counts = &flood.counts;
    format!(
        "  visitors meanwhile: {} connected, {} of them by cookie; {} refused\n",
        count(counts.connected),
        count(counts.by_cookie),
        count(counts.refused)
    )
}

fn refused(attack: &Attack) -> String {
    let of = |each: &HonestRefused| {
        let HonestRefused { source, service, dropped, connected, burst_enough } = each;
        let service =
            service.as_deref().map_or(String::new(), |service| format!(" at service {service}"));
        format!(
            "  {source}{service}: {dropped} SYNs dropped, {connected} connections; a burst of {burst_enough} would have \
             let them in\n"
        )
    };
    match &attack.honest_refused[..] {
        [] => String::new(),
        some => {
            "sources that answer, and were refused:\n".to_owned()
                + &some.iter().map(of).collect::<String>()
        }
    }
}

fn changes(attack: &Attack) -> String {
    if attack.changes.is_empty() {
        return String::new();
    }
    let earlier = match attack.earlier_changes {
        0 => String::new(),
        some => format!("  {some} before these\n"),
    };
    let changes = attack.changes.iter().map(|change| format!("  {change}\n"));
    "changed meanwhile:\n".to_owned() + &earlier + &changes.collect::<String>()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::time::Duration;

    use super::text;
    use crate::note::{Counts, Flood, Kind, Nature, PortShare, SourceShare};
    use crate::show::model::{Attack, Summary};

    fn attack() -> Attack {
        let source = SourceShare { source: "203.0.113.9".into(), share: 0.38, connected: 0 };
        let answers = SourceShare { source: "192.0.2.7".into(), share: 0.02, connected: 30 };
        let nature = Nature {
            kind: Kind::Random,
            heavy: vec![source.source.clone()],
            sources: Some(1_200_000),
            port: None,
        };
        Attack {
            floods: 1,
            lasted: Duration::from_secs(252),
            flood_is_on: true,
            last_flood: Some(Flood {
                began: "2026-01-02T03:04:05Z".into(),
                lasted_s: 252.0,
                peak_syn_per_s: 41_000,
                counts: Counts { passed: 10, challenged: 9_000, dropped: 990, ..Counts::default() },
                nature,
                top_sources: vec![source, answers],
                top_networks: Vec::new(),
                ports: vec![PortShare { port: 443, share: 1.0 }],
                dry_run: false,
            }),
            honest_refused: Vec::new(),
            changes: vec!["by command, 203.0.113.9 is denied".into()],
            earlier_changes: 0,
        }
    }

    fn summary(attack: Attack) -> String {
        text(&Summary {
            elapsed: Duration::from_secs(300),
            counts: Counts::default(),
            reasons: BTreeMap::new(),
            attack: Some(attack),
            dry_run: false,
        })
    }

    #[test]
    fn an_attack_that_is_on_is_said_to_be() {
        let text = summary(attack());
        for said in [
            ", for 4m12s, which is STILL ON: 41.0k SYN/s at most, 99.9 % stopped; \
             random sources and 1 address, 203.0.113.9\n",
            "an attack since 0",
            "  on port 443 (100 %)\n",
            "  the heaviest: 203.0.113.9 (38 %), 192.0.2.7 (2 %, which answers)\n",
            "changed meanwhile:\n  by command, 203.0.113.9 is denied\n",
        ] {
            assert!(text.contains(said), "{said}: {text}");
        }
        let over = summary(Attack { flood_is_on: false, ..attack() });
        assert!(over.contains("an attack at 0") && over.contains(", for 4m12s: 41.0k"), "{over}");
        let calm = summary(Attack { last_flood: None, ..attack() });
        assert!(calm.contains("no attack\n"), "{calm}");
    }
}
