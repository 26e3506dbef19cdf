// SPDX-License-Identifier: GPL-2.0-only

use std::time::Duration;

use super::{flood, policy, second, seen, syns, table};
use crate::policy::Listed;
use crate::show::top::model::{MINUTE, Model};
use crate::show::top::rank::{MOST, Order, Ranked, Who, rank};
use crate::show::top::sources::{ListedNetwork, Seen, Sources, Table, Totals};
use crate::show::top::syns::Syns;
use crate::show::top::verdict::Verdict;

fn of<'a>(ranked: &'a Ranked, name: &str) -> &'a crate::show::top::rank::Row {
    ranked.rows.iter().find(|row| row.who.name(&policy()) == name).unwrap()
}

fn names(table: &Table, order: Order, words: &str) -> Vec<String> {
    let ranked = rank(table, &policy(), order, words);
    ranked.rows.iter().map(|row| row.who.name(&policy())).collect()
}

#[test]
fn sources_have_what_they_did_between_two_readings() {
    let table = flood();
    let ranked = rank(&table, &policy(), Order::Syns, "");
    let attacker = of(&ranked, "203.0.113.9");
    assert_eq!((attacker.now, attacker.verdict), (syns(3, 0, 116_100, 0), Verdict::Attacker));
    assert_eq!(attacker.all, syns(23, 30, 117_100, 0));
    let busy = of(&ranked, "198.51.100.7 ssh");
    assert_eq!((busy.now, busy.verdict), (syns(15, 108, 0, 123), Verdict::HonestBusy));
    assert_eq!(table.seconds, 3.0);
}

#[test]
fn what_is_no_known_source_s_is_unknown_in_one_line() {
    let ranked = rank(&flood(), &policy(), Order::Syns, "");
    let unknown = of(&ranked, "(unknown 2)");
    assert_eq!(unknown.now, syns(630, 5_700, 0, 700));
    assert_eq!(unknown.verdict, Verdict::RandomFlood);
}

#[test]
fn who_is_quiet_is_not_shown_and_who_is_new_is_at_once() {
    let before = [seen("192.0.2.1", 0, syns(9, 0, 0, 9)), seen("192.0.2.2", 0, syns(9, 0, 0, 9))];
    let now = [before[0], seen("192.0.2.3", 0, syns(9, 0, 0, 9))];
    let totals = Totals::default();
    let table = table((&before, totals), (&now, totals), [&[], &[]]);
    assert_eq!(names(&table, Order::Syns, ""), ["192.0.2.3"]);
}

/// Its counts may be at their end, and its entry may have been evicted meanwhile.
#[test]
fn counts_may_be_large_and_may_begin_anew() {
    let large = 5 << 32;
    let mut sources = Sources::default();
    let mut read = |at, seen: &[Seen]| {
        seen.iter().for_each(|&seen| sources.see(seen));
        sources.finish(Duration::from_secs(at), Totals::default(), &[])
    };
    assert!(read(1, &[seen("192.0.2.1", 0, syns(large - 1, 0, 0, 5))]).is_none());
    let table = read(4, &[seen("192.0.2.1", 0, syns(large + 9, 0, 0, 5))]).unwrap();
    assert_eq!(table.sources[0].now, syns(10, 0, 0, 0));
    assert!(read(7, &[]).unwrap().sources.is_empty());
    let table = read(10, &[seen("192.0.2.1", 0, syns(4, 0, 0, 0))]).unwrap();
    assert_eq!(table.sources[0].now, syns(4, 0, 0, 0), "of an entry that was forgotten");
    let table = read(13, &[seen("192.0.2.1", 0, syns(2, 3, 0, 0))]).unwrap();
    assert_eq!(table.sources[0].now, syns(2, 3, 0, 0), "of one that was evicted and made anew");
}

#[test]
fn lists_have_lines_of_their_own() {
    let network = |listed, syns| ListedNetwork {
        network: "203.0.113.0/24".parse().unwrap(),
        listed,
        syns,
        rule: "by command".into(),
    };
    let totals = |dropped, denied, exempt| Totals { syns: syns(exempt, 0, dropped, 0), exempt, denied };
    let listed = [&[network(Listed::Denied, 10)][..], &[network(Listed::Denied, 310)]];
    let denied = table((&[], totals(0, 0, 0)), (&[], totals(1_000, 1_000, 9)), listed);
    let ranked = rank(&denied, &policy(), Order::Syns, "");
    assert_eq!(names(&denied, Order::Syns, ""), ["(deny lists)", "203.0.113.0/24"], "and none unknown");
    assert_eq!(of(&ranked, "203.0.113.0/24").now, syns(0, 0, 300, 0));
    assert_eq!(of(&ranked, "(deny lists)").now, syns(0, 0, 700, 0));
}

#[test]
fn most_come_first_of_what_is_asked_for() {
    let table = flood();
    let all = ["203.0.113.9", "(unknown 2)", "198.51.100.7 ssh", "2001:db8:1234:5678::/64"];
    assert_eq!(names(&table, Order::Syns, ""), all);
    let by_cookie = ["(unknown 2)", "198.51.100.7 ssh", "203.0.113.9", "2001:db8:1234:5678::/64"];
    assert_eq!(names(&table, Order::Cookies, ""), by_cookie);
    let passed = ["(unknown 2)", "198.51.100.7 ssh", "203.0.113.9", "2001:db8:1234:5678::/64"];
    assert_eq!(names(&table, Order::Passed, ""), passed);
    assert_eq!(names(&table, Order::Dropped, "")[0], "203.0.113.9");
    assert_eq!(names(&table, Order::Connected, "")[0], "(unknown 2)");
    for (words, shown) in [("113.9", &all[..1]), ("honest", &all[2..]), ("ssh", &all[2..3]), ("x", &[])]
    {
        assert_eq!(names(&table, Order::Syns, words), shown, "{words}");
    }
}

#[test]
fn only_the_first_of_very_many_are_shown() {
    let of = |number: u64| {
        seen(&format!("10.0.{}.{}", number >> 8, number & 255), 0, syns(0, 0, 1_000 + number, 0))
    };
    let now: Vec<_> = (0..3 * MOST as u64).map(of).collect();
    let totals = |dropped| Totals { syns: syns(0, 0, dropped, 0), ..Totals::default() };
    let sent = now.iter().map(|seen| seen.all.dropped).sum();
    let table = table((&[], totals(0)), (&now, totals(sent)), [&[], &[]]);
    let ranked = rank(&table, &policy(), Order::Syns, "");
    assert_eq!((ranked.rows.len(), ranked.count), (MOST, 3 * MOST));
    assert_eq!(ranked.rows[0].now.dropped, 999 + 3 * MOST as u64);
    assert!(ranked.rows.is_sorted_by_key(|row| std::cmp::Reverse(row.now.dropped)));
    assert!(!ranked.rows.iter().any(|row| matches!(row.who, Who::Unknown { .. })), "none is left");
}

#[test]
fn rates_are_those_of_a_second_however_long_it_took() {
    let mut model = Model::new(Vec::new(), policy());
    model.see(second(10, Syns::default()));
    assert!(model.rates.is_none());
    model.see(second(14, syns(40, 400, 4_000, 80)));
    let rates = model.rates.as_ref().unwrap();
    assert_eq!([rates.passed, rates.challenged, rates.dropped], [10.0, 100.0, 1_000.0]);
    assert_eq!([rates.connected, rates.by_cookie, rates.refused], [20.0, 3.0, 2.0]);
    assert_eq!(rates.stopped(), 1_097.0, "three were no flood");
    let reasons: Vec<&str> = rates.reasons.iter().map(|(reason, _)| reason.as_str()).collect();
    let order = ["skip_not_syn", "drop_challenge_ration", "challenge_sent", "drop_over_limit"];
    assert_eq!(reasons, order, "most first, and not what did not happen");
}

#[test]
fn a_minute_is_remembered() {
    let mut model = Model::new(Vec::new(), policy());
    (1..100).for_each(|at| model.see(second(at, syns(at * at, 0, 0, 0))));
    assert_eq!(model.histories.passed.len(), MINUTE);
    assert_eq!(model.histories.passed.back(), Some(&(99 * 99 - 98 * 98)));
}
