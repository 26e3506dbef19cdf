// SPDX-License-Identifier: GPL-2.0-only

use std::net::{IpAddr, Ipv4Addr};
use std::time::Duration;

use proptest::{collection::vec, prelude::*};
use serde_json::json;

use super::*;
use crate::policy::{Challenge, Cookies, Learn, Networks, Services, TotalRate};

const HOUR: Duration = Duration::from_secs(3_600);

pub(super) fn policy(services: &[&str]) -> Policy {
    Policy {
        syn_limit: Limit { burst: 100, rate: ADVISED_RATES[3] },
        connection_limit: None,
        pass_rate: TotalRate(None),
        unchallenged_rate: TotalRate(None),
        challenge: Challenge::All,
        challenge_rate: TotalRate(None),
        cookies: Cookies::Own,
        ipv4_prefix: 32,
        ipv6_prefix: 64,
        ports: Ports::default(),
        services: Services::new(services.iter().map(|text| text.parse().unwrap()).collect()),
        networks: Networks::On,
        learn: Learn::On,
        dry_run: true,
    }
}

/// A source with this number that needs this burst at each rate.
fn need(number: u32, service: usize, burst: u64) -> Need {
    let address: IpAddr = Ipv4Addr::from_bits(0x0a00_0000 + number).into();
    Need { network: address.into(), service, bursts: [burst; 5] }
}

fn advice(sources: Vec<Need>, elapsed: Duration, policy: &Policy) -> Advice {
    advice_of(Needs { elapsed, forgotten: 0, sources }, Counts::default(), policy)
}

fn advice_of(needs: Needs, counts: Counts, policy: &Policy) -> Advice {
    Advice::on(&needs, counts, policy, &["eth0".into()])
}

/// So many sources of a service, all of which need this burst.
fn alike(count: u32, service: usize, burst: u64) -> Vec<Need> {
    (0..count).map(|number| need(number, service, burst)).collect()
}

impl OfService {
    #[track_caller]
    fn advised(&self) -> &Advised {
        self.advised.as_ref().expect("enough was seen")
    }
}

/// Sources of no service that need 1, 2, 3, …
fn one_to(count: u32) -> OfService {
    let sources = (1..=count).map(|number| need(number, 0, number.into())).collect();
    advice(sources, 100 * HOUR, &policy(&[])).services.remove(0)
}

#[test]
fn only_shares_that_the_sources_tell_apart_are_shown() {
    for (sources, shown) in [
        (1, &[(100.0, 1, 0)][..]),
        (99, &[(100.0, 99, 0)]),
        (100, &[(99.0, 99, 1), (100.0, 100, 0)]),
        (999, &[(99.0, 990, 9), (100.0, 999, 0)]),
        (1_000, &[(99.0, 990, 10), (99.9, 999, 1), (100.0, 1_000, 0)]),
        (20_000, &[(99.0, 19_800, 200), (99.9, 19_980, 20), (99.99, 19_998, 2), (100.0, 20_000, 0)]),
    ] {
        let of_service = one_to(sources);
        for rate in &of_service.rates {
            let bursts = rate.bursts.iter();
            let bursts: Vec<_> =
                bursts.map(|each| (each.percent, each.burst, each.sources_above)).collect();
            assert_eq!(bursts, shown, "of {sources} at {}", rate.rate);
        }
        let advised = of_service.advised.as_ref();
        let advised = advised.map(|it| (it.limit.burst, it.sources_above));
        let expected = shown.iter().rev().nth(1).map(|&(_, burst, above)| (burst, above));
        assert_eq!(advised, expected, "of {sources}");
    }
}

#[test]
fn at_most_ten_that_are_above_are_named_worst_first() {
    let mut sources: Vec<_> = (0..2_000).map(|number| need(number, 0, 3)).collect();
    sources.extend((1..=50).map(|number| need(9_000 + number, 0, 100 + u64::from(number))));
    let all = advice(sources, HOUR, &policy(&[]));
    let [of_service] = &all.services[..] else { panic!("{all:?}") };
    let bursts: Vec<_> = of_service.rates[1].bursts.iter().map(|each| each.burst).collect();
    assert_eq!(bursts, [130, 148, 150]);
    let advised = of_service.advised();
    let above: Vec<_> = advised.above.iter().map(|each| each.burst).collect();
    assert_eq!((advised.limit.burst, advised.sources_above), (10, 50), "all of these are outliers");
    assert_eq!(above, (141..=150).rev().collect::<Vec<_>>());
    assert_eq!(advised.above[0].source, "10.0.35.90");
    assert!(all.to_string().contains("    and 40 more\n"), "{all}");

    let many = one_to(999).advised.unwrap();
    assert_eq!((many.sources_above, many.above.len(), many.above[0].burst), (9, 9, 999));
    let more = one_to(120_000).advised.unwrap();
    assert_eq!((more.percent, more.sources_above, more.above.len()), (99.99, 12, 10));
}

/// The slowest rate bounds an attacker best, if traffic was looked at for long enough.
#[test]
fn the_slowest_settled_rate_is_advised() {
    let of = |bursts| (0..100).map(|number| Need { bursts, ..need(number, 0, 1) }).collect();
    let bursts = [15, 8, 6, 6, 5];
    for (elapsed_s, settled) in [
        (3_600.0, [true; 5]),
        (600.0, [true; 5]),
        (599.0, [false, true, true, true, true]),
        (32.0, [false, true, true, true, true]),
        (31.0, [false, false, true, true, true]),
        (4.7, [false, false, false, true, true]),
        (0.1, [false; 5]),
    ] {
        let all = advice(of(bursts), Duration::from_secs_f64(elapsed_s), &policy(&[]));
        let of_all = &all.services[0];
        let found: Vec<_> = of_all.rates.iter().map(|rate| rate.is_settled).collect();
        assert_eq!(found, settled, "{elapsed_s} s");
        let advised = of_all.advised.as_ref().map(|advised| advised.limit);
        let slowest = Limit { burst: 15, rate: ADVISED_RATES[0] };
        assert_eq!(advised, (elapsed_s >= 600.0).then_some(slowest), "{elapsed_s} s");
    }
    let all = advice(of([400, 200, 40, 30, 20]), ENOUGH, &policy(&[]));
    assert_eq!(all.services[0].advised().limit, Limit { burst: 40, rate: ADVISED_RATES[2] });
}

/// Two bots among 152 sources are no measure, nor is one of a thousand; a few busy offices are.
#[test]
fn outliers_do_not_count() {
    let with = |count, some: &[u64]| {
        let mut sources = alike(count, 0, 7);
        sources.extend((0..).zip(some).map(|(number, &burst)| need(100_000 + number, 0, burst)));
        let of_all = advice(sources, HOUR, &policy(&[])).services.remove(0);
        let advised = of_all.advised();
        (advised.limit.burst, advised.sources_above)
    };
    assert_eq!(with(150, &[2_981, 2_981]), (10, 2));
    assert_eq!(with(150, &[70, 70]), (70, 0), "ten times is not over ten times");
    assert_eq!(with(150, &[71, 71]), (10, 2));
    assert_eq!(with(1_000, &[2_981; 20]), (10, 20));
    assert_eq!(with(2_000, &[2_981; 3]), (10, 3));
    let growing: Vec<_> = [40; 20].into_iter().chain([300; 3]).collect();
    assert_eq!(with(1_000, &growing), (300, 0), "share by share");
    let bots: Vec<_> = [40; 20].into_iter().chain([60]).chain([3_000; 3]).collect();
    assert_eq!(with(1_000, &bots), (60, 3), "the worst that is none");
}

#[test]
fn a_browser_gets_in_whatever_was_seen() {
    let all = advice(alike(100, 0, 2), ENOUGH, &policy(&[]));
    assert_eq!(all.services[0].advised().limit.burst, 10);
    assert!(all.command.unwrap().contains("--burst 10 --rate 6/m"));
}

#[test]
fn the_command_line_has_every_service() {
    let services = ["web=80,443", "ssh=22,burst=3,rate=6/m,challenge=off", "mail=25,burst=9,rate=9"];
    let policy = policy(&services);
    let seen = [alike(100, 1, 12), alike(99, 2, 4)].concat();
    let all = advice(seen.clone(), HOUR, &policy);
    let command = "synflood-xdp --iface eth0 --service web=80,443,burst=12,rate=6/m \
                   --service ssh=22,burst=3,rate=6/m,challenge=off --service mail=25,burst=9,rate=9/s";
    assert_eq!(all.command.as_deref(), Some(command));
    let text = all.to_string();
    for said in ["web (80 443): 100 sources\n", "ssh (22): 99 sources\n", command] {
        assert!(text.contains(said), "{text}");
    }
    assert_eq!(text.matches("counts again: leave room").count(), 1, "{text}");
    assert_eq!(text.matches("fewer than 100 sources: a limit of its own stays").count(), 1, "{text}");

    let with_others = advice([alike(100, 0, 11), seen].concat(), HOUR, &policy);
    assert!(with_others.command.unwrap().contains("--iface eth0 --burst 11 --rate 6/m --service web="));
    let of_none = advice(Vec::new(), HOUR, &policy);
    assert_eq!((of_none.command.as_deref(), of_none.services.len()), (None, 0));
    assert!(of_none.to_string().contains("no connection came to stand in 1h"));
}

#[test]
fn from_too_little_no_limit_is_advised() {
    let why = |count, elapsed_s, said: &str| {
        let all = advice(alike(count, 0, 2), Duration::from_secs(elapsed_s), &policy(&[]));
        let text = all.to_string();
        assert!(text.contains("  6/m           2"), "the tables stay: {text}");
        assert!(!text.contains("use, with") && !text.contains("burst 10"), "{text}");
        assert!(
            text.contains(&format!("\nno limit is advised from {said}, as a browser alone")),
            "{text}"
        );
        assert!(
            text.ends_with("let it see 10m of usual traffic, from 100 sources or more\n"),
            "{text}"
        );
        assert_eq!((all.command, &all.services[0].advised), (None, &None));
        assert!(all.why_no_command.is_some_and(|why| text.ends_with(&format!("{why}\n"))));
    };
    why(1, 40, "40s and 1 source");
    why(99, 600, "99 sources");
    why(100, 599, "9m59s");
    assert_eq!(advice(alike(100, 0, 2), ENOUGH, &policy(&[])).why_no_command, None);
}

#[test]
fn a_full_table_is_said() {
    let needs = Needs { elapsed: ENOUGH, forgotten: 3, sources: alike(1, 0, 2) };
    let text = advice_of(needs, Counts::default(), &policy(&[])).to_string();
    assert!(text.contains("no room for 3 sources"), "{text}");
    assert!(!advice(alike(1, 0, 2), ENOUGH, &policy(&[])).to_string().contains("no room"));
}

#[test]
fn the_last_line_says_what_a_real_run_would_have_done() {
    let last = |passed, challenged, dropped| {
        let counts = Counts { passed, challenged, dropped, connected: 739, ..Counts::default() };
        let needs = Needs { elapsed: ENOUGH, forgotten: 0, sources: Vec::new() };
        advice_of(needs, counts, &policy(&[])).to_string().lines().last().unwrap().to_owned()
    };
    assert_eq!(
        last(4, 900, 96),
        "a real run, as this one was set, would have stopped up to 99.6 % of the SYNs, and let in who \
         answers its cookies; in this dry run, which stops nothing, 739 connections stood"
    );
    assert!(last(9, 0, 0).contains("would have stopped none of the SYNs, "));
    assert!(last(0, 0, 0).starts_with("no advice on limits"));
}

#[test]
fn the_words_fit_a_screen() {
    let mut sources: Vec<_> = (0..120).map(|number| need(number << 3, 0, 6)).collect();
    sources.push(need(999, 0, 400));
    let text = advice(sources, ENOUGH, &policy(&[])).to_string();
    let expected = "\
advice on --burst and --rate, from the connections of 10m
all ports: 121 sources
  RATE       99 %      ALL
  6/m           6      400
  1/s           6      400
  5/s           6      400
  20/s          6      400
  100/s         6      400
  burst 10, rate 6/m: 1 of 121 sources would have met it
  outliers: proxies, monitors, or attackers: allow those that you know
    synflood-xdp allow 10.0.3.231         # burst 400 at 6/m
  no network would have been limited as a whole
use, with your other options:
  synflood-xdp --iface eth0 --burst 10 --rate 6/m
";
    assert_eq!(text, expected);
}

#[test]
fn the_json_has_all_of_it() {
    let json = serde_json::to_value(advice(alike(100, 0, 12), HOUR, &policy(&[]))).unwrap();
    assert_eq!(json["services"][0]["service"], json!(null));
    let advised = json!({"burst": 12, "rate": 0.1, "percent": 100.0, "sources_above": 0, "above": [],
        "crowded_networks": [{"network": "10.0.0.0/24", "sources": 100}]});
    assert_eq!(json["services"][0]["advised"], advised);
    let of_rate = json!({
        "rate": 100.0, "is_settled": true,
        "bursts": [
            {"percent": 99.0, "burst": 12, "sources_above": 0},
            {"percent": 100.0, "burst": 12, "sources_above": 0},
        ],
    });
    assert_eq!(json["services"][0]["rates"][4], of_rate);
    assert_eq!(json["why_no_command"], json!(null));
    let little = serde_json::to_value(advice(alike(1, 0, 2), HOUR, &policy(&[]))).unwrap();
    assert_eq!((&little["command"], &little["services"][0]["advised"]), (&json!(null), &json!(null)));
    assert!(
        little["why_no_command"].as_str().unwrap().starts_with("no limit is advised from 1 source")
    );
    assert_eq!((&json["elapsed_s"], &json["forgotten_sources"]), (&json!(3_600.0), &json!(0)));
}

proptest! {
    /// Counted one by one: enough sources are within each burst, and one less would be too little.
    #[test]
    fn a_burst_is_the_least_that_covers_its_share(bursts in vec(1..40_u64, 1..1_500)) {
        let sources = bursts.iter().zip(0..).map(|(&burst, number)| need(number, 0, burst)).collect();
        let of_service = advice(sources, HOUR, &policy(&[])).services.remove(0);
        let within = |burst: u64| bursts.iter().filter(|&&other| other <= burst).count() as f64;
        for share in &of_service.rates[0].bursts {
            let wanted = bursts.len() as f64 * share.percent / 100.0 - 1e-6;
            prop_assert!(within(share.burst) >= wanted);
            prop_assert!(within(share.burst - 1) < wanted);
            prop_assert_eq!(share.sources_above, bursts.len() as u64 - within(share.burst) as u64);
        }
        if let Some(advised) = &of_service.advised {
            prop_assert!(advised.above.iter().all(|above| above.burst > advised.limit.burst));
        }
    }
}
