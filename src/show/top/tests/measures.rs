// SPDX-License-Identifier: GPL-2.0-only

use std::time::Duration;

use super::{policy, second, syns};
use crate::show::model::Network;
use crate::show::rules::{Counts, Origin, Rule, Stage};
use crate::show::top::Theme;
use crate::show::top::model::{Model, Second};
use crate::show::top::rank::Ranked;
use crate::show::top::screen::{self, View};
use crate::show::top::ui::Ui;

fn rule(number: usize, stage: Stage, words: &str, matched: u64, dropped: u64) -> Rule {
    Rule {
        number,
        stage,
        origin: Origin::Learned,
        words: words.into(),
        rule: words.into(),
        tcpdump: String::new(),
        nft: None,
        found: None,
        counts: Counts { matched, dropped, canaries: 0, repeated: 0, spared: 0, answered: 0 },
        last_match: None,
        age: Duration::from_secs(9),
        left: None,
    }
}

fn network(network: &str, service: Option<&str>, refused: u64) -> Network {
    Network {
        network: network.into(),
        service: service.map(Into::into),
        step: 1,
        tokens: 0,
        next_token: Duration::ZERO,
        limited: Some(Duration::from_secs(12)),
        connected: 900,
        refused,
    }
}

/// What a flood at these seconds meets.
fn at(second_number: u64, measures: impl Fn(u64) -> (Vec<Rule>, Vec<Network>)) -> Second {
    let (rules, networks) = measures(second_number);
    Second { rules, networks, ..second(second_number, syns(0, 0, 38_700 * second_number, 0)) }
}

fn model(measures: impl Fn(u64) -> (Vec<Rule>, Vec<Network>)) -> Model {
    let mut model = Model::new(Vec::new(), policy());
    (10..12).for_each(|number| model.see(at(number, &measures)));
    model
}

fn screen(model: &Model, height: u16) -> Vec<String> {
    let (ranked, ui) = (Ranked::default(), Ui::default());
    let view = View {
        model,
        ranked: &ranked,
        ui: &ui,
        others: &[],
        has_keys: true,
        theme: Theme::new(Some("1")),
    };
    screen::text(&view, 80, height).lines().map(Into::into).collect()
}

#[test]
fn rules_and_limited_networks_have_lines_while_there_are_any() {
    let lines = screen(&model(|_| (Vec::new(), Vec::new())), 24);
    assert!(lines[11].starts_with("ADDRESS"), "{lines:#?}");

    let lines = screen(
        &model(|at| {
            let rules = vec![
                rule(1, Stage::Watched, "win 1024, mss 1460", 60 * at, 0),
                rule(2, Stage::InForce, "win 512, no options", 38_700 * at, 38_000 * at),
            ];
            let networks = vec![
                network("198.51.100.0/24", Some("ssh"), 3 * at),
                network("2001:db8:48::/48", None, 1_200 * at),
            ];
            (rules, networks)
        }),
        24,
    );
    assert_eq!(
        lines[11..14],
        [
            "rule 2    38.0k/s dropped: win 512, no options",
            "rule 1    watched, 60/s match: win 1024, mss 1460",
            "limited   2 networks: 2001:db8:48::/48 1.2k/s refused, 198.51.100.0/24 at servic",
        ]
    );
    assert!(lines[14].starts_with("ADDRESS"), "{lines:#?}");
    assert!(lines[23].starts_with("? help"), "{lines:#?}");
}

#[test]
fn what_has_no_room_is_counted() {
    let many = |at| {
        let rules =
            (1..=8).map(|number| rule(number, Stage::InForce, "win", 0, at * (90 - number as u64)));
        (rules.collect(), vec![network("198.51.100.0/24", None, 3 * at)])
    };
    let lines = screen(&model(many), 24);
    assert_eq!(
        lines[11..15],
        [
            "rule 1    89/s dropped: win",
            "rule 2    88/s dropped: win",
            "          and 6 rules in force, 507/s dropped: see `rule list`",
            "limited   198.51.100.0/24 3/s refused",
        ]
    );
    let lines = screen(&model(many), 54);
    assert_eq!(lines[18], "rule 8    82/s dropped: win", "{lines:#?}");
}

#[test]
fn what_has_just_come_or_gone_has_no_rate() {
    let lines = screen(
        &model(|at| match at {
            10 => (vec![rule(1, Stage::InForce, "win 512", 9_000, 9_000)], Vec::new()),
            _ => (
                vec![rule(1, Stage::InForce, "ttl 64", 70, 70)],
                vec![network("198.51.100.0/24", None, 30)],
            ),
        }),
        24,
    );
    assert_eq!(
        lines[11..13],
        ["rule 1    0/s dropped: ttl 64", "limited   198.51.100.0/24 0/s refused"]
    );
}

#[test]
fn an_instance_that_has_gone_drops_nothing() {
    let mut model = model(|at| (vec![rule(1, Stage::InForce, "win 512", at, at)], Vec::new()));
    model.gone = Some("eth0 is NOT PROTECTED".into());
    assert!(screen(&model, 24)[11].starts_with("ADDRESS"));
    model.gone = None;
    model.policy.dry_run = true;
    assert_eq!(screen(&model, 24)[11], "rule 1    1/s (dropped): win 512");
}
