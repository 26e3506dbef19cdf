// SPDX-License-Identifier: GPL-2.0-only
//! What burst a source would have needed.

use std::sync::Barrier;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;

use host_tests::advice::{Fill, raise_contended};
use host_tests::{Limit, missing};
use proptest::collection::vec;
use proptest::prelude::*;

const SECOND: u64 = 1_000_000_000;

/// Of connections at these times, as the program counts them.
fn fill_of(interval: u64, times: &[u64]) -> Fill {
    let fill = Fill::first(interval, times[0]);
    times[1..].iter().for_each(|&now| fill.charge(interval, now));
    fill
}

/// The times of connections with these pauses between them.
fn times(start: u64, pauses: &[u64]) -> Vec<u64> {
    let mut now = start;
    pauses
        .iter()
        .map(|pause| {
            now = now.wrapping_add(*pause);
            now
        })
        .collect()
}

/// Whether a bucket of this limit has a token for each, if a connection's SYN comes at the moment in which the one
/// before stands: never later, and so it finds as few tokens as it may.
fn is_never_met(limit: Limit, times: &[u64]) -> bool {
    let bucket = AtomicU64::new(times[0]);
    let mut before = times[0];
    times.iter().all(|&now| {
        let (at_syn, at_answer) = (limit.wait(&bucket, before), limit.wait(&bucket, now));
        limit.charge(&bucket, now);
        before = now;
        at_syn == 0 && at_answer == 0
    })
}

#[test]
fn six_at_once_and_then_one_a_second() {
    let mut all = vec![50 * SECOND; 6];
    all.extend((51..60).map(|second| second * SECOND));
    for (interval, tokens) in [(10 * SECOND, 15), (SECOND, 6), (SECOND / 5, 6)] {
        let fill = fill_of(interval, &all);
        let needed = fill.highest.into_inner().div_ceil(interval);
        // At 6/m only nine tenths of a token come back in nine seconds.
        assert_eq!(needed, tokens, "{interval}");
    }
}

/// The clock stands still, so each charge must be found again.
#[test]
fn charges_of_many_threads_all_count() {
    const CHARGES: u64 = 500_000;
    const THREADS: u64 = 4;
    let (fill, barrier) = (Fill::first(1000, SECOND), Barrier::new(THREADS as usize));
    thread::scope(|scope| {
        for _ in 0..THREADS {
            scope.spawn(|| {
                barrier.wait();
                (0..CHARGES).for_each(|_| fill.charge(1000, SECOND));
            });
        }
    });
    let all = (CHARGES * THREADS + 1) * 1000;
    assert_eq!(missing(fill.full_at.into_inner(), SECOND), all);
    // Who loses sixteen rounds to larger ones may add too much, and never too little.
    assert!(fill.highest.into_inner() >= all);
}

#[test]
fn a_highest_that_loses_every_round_is_not_too_low() {
    for (highest, missing, step) in
        [(0, 1_000, 1), (5, 1_000, 100), (0, 16, 1), (0, 17, 1), (50, 40, 3)]
    {
        let raised = raise_contended(highest, missing, step);
        assert!(raised >= missing.max(highest), "{highest}, {missing}, {step}: {raised}");
    }
    assert_eq!(raise_contended(0, 1_000, 1), 1_000);
}

#[test]
fn a_bucket_that_is_fuller_than_any_stays_so() {
    let fill = Fill::first(1 << 60, 0);
    for _ in 0..20 {
        fill.charge(1 << 60, 0);
    }
    assert_eq!(
        fill.full_at.into_inner(),
        5 << 60,
        "one beyond the largest bucket, and far from the past"
    );
    assert_eq!(fill.highest.load(Ordering::Relaxed), 5 << 60);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    /// A model that counts what is missing, without a clock's word.
    #[test]
    fn the_highest_is_that_of_a_model(
        interval in 1..=10 * SECOND,
        start: u64,
        pauses in vec(prop_oneof![Just(0), 0..=SECOND / 10, 0..=20 * SECOND], 1..200),
    ) {
        let all = times(start, &pauses);
        let (mut full, mut highest) = (0_u64, 0);
        for (at, pause) in pauses.iter().enumerate() {
            if at > 0 {
                full = full.saturating_sub(*pause);
            }
            full += interval;
            highest = highest.max(full);
        }
        prop_assert_eq!(fill_of(interval, &all).highest.into_inner(), highest);
    }

    /// The advice is one token more than the highest fill, and that is enough; two less are not.
    #[test]
    fn a_bucket_as_advised_refuses_nobody(
        interval in 1..=10 * SECOND,
        start in 0..1_u64 << 60,
        pauses in vec(prop_oneof![Just(0), 0..=SECOND / 10, 0..=20 * SECOND], 1..200),
    ) {
        let all = times(start, &pauses);
        let burst = fill_of(interval, &all).highest.into_inner().div_ceil(interval) + 1;
        prop_assert!(is_never_met(Limit::new(burst, interval), &all));
        prop_assert!(burst == 2 || !is_never_met(Limit::new(burst - 2, interval), &all));
    }
}
