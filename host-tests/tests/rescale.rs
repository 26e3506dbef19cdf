// SPDX-License-Identifier: GPL-2.0-only
//! What a bucket holds when its limit changes.

use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;

use host_tests::{Limit, NO_LIMIT, missing};
use proptest::prelude::*;

const SECOND: u64 = 1_000_000_000;
const HOUR: u64 = 3600 * SECOND;
const NOW: u64 = 1_000_000 * HOUR;

/// User space keeps capacities below this.
const MAX_CAPACITY: u64 = 1 << 62;

/// The tokens in a bucket.
fn left(limit: Limit, full_at: u64, now: u64) -> u64 {
    limit.capacity_ns.saturating_sub(missing(full_at, now)) / limit.interval_ns
}

fn wait(limit: Limit, full_at: u64, now: u64) -> u64 {
    limit.wait(&AtomicU64::new(full_at), now)
}

#[test]
fn an_empty_bucket_waits_as_the_new_rate_says() {
    let (slow, fast) = (Limit::new(5, HOUR), Limit::new(100, SECOND / 20));
    let empty = NOW + 5 * HOUR;
    let rescaled = slow.rescale(fast, empty, NOW);
    assert_eq!((left(fast, rescaled, NOW), wait(fast, rescaled, NOW)), (0, SECOND / 20));
    let empty = NOW + 5 * SECOND;
    let rescaled = fast.rescale(slow, empty, NOW);
    assert_eq!((left(slow, rescaled, NOW), wait(slow, rescaled, NOW)), (0, SECOND / 20), "not longer");
}

#[test]
fn tokens_that_were_left_are_left_as_far_as_there_is_room() {
    let (large, small) = (Limit::new(100, HOUR), Limit::new(5, SECOND));
    for (taken, kept) in [(1, 5), (10, 5), (95, 5), (96, 4), (99, 1), (100, 0)] {
        let rescaled = large.rescale(small, NOW + taken * HOUR, NOW);
        assert_eq!(left(small, rescaled, NOW), kept, "{taken} were taken");
    }
    for taken in 1..=5 {
        let rescaled = small.rescale(large, NOW + taken * SECOND, NOW);
        assert_eq!(left(large, rescaled, NOW), 5 - taken);
    }
    assert_eq!(small.rescale(large, NOW, NOW), NOW, "one that is full stays so");
}

#[test]
fn a_debt_is_kept_in_tokens_but_no_source_waits_longer() {
    let (slow, fast) = (Limit::new(5, HOUR), Limit::new(20, SECOND));
    let owes_three = slow.rescale(fast, NOW + 8 * HOUR, NOW);
    assert_eq!(wait(fast, owes_three, NOW), 4 * SECOND);
    let owes_three = fast.rescale(slow, NOW + 23 * SECOND, NOW);
    assert_eq!(wait(slow, owes_three, NOW), 4 * SECOND);
}

#[test]
fn without_a_limit_before_or_after_there_is_nothing_to_translate() {
    let limit = Limit::new(5, HOUR);
    assert_eq!(NO_LIMIT.rescale(limit, NOW + 77 * HOUR, NOW), NOW, "full");
    assert_eq!(limit.rescale(NO_LIMIT, NOW + 3 * HOUR, NOW), NOW + 3 * HOUR, "left alone");
}

/// Each word is translated once, whatever other CPUs take meanwhile: a token that one of them takes is of the
/// old limit before that, and of the new one behind it.
#[test]
fn tokens_that_are_taken_meanwhile_are_missing_afterwards() {
    const CHARGES: u64 = 500_000;
    // Both have a token a second, so that the charges before and after are of the same size.
    let (from, to) = (Limit::new(1 << 30, SECOND), Limit::new(1 << 31, SECOND));
    for _ in 0..5 {
        let bucket = AtomicU64::new(NOW + SECOND);
        thread::scope(|scope| {
            scope.spawn(|| (0..CHARGES).for_each(|_| from.charge(&bucket, NOW)));
            while missing(bucket.load(Ordering::Relaxed), NOW) < 1_000 * SECOND {
                std::hint::spin_loop();
            }
            from.rescale_at(to, &bucket, NOW);
        });
        let grown = to.capacity_ns - from.capacity_ns;
        assert_eq!(missing(bucket.into_inner(), NOW), grown + (1 + CHARGES) * SECOND);
    }
}

prop_compose! {
    fn limits()(interval in interval())(
        burst in prop_oneof![1..=200_u64, 1..=MAX_CAPACITY / interval],
        interval in Just(interval),
    ) -> Limit {
        Limit::new(burst.min(MAX_CAPACITY / interval), interval)
    }
}

fn interval() -> impl Strategy<Value = u64> {
    (0..62_u32, 0..u64::MAX).prop_map(|(bits, random)| (1 << bits) + random % (1 << bits))
}

/// A bucket's missing time: of single tokens, and of anything.
fn missing_times() -> impl Strategy<Value = u64> {
    (0..63_u32, any::<u64>()).prop_map(|(bits, random)| random % (1_u64 << bits))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(5_000))]

    #[test]
    fn nothing_is_granted_and_nobody_waits_longer(
        from in limits(), to in limits(), missed in missing_times(), now in any::<u64>(),
    ) {
        let full_at = now.wrapping_add(missed);
        let rescaled = from.rescale(to, full_at, now);
        let (before, after) = (left(from, full_at, now), left(to, rescaled, now));
        if missed == 0 {
            prop_assert_eq!(missing(rescaled, now), 0, "full");
        } else {
            prop_assert!(after <= before, "{after} of {before} left");
            // Only a part of a token gets lost, and what there is no room for.
            let room = to.capacity_ns / to.interval_ns;
            prop_assert!(after >= before.min(room), "{after} of {before} left");
        }
        let (waited, waits) = (wait(from, full_at, now), wait(to, rescaled, now));
        prop_assert!(waits <= waited, "{waits} ns instead of {waited}");
        if waits > 0 {
            let owed = missed.div_ceil(from.interval_ns) - from.capacity_ns / from.interval_ns;
            let at_new_rate = u128::from(owed + 1) * u128::from(to.interval_ns);
            let expected = at_new_rate.min(u128::from(waited)).min((1 << 62) - 1);
            prop_assert_eq!(u128::from(waits), expected);
        }
    }

    #[test]
    fn who_had_more_has_more(
        from in limits(), to in limits(), missed in missing_times(), more in missing_times(),
    ) {
        let more = missed.saturating_add(more).min((1 << 63) - 1);
        let [less_missing, more_missing] =
            [missed, more].map(|missed| missing(from.rescale(to, NOW.wrapping_add(missed), NOW), NOW));
        prop_assert!(less_missing <= more_missing, "{less_missing}, {more_missing}");
    }

    #[test]
    fn the_same_limit_changes_nothing(limit in limits(), full_at in any::<u64>(), now in any::<u64>()) {
        prop_assert_eq!(limit.rescale(limit, full_at, now), full_at);
    }
}
