// SPDX-License-Identifier: GPL-2.0-only

use std::net::{IpAddr, Ipv4Addr};
use std::time::Duration;

use proptest::collection::vec;
use proptest::prelude::*;
use serde_json::json;

use super::*;
use crate::policy::{Challenge, Cookies, Services, TotalRate};

const HOUR: Duration = Duration::from_secs(3_600);

fn policy(services: &[&str]) -> Policy {
    let limit = Limit { burst: 100, rate: ADVISED_RATES[3] };
    Policy {
        syn_limit: limit,
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
        dry_run: true,
    }
}

/// A source with this number that needs this burst at each rate.
fn need(number: u32, service: usize, burst: u64) -> Need {
    let network = IpAddr::from(Ipv4Addr::from_bits(0x0a00_0000 + number)).into();
    Need { network, service, bursts: [burst; 5] }
}

fn advice(sources: Vec<Need>, elapsed: Duration, policy: &Policy) -> Advice {
    Advice::on(&Needs { elapsed, forgotten: 0, sources }, policy, &["eth0".into()])
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
        let &(percent, burst, sources_above) = shown.iter().rev().nth(1).unwrap_or(&shown[0]);
        let advised = &of_service.advised;
        assert_eq!((advised.percent, advised.limit.burst), (percent, burst), "of {sources}");
        assert_eq!(advised.sources_above, sources_above);
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
    let above: Vec<_> = of_service.advised.above.iter().map(|each| each.burst).collect();
    assert_eq!(above, [150, 149]);
    assert_eq!(of_service.advised.above[0].source, "10.0.35.90");

    let many = one_to(999).advised;
    assert_eq!((many.sources_above, many.above.len(), many.above[0].burst), (9, 9, 999));
    let more = one_to(120_000).advised;
    assert_eq!((more.percent, more.sources_above, more.above.len()), (99.99, 12, 10));
}

/// The slowest rate bounds an attacker best, if traffic was looked at for long enough.
#[test]
fn the_slowest_settled_rate_is_advised() {
    let bursts = [15, 8, 6, 6, 5];
    for (elapsed_s, interval_ms) in [
        (3_600.0, 10_000),
        (600.0, 10_000),
        (599.0, 1_000),
        (32.0, 1_000),
        (31.0, 200),
        (4.7, 50),
        (0.1, 10),
    ] {
        let sources = vec![Need { bursts, ..need(1, 0, 1) }];
        let all = advice(sources, Duration::from_secs_f64(elapsed_s), &policy(&[]));
        let advised = all.services[0].advised.limit;
        assert_eq!(advised.rate.interval_ns, interval_ms * 1_000_000, "{elapsed_s} s");
        let at = ADVISED_RATES.iter().position(|&rate| rate == advised.rate).unwrap();
        assert_eq!(advised.burst, bursts[at]);
    }
}

#[test]
fn the_command_line_has_every_service() {
    let services = ["web=80,443", "ssh=22,burst=3,rate=6/m,challenge=off", "mail=25,burst=9,rate=9"];
    let policy = policy(&services);
    let all = advice(vec![need(1, 1, 12), need(2, 2, 4)], HOUR, &policy);
    let command = "synflood-xdp --iface eth0 --service web=80,443,burst=12,rate=6/m \
                   --service ssh=22,burst=4,rate=6/m,challenge=off --service mail=25,burst=9,rate=9/s";
    assert_eq!(all.command.as_deref(), Some(command));
    let text = all.to_string();
    for said in ["web (80 443): 1 source\n", "ssh (22): 1 source\n", command] {
        assert!(text.contains(said), "{text}");
    }
    assert_eq!(text.matches("counts again: leave room").count(), 1, "{text}");

    let with_others = advice(vec![need(1, 0, 7), need(1, 1, 12)], HOUR, &policy);
    assert!(with_others.command.unwrap().contains("--iface eth0 --burst 7 --rate 6/m --service web="));
    let of_none = advice(Vec::new(), HOUR, &policy);
    assert_eq!((of_none.command.as_deref(), of_none.services.len()), (None, 0));
    assert!(of_none.to_string().contains("no connection came to stand in 1h"));
}

#[test]
fn a_short_look_and_a_full_table_are_said() {
    let needs = Needs { elapsed: Duration::from_secs(42), forgotten: 3, sources: vec![need(1, 0, 2)] };
    let text = Advice::on(&needs, &policy(&[]), &["eth0".into()]).to_string();
    assert!(text.contains("from the connections of 42s\n  this is little: 10m of usual"), "{text}");
    assert!(text.contains("no room for 3 sources"), "{text}");
    let enough = advice(vec![need(1, 0, 2)], ENOUGH, &policy(&[])).to_string();
    assert!(!enough.contains("little") && !enough.contains("no room"), "{enough}");
}

#[test]
fn the_words_fit_a_screen() {
    let mut sources: Vec<_> = (0..120).map(|number| need(number, 0, 6)).collect();
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
  burst 6, rate 6/m: 99 % of the sources would never have met it; 1 source would
  above it, likely proxies or monitors; allow those that you know:
    synflood-xdp allow 10.0.3.231         # burst 400 at 6/m
use, with your other options:
  synflood-xdp --iface eth0 --burst 6 --rate 6/m
";
    assert_eq!(text, expected);
}

#[test]
fn the_json_has_all_of_it() {
    let json = serde_json::to_value(advice(vec![need(1, 0, 2)], HOUR, &policy(&[]))).unwrap();
    assert_eq!(json["services"][0]["service"], json!(null));
    assert_eq!(
        json["services"][0]["advised"],
        json!({"burst": 2, "rate": 0.1, "percent": 100.0, "sources_above": 0, "above": []})
    );
    let of_rate = json!({
        "rate": 100.0, "is_settled": true,
        "bursts": [{"percent": 100.0, "burst": 2, "sources_above": 0}],
    });
    assert_eq!(json["services"][0]["rates"][4], of_rate);
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
        let advised = &of_service.advised;
        prop_assert!(advised.above.iter().all(|above| above.burst > advised.limit.burst));
    }
}
