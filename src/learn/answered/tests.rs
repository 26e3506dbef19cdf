// SPDX-License-Identifier: GPL-2.0-only

use std::collections::HashSet;

use proptest::prelude::*;

use super::*;
use crate::learn::tools::{Maker, honest, hping3};

fn entry(source: u32, time: Time) -> Entry {
    Entry::seen(honest(&mut Maker::new(source.into())), IpAddr::from(source.to_be_bytes()), time)
}

/// Sources far from each other: each in its own network.
fn far(number: u32) -> u32 {
    number.wrapping_mul(0x9e37_79b1)
}

/// Later than the one before by as much as it takes to grow.
fn unhurried(number: u32) -> Duration {
    Duration::from_mins(1) / GROWN_A_MINUTE * number
}

fn full_of(time: Time) -> Answered {
    let mut answered = Answered::new(1);
    for number in 0..CAPACITY as u32 {
        answered.add(unhurried(number), entry(far(number), time));
    }
    answered
}

fn count(answered: &Answered, time: Time) -> usize {
    answered.entries().iter().filter(|entry| entry.time == time).count()
}

#[test]
fn one_source_and_one_network_have_a_bounded_share() {
    let mut answered = Answered::new(1);
    let kept =
        (0..100).filter(|_| answered.add(Duration::ZERO, entry(0x0a00_0001, Time::Peace))).count();
    assert_eq!(kept, MAX_OF_SOURCE);
    for host in 0..1000 {
        answered.add(Duration::ZERO, entry(0x0a00_0000 + host, Time::Peace));
    }
    assert_eq!(answered.entries().len(), MAX_OF_NETWORK);
    assert!(answered.add(Duration::ZERO, entry(0x0a01_0000, Time::Peace)));
    let mut ipv6 = |last: u16, fourth: u16| {
        let source = IpAddr::from([0x2001, 0xdb8, 0, fourth, 0, 0, 0, last]);
        answered.add(Duration::ZERO, Entry::seen(honest(&mut Maker::new(1)), source, Time::Peace))
    };
    assert_eq!((0..100).filter(|host| ipv6(*host, 0)).count(), MAX_OF_SOURCE);
    assert_eq!((0..1000).filter(|host| ipv6(0, *host)).count(), MAX_OF_NETWORK - MAX_OF_SOURCE);
}

#[test]
fn war_displaces_nothing_of_peace() {
    let mut answered = full_of(Time::Peace);
    let before: HashSet<Entry> = answered.entries().iter().copied().collect();
    for number in 0..20_000 {
        assert!(!answered.add(Duration::from_secs(number), entry(far(!number as u32), Time::War)));
    }
    assert_eq!(answered.entries().iter().copied().collect::<HashSet<_>>(), before);
}

#[test]
fn war_has_a_quarter_and_displaces_its_like() {
    let mut answered = full_of(Time::War);
    assert_eq!(answered.entries().len(), MAX_OF_WAR);
    let newer = entry(far(1 << 20), Time::War);
    assert!(answered.add(Duration::ZERO, newer));
    assert_eq!(answered.entries().len(), MAX_OF_WAR);
    assert!(answered.entries().contains(&newer));
    for number in 0..CAPACITY as u32 {
        answered.add(unhurried(number), entry(far(!number), Time::Peace));
    }
    assert_eq!(count(&answered, Time::Peace), CAPACITY, "peace displaces what came in war");
}

/// A new server's sample: a thousand bots come, all at once.
#[test]
fn nobody_has_most_of_a_young_sample_within_a_minute() {
    let mut answered = Answered::new(1);
    for number in 0..UNHURRIED as u32 {
        assert!(answered.add(Duration::ZERO, entry(far(number), Time::Peace)));
    }
    for number in 0..60_000 {
        let bot = far(!(number % 1_000));
        answered.add(Duration::from_millis(number.into()), entry(bot, Time::Peace));
    }
    let of_bots = answered.entries().len() - UNHURRIED;
    assert!((400..=513).contains(&of_bots), "{of_bots}");
}

/// A thousand bots that connect in peace as often as they like.
#[test]
fn peace_is_displaced_slowly() {
    let mut answered = full_of(Time::Peace);
    let before: HashSet<Entry> = answered.entries().iter().copied().collect();
    let tool = hping3(&mut Maker::new(1));
    for tick in 0..10 * 60 * 10_u64 {
        for bot in 0..10 {
            let source = IpAddr::from(far(!(((tick * 10 + bot) % 1000) as u32)).to_be_bytes());
            answered.add(Duration::from_millis(tick * 100), Entry::seen(tool, source, Time::Peace));
        }
    }
    let kept = answered.entries().iter().filter(|entry| before.contains(entry)).count();
    assert!((CAPACITY - 321..CAPACITY - 250).contains(&kept), "{kept}");
}

#[test]
fn what_was_seeded_stays() {
    let seeded = (0..CAPACITY as u32).map(|number| {
        Entry::seeded(honest(&mut Maker::new(number.into())), IpAddr::from(far(number).to_be_bytes()))
    });
    let mut answered = Answered::from_entries(seeded, 1);
    assert_eq!(answered.entries().len(), CAPACITY);
    assert!(!answered.add(Duration::from_hours(9), entry(far(!1), Time::Peace)));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn the_limits_always_hold(
        offered in proptest::collection::vec((0..0x4000_u32, any::<bool>(), any::<bool>()), 0..12_000),
        spread in 1..0x1000_u32,
    ) {
        let mut answered = Answered::new(7);
        for (number, (source, is_war, is_seeded)) in offered.into_iter().enumerate() {
            let time = if is_war { Time::War } else { Time::Peace };
            let entry = Entry { is_seeded: is_seeded && !is_war, ..entry(source.wrapping_mul(spread), time) };
            answered.add(Duration::from_millis(number as u64), entry);
        }
        prop_assert!(answered.entries().len() <= CAPACITY);
        prop_assert!(count(&answered, Time::War) <= MAX_OF_WAR);
        prop_assert_eq!(answered.of_war, count(&answered, Time::War));
        let mut counts: HashMap<(bool, u128), usize> = HashMap::new();
        for entry in answered.entries() {
            *counts.entry((true, entry.source_key())).or_default() += 1;
            *counts.entry((false, entry.network_key())).or_default() += 1;
        }
        for ((is_source, _), count) in counts {
            let most = if is_source { MAX_OF_SOURCE } else { MAX_OF_NETWORK };
            prop_assert!(count <= most);
        }
        let again = Answered::from_entries(answered.entries().iter().copied(), 8);
        prop_assert_eq!(again.entries(), answered.entries());
    }
}
