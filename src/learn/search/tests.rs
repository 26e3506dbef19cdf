// SPDX-License-Identifier: GPL-2.0-only

use proptest::prelude::*;

use super::honest::bound_allowed;
use super::*;
use crate::learn::bound::upper_bound;
use crate::learn::syn::{DATA_OFFSET, ID, PORT, SEQUENCE, SYN_LEN, TTL, WINDOW};
use crate::learn::tools::{
    Maker, apart, big, honest, hping3, linux, mirai, over_ipv6, set, windows, zmap,
};

fn free(refused: &[Syn], answered: &[Syn]) -> Vec<Found> {
    search(refused, &apart(answered), &[], &|_| false)
}

#[test]
fn each_tool_is_found() {
    let answered = Maker::many(1, 8192, honest);
    for tool in [hping3, zmap, mirai, big] {
        let refused = Maker::many(2, 1000, tool);
        let found = free(&refused, &answered);
        assert_eq!(found.len(), 1, "{found:?}");
        assert_eq!((found[0].covered, found[0].hits), (1.0, 0));
        assert!(found[0].bound < MAX_BOUND, "{found:?}");
        let others = Maker::many(3, 1000, tool);
        assert!(others.iter().all(|syn| found[0].rule.matches(syn)), "{found:?}");
    }
}

#[test]
fn four_tools_at_once_and_honest_clients_among_them_give_four_rules() {
    let answered = Maker::many(1, 8192, honest);
    let mut maker = Maker::new(2);
    let kinds = [hping3, zmap, mirai, big, honest];
    let refused: Vec<Syn> = (0..2000).map(|n| kinds[n % 5](&mut maker)).collect();
    let found = free(&refused, &answered);
    assert_eq!(found.len(), 4, "{found:?}");
    assert!(found.iter().map(|found| found.covered).sum::<f64>() > 0.79);
    let clients = Maker::many(4, 10_000, honest);
    assert!(!clients.iter().any(|syn| found.iter().any(|found| found.rule.matches(syn))));
}

#[test]
fn a_rule_says_all_that_a_flood_shares_and_nothing_that_the_header_says_already() {
    let found = free(&Maker::many(2, 1000, hping3), &Maker::many(1, 8192, honest));
    let rule = found[0].rule;
    assert_eq!((rule.mask[WINDOW], rule.value[WINDOW], rule.value[WINDOW + 1]), (0xff, 2, 0));
    assert_eq!((rule.mask[DATA_OFFSET], rule.value[DATA_OFFSET]), (0xff, 0x50));
    assert_eq!((rule.mask[PORT], rule.mask[PORT + 1], rule.mask[TTL] & 0xc0), (0xff, 0xff, 0xc0));
    assert_eq!(rule.mask[SEQUENCE..], [0; SYN_LEN - SEQUENCE], "the program need not read this");
}

#[test]
fn too_few_give_no_rule() {
    let (refused, answered) = (Maker::many(2, 1000, hping3), Maker::many(1, 8192, honest));
    assert!(free(&refused[..MIN_REFUSED - 1], &answered).is_empty());
    assert_eq!(free(&refused[..MIN_REFUSED], &answered).len(), 1);
    assert!(free(&refused, &answered[..MIN_ANSWERED - 1]).is_empty());
    assert_eq!(free(&refused, &answered[..MIN_ANSWERED]).len(), 1);
}

#[test]
fn few_answered_syns_allow_no_hit_but_of_one_network() {
    let refused = Maker::many(2, 1000, hping3);
    let mut answered = apart(&Maker::many(1, MIN_ANSWERED + 2, honest));
    let found = search(&refused, &answered, &[], &|_| false);
    assert!((found[0].bound - 0.005_950).abs() < 1e-6, "{found:?}");
    answered[7].syn = refused[7];
    let found = search(&refused, &answered, &[], &|_| false);
    assert_eq!((found.len(), found[0].hits), (1, 1));
    assert!((found[0].bound - 0.005_962).abs() < 1e-6, "by the others: {found:?}");
    let again = search(&Maker::many(3, 1000, mirai), &answered, &[found[0].rule], &|_| false);
    assert_eq!(again.len(), 1, "nor does it prevent a rule beside this one");
    answered[8].syn = refused[8];
    assert!(search(&refused, &answered, &[], &|_| false).is_empty(), "two networks");
    answered[8].network = answered[7].network;
    assert_eq!(search(&refused, &answered, &[], &|_| false)[0].hits, 2);
}

/// What remains without it must be enough to judge by.
#[test]
fn a_network_that_most_are_of_is_heard() {
    let refused = Maker::many(2, 1000, hping3);
    let mut answered = apart(&Maker::many(1, 2 * MIN_ANSWERED - 1, honest));
    let ours = answered[0].network;
    answered[..MIN_ANSWERED].iter_mut().for_each(|known| known.network = ours);
    answered[7].syn = refused[7];
    assert!(search(&refused, &answered, &[], &|_| false).is_empty());
    answered[1].network = u128::MAX;
    assert_eq!(search(&refused, &answered, &[], &|_| false).len(), 1);
}

#[test]
fn for_a_small_part_of_a_flood_every_network_is_heard() {
    let mut answered = apart(&Maker::many(1, 8192, honest)[..1000]);
    let planted = Maker::many(4, 1, mirai)[0];
    answered[7].syn = planted;
    let with = |share: usize| {
        let mut refused = Maker::many(2, 2000 - share, hping3);
        refused.extend(Maker::many(3, share, mirai));
        search(&refused, &answered, &[], &|_| false).len()
    };
    assert_eq!((with(199), with(200)), (1, 2));
}

#[test]
fn answered_syns_of_another_family_do_not_count() {
    let refused = Maker::many(2, 1000, hping3);
    let ipv6 = |maker: &mut Maker| Syn { family: Family::Ipv6, ..honest(maker) };
    assert!(free(&refused, &Maker::many(1, 8192, ipv6)).is_empty());
}

#[test]
fn a_flood_of_ipv6_is_told_from_clients_of_ipv6() {
    let mut answered = Maker::many(1, 3000, honest);
    answered.extend(Maker::many(2, 3000, |maker| over_ipv6(maker, honest)));
    let clients = Maker::many(3, 10_000, |maker| over_ipv6(maker, honest));
    for tool in [hping3, zmap, mirai, big] {
        // Most of what is refused is of IPv4, and has nothing in common.
        let mut refused = Maker::many(4, 3000, honest);
        refused.extend(Maker::many(5, 300, |maker| over_ipv6(maker, tool)));
        let found = free(&refused, &answered);
        assert_eq!(found.len(), 1, "{found:?}");
        let Found { rule, hits, .. } = found[0];
        assert_eq!((rule.family, hits), (Family::Ipv6, 0));
        assert!(
            Maker::many(6, 1000, |maker| over_ipv6(maker, tool)).iter().all(|syn| rule.matches(syn))
        );
        assert!(!Maker::many(6, 1000, tool).iter().any(|syn| rule.matches(syn)), "of IPv4");
        assert!(!clients.iter().any(|syn| rule.matches(syn)));
    }
}

/// What is left when the first rules are found is searched like a flood of its own.
#[test]
fn a_tool_of_a_few_percent_beside_another_is_found() {
    let answered = Maker::many(1, 8192, honest);
    let with = |share: usize| {
        let mut refused = Maker::many(2, 2000 - share, hping3);
        refused.extend(Maker::many(3, share, mirai));
        free(&refused, &answered).len()
    };
    assert_eq!(with(20), 2);
    assert_eq!(with(19), 1, "less than one in a hundred");
}

/// Whoever was never seen before shares what no one before had: that alone is no rule.
#[test]
fn newcomers_of_a_known_system_are_no_flood() {
    let answered = Maker::many(1, 8192, honest);
    let newcomers: [fn(&mut Syn); 6] = [
        |syn| set(syn, PORT, 8443),
        |syn| syn.bytes[TTL] = 250,
        |syn| syn.bytes[1] = 0x28,
        |syn| set(syn, ID, 0),
        |syn| syn.bytes[10] = 0,
        |syn| syn.bytes[12] = 0x04,
    ];
    for (number, change) in newcomers.iter().enumerate() {
        let mut refused = Maker::many(2, 3000, honest);
        refused.iter_mut().for_each(change);
        assert_eq!(free(&refused, &answered), [], "{number}");
    }
    let tunnel = |maker: &mut Maker| {
        let mut syn = linux(maker);
        set(&mut syn, 26, 1288);
        set(&mut syn, WINDOW, 1288 * 50);
        syn
    };
    assert_eq!(free(&Maker::many(2, 3000, tunnel), &answered), []);
}

#[test]
fn what_is_in_use_or_barred_is_not_found_again() {
    let (refused, answered) = (Maker::many(2, 1000, hping3), Maker::many(1, 8192, honest));
    let rule = free(&refused, &answered)[0].rule;
    assert!(search(&refused, &apart(&answered), &[rule], &|_| false).is_empty());
    assert!(search(&refused, &apart(&answered), &[], &|other| *other == rule).is_empty());
    let others = [Rule::any(Family::Ipv6).with(TTL, 0xff, 9); MAX_RULES];
    assert!(search(&refused, &apart(&answered), &others, &|_| false).is_empty());
}

/// Fields of a made-up tool: for each byte a value, or none: it is a honest one's.
fn tool() -> impl Strategy<Value = (u64, Vec<(usize, u8)>)> {
    (any::<u64>(), proptest::collection::vec((0..SYN_LEN, any::<u8>()), 0..6))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn rules_keep_their_promises(
        tools in proptest::collection::vec(tool(), 1..5),
        honest_share in 0..4_usize,
        known in 400..4000_usize,
        seed: u64,
    ) {
        let mut refused = Maker::many(seed, honest_share * 100, honest);
        for (seed, fields) in tools {
            refused.extend(Maker::many(seed, 200, |maker| {
                fields.iter().fold(honest(maker), |mut syn, (at, value)| {
                    syn.bytes[*at] = *value;
                    syn
                })
            }));
        }
        let answered = Maker::many(!seed, known, honest);
        let found = free(&refused, &answered);
        prop_assert!(found.len() <= MAX_RULES);
        prop_assert!(found.is_empty() || known >= MIN_ANSWERED);
        let any = |syn: &&Syn| found.iter().any(|found| found.rule.matches(syn));
        let hits = answered.iter().filter(any).count();
        // Each is of a network of its own, and one may not be heard.
        let heard = known - usize::from(hits > 0);
        for (index, one) in found.iter().enumerate() {
            prop_assert!(one.bound <= bound_allowed(heard));
            prop_assert!(one.bound < MAX_BOUND || hits <= 1);
            prop_assert!(one.rule.value.iter().zip(one.rule.mask).all(|(value, mask)| value & !mask == 0));
            let before = &found[..index];
            let matched = refused.iter().filter(|syn| {
                one.rule.matches(syn) && !before.iter().any(|found| found.rule.matches(syn))
            });
            let covered = matched.count() as f64 / refused.len() as f64;
            prop_assert!((covered - one.covered).abs() < 1e-9);
            let matched = (covered * refused.len() as f64).round() as usize;
            prop_assert!(matched >= MIN_MATCHED && covered >= MIN_OF_ALL);
            prop_assert_eq!(one.hits, answered.iter().filter(|syn| one.rule.matches(syn)).count());
        }
        prop_assert!(found.is_empty() || found[found.len() - 1].bound >= upper_bound(hits.saturating_sub(1), known) - 1e-12);
    }

    #[test]
    fn closing_gives_up_next_to_nothing(seed: u64, at in 0..SYN_LEN, share in 0.99..1.0_f64) {
        let mut maker = Maker::new(seed);
        let mut refused = Maker::many(seed, 3000, hping3);
        // Many bytes that nearly all share: each alone may be added, all of them together not.
        for (number, syn) in refused.iter_mut().enumerate() {
            let odd = (number as f64) > share * 3000.0;
            syn.bytes[SEQUENCE..].fill(if odd { maker.pick(&[1, 2, 3]) } else { 7 });
            syn.bytes[at] = syn.bytes[at].wrapping_add(u8::from(number % 1500 == 3));
        }
        let left: Vec<_> = refused.iter().map(|syn| (syn, evidence(syn))).collect();
        let search = Search::new(Family::Ipv4, 3000, Honest::new(&[], Family::Ipv4, &[]), left);
        let closed = search.close(Rule::any(Family::Ipv4));
        let kept = refused.iter().filter(|syn| closed.matches(syn)).count();
        prop_assert!(kept as f64 >= CLOSURE * 3000.0, "{kept}");
    }

    #[test]
    fn a_copy_of_honest_systems_gives_no_rule(seed: u64, mix in 0..3_usize) {
        let kind = [linux, windows, honest][mix];
        let refused = Maker::many(seed, 2000, kind);
        prop_assert_eq!(free(&refused, &Maker::many(!seed, 3000, honest)), []);
    }
}
