// SPDX-License-Identifier: GPL-2.0-only
//! What is read, and what then stands on the screen.

mod keys;
mod measures;
mod readings;
mod screens;

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::time::Duration;

use super::model::{Model, Second};
use super::sources::{Key, ListedNetwork, Seen, Sources, Table, Totals};
use super::syns::Syns;
use crate::note::Counts;
use crate::policy::{
    AttachMode, Challenge, Cookies, Learn, Limit, Networks, Policy, Ports, Services, TotalRate,
};
use crate::show::model::InterfaceMode;
use crate::show::model::PortQueue;

fn policy() -> Policy {
    let rate = |text: &str| text.parse::<TotalRate>().unwrap();
    Policy {
        syn_limit: Limit { burst: 100, rate: "20".parse().unwrap() },
        connection_limit: None,
        pass_rate: rate("1000"),
        unchallenged_rate: rate("10000"),
        challenge: Challenge::All,
        challenge_rate: rate("0"),
        cookies: Cookies::Own,
        ipv4_prefix: 32,
        ipv6_prefix: 64,
        ports: Ports::default(),
        services: Services::new(vec!["ssh=22".parse().unwrap()]),
        networks: Networks::On,
        learn: Learn::On,
        dry_run: false,
    }
}

fn syns(passed: u64, challenged: u64, dropped: u64, connected: u64) -> Syns {
    Syns { passed, challenged, dropped, connected }
}

fn seen(address: &str, service: u8, all: Syns) -> Seen {
    let key = Key::new(address.parse::<IpAddr>().unwrap(), service);
    Seen { key, all, has_no_token: false }
}

/// Two readings of a table, three seconds apart.
fn table(before: (&[Seen], Totals), now: (&[Seen], Totals), networks: [&[ListedNetwork]; 2]) -> Table {
    let mut sources = Sources::default();
    before.0.iter().for_each(|&seen| sources.see(seen));
    assert!(sources.finish(Duration::from_secs(10), before.1, networks[0]).is_none(), "only one");
    now.0.iter().for_each(|&seen| sources.see(seen));
    sources.finish(Duration::from_secs(13), now.1, networks[1]).unwrap()
}

/// One who floods, one who is busy, and random addresses.
fn flood() -> Table {
    let before = [
        seen("203.0.113.9", 0, syns(20, 30, 1_000, 0)),
        seen("198.51.100.7", 1, syns(15, 0, 0, 15)),
        seen("2001:db8:1234:5678::", 0, syns(9, 0, 0, 9)),
    ];
    let now = [
        seen("203.0.113.9", 0, syns(23, 30, 117_100, 0)),
        seen("198.51.100.7", 1, syns(30, 108, 0, 138)),
        seen("2001:db8:1234:5678::", 0, syns(12, 0, 0, 12)),
        seen("192.0.2.1", 0, syns(1, 0, 0, 0)),
        seen("192.0.2.2", 0, syns(1, 0, 0, 1)),
    ];
    let totals = |syns, denied| Totals { syns, exempt: 0, denied };
    let before = (&before[..], totals(syns(100, 100, 2_000, 50), 0));
    let all = syns(100 + 21 + 630, 100 + 108 + 5_700, 2_000 + 116_100, 50 + 126 + 700);
    table(before, (&now, totals(all, 0)), [&[], &[]])
}

fn second(at: u64, all: Syns) -> Second {
    let reasons = [
        ("challenge_sent", all.challenged),
        ("drop_challenge_ration", all.dropped),
        ("skip_not_syn", at * 1_000_000),
        ("drop_over_limit", at * 2),
        ("pass_time_wait", 0),
    ];
    Second {
        at: Duration::from_secs(at),
        clock: "03:12:44".into(),
        counts: Counts {
            passed: all.passed,
            challenged: all.challenged,
            dropped: all.dropped,
            connected: all.connected,
            by_cookie: at * 3,
            refused: at * 2,
        },
        reasons: BTreeMap::from(reasons.map(|(name, count)| (name.into(), count))),
        since: Duration::from_secs(3 * 3600),
        flood: Some(Duration::from_secs(252)),
        flood_of: "random sources and 1 address, 203.0.113.9".into(),
        fault: None,
        has_process: true,
        queues: vec![
            PortQueue { port: 80, length: 0, limit: 511 },
            PortQueue { port: 443, length: 12, limit: 4096 },
        ],
        ports: BTreeMap::from([(443, at * 200), (80, at * 12)]),
        unchallenged: vec![9],
        rules: Vec::new(),
        networks: Vec::new(),
    }
}

fn model() -> Model {
    let interfaces = vec![InterfaceMode { name: "eth0".into(), mode: AttachMode::Native }];
    let mut model = Model::new(interfaces, policy());
    for at in 10..12 {
        model.see(second(at, syns(210 * at, 2_000 * at, 38_700 * at, 212 * at)));
    }
    model.table = Some(flood());
    model
}
