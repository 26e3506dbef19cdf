// SPDX-License-Identifier: GPL-2.0-only
//! A bucket that may owe tokens: connections are charged when they stand, wherever they came from.

use std::sync::Barrier;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;

use host_tests::{Answer, Limit, missing};
use proptest::collection::vec;
use proptest::prelude::*;

const SECOND: u64 = 1_000_000_000;

#[test]
fn a_debt_is_paid_back_in_full() {
    let limit = Limit::new(5, SECOND);
    let start = 1000 * SECOND;
    let bucket = AtomicU64::new(start);
    for charged in 1..=5_000 {
        limit.charge(&bucket, start);
        let wait = (charged + 1_u64).saturating_sub(5) * SECOND;
        assert_eq!(limit.wait(&bucket, start), wait, "{charged} charged");
    }
    // 5 were there, so 4995 are owed, and one more must come.
    let due = start + 4_996 * SECOND;
    assert_eq!(limit.wait(&bucket, due - 1), 1);
    assert_eq!(limit.take(&bucket, due - 1), Answer::Empty);
    assert_eq!(limit.take(&bucket, due), Answer::Taken);
}

#[test]
fn a_charge_of_a_full_bucket_is_as_a_token_taken() {
    let limit = Limit::new(3, SECOND);
    for start in [0, 7, u64::MAX - SECOND] {
        let (charged, taken) = (AtomicU64::new(start), AtomicU64::new(start));
        let later = start.wrapping_add(50 * SECOND);
        limit.charge(&charged, later);
        limit.take(&taken, later);
        assert_eq!(charged.into_inner(), taken.into_inner(), "from {start}");
    }
}

/// The clock stands still, so nothing refills: each charge must be found again.
#[test]
fn charges_of_many_threads_are_all_owed() {
    const CHARGES: u64 = 2_000_000;
    const THREADS: u64 = 4;
    let limit = Limit::new(5, 1000);
    let (bucket, barrier) = (AtomicU64::new(SECOND), Barrier::new(THREADS as usize));
    thread::scope(|scope| {
        for _ in 0..THREADS {
            scope.spawn(|| {
                barrier.wait();
                (0..CHARGES).for_each(|_| limit.charge(&bucket, SECOND));
            });
        }
    });
    assert_eq!(missing(bucket.into_inner(), SECOND), CHARGES * THREADS * limit.interval_ns);
}

/// Sixteen rounds are lost, and the seventeenth charge is the bucket's own.
#[test]
fn a_charge_that_loses_every_round_is_owed_too() {
    let limit = Limit::new(100, SECOND);
    let mut bucket = 1000 * SECOND;
    limit.charge_contended(&mut bucket, 1000 * SECOND);
    assert_eq!(missing(bucket, 1000 * SECOND), 17 * SECOND);
    assert_eq!(limit.take_contended(&mut bucket, 1000 * SECOND), Answer::Contended);
    assert_eq!(missing(bucket, 1000 * SECOND), (17 + 16) * SECOND, "it takes nothing");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    /// A model that counts what is missing, without a clock's word.
    #[test]
    fn owes_as_much_as_a_model(
        burst in 1..100_u64,
        interval in 1..=SECOND,
        start: u64,
        // Each pause, and whether a token is taken after it or charged.
        schedule in vec((0..=4 * SECOND, any::<bool>()), 1..200),
    ) {
        let limit = Limit::new(burst, interval);
        let bucket = AtomicU64::new(start);
        let (mut now, mut owed) = (start, 0_u64);
        for (pause, is_charged) in schedule {
            now = now.wrapping_add(pause);
            owed = owed.saturating_sub(pause);
            let holds_token = owed + interval <= limit.capacity_ns;
            prop_assert_eq!(limit.wait(&bucket, now) == 0, holds_token);
            if is_charged {
                limit.charge(&bucket, now);
            } else {
                prop_assert_eq!(limit.take(&bucket, now) == Answer::Taken, holds_token);
            }
            if is_charged || holds_token {
                owed += interval;
            }
            prop_assert_eq!(missing(bucket.load(Ordering::Relaxed), now), owed);
        }
    }
}
