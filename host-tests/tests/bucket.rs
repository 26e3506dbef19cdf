// SPDX-License-Identifier: GPL-2.0-only
//! The token bucket with a simulated clock.

use std::sync::Barrier;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;

use host_tests::{Answer, Limit, missing};
use proptest::collection::vec;
use proptest::prelude::*;

const SECOND: u64 = 1_000_000_000;
const HOUR: u64 = 3600 * SECOND;

/// User space keeps capacities below this.
const MAX_CAPACITY: u64 = 1 << 62;

/// The word of a bucket that is full from `now` on.
fn full(now: u64) -> AtomicU64 {
    AtomicU64::new(now)
}

/// The number of these attempts at one moment that get a token.
fn taken(limit: Limit, bucket: &AtomicU64, now: u64, attempts: u64) -> u64 {
    (0..attempts).map(|_| u64::from(limit.take(bucket, now) == Answer::Taken)).sum()
}

#[test]
fn five_pass_at_once_and_then_one_per_second() {
    let limit = Limit::new(5, SECOND);
    let start = 1000 * SECOND;
    let bucket = AtomicU64::new(limit.after_first(start));
    assert_eq!(taken(limit, &bucket, start, 100), 4, "and the first");
    for second in 1..100 {
        let due = start + second * SECOND;
        assert_eq!(taken(limit, &bucket, due - 1, 50), 0, "a nanosecond early");
        assert_eq!(taken(limit, &bucket, due, 50), 1);
    }
}

#[test]
fn a_refused_syn_changes_nothing() {
    let limit = Limit::new(3, SECOND);
    let bucket = full(7);
    taken(limit, &bucket, 7, 3);
    let word = bucket.load(Ordering::Relaxed);
    assert_eq!(limit.take(&bucket, 7), Answer::Empty);
    assert_eq!(bucket.load(Ordering::Relaxed), word);
}

#[test]
fn a_refusal_says_when_the_next_token_comes() {
    for (interval, start) in [(1, 0), (SECOND, 5), (HOUR, u64::MAX - SECOND)] {
        let limit = Limit::new(3, interval);
        let bucket = full(start);
        taken(limit, &bucket, start, 3);
        for later in [0, interval / 3, interval - 1] {
            let now = start.wrapping_add(later);
            assert_eq!(limit.take_or_wait(&bucket, now), (Answer::Empty, interval - later));
        }
        let due = start.wrapping_add(interval);
        assert_eq!(limit.take_or_wait(&bucket, due), (Answer::Taken, 0), "interval {interval}");
    }
}

#[test]
fn an_idle_bucket_fills_up_to_its_burst_and_no_further() {
    let limit = Limit::new(5, SECOND);
    let bucket = full(0);
    for idle in [5 * SECOND, 6 * SECOND, HOUR, MAX_CAPACITY - 1] {
        let now = bucket.load(Ordering::Relaxed) + idle;
        assert_eq!(taken(limit, &bucket, now, 20), 5, "after {idle} ns");
    }
}

/// With attempts at odd moments over milliseconds to years, exactly the due number passes.
#[test]
fn no_fraction_of_a_token_is_ever_lost() {
    const BURST: u64 = 5;
    for (interval, step) in [
        (7, 11),
        (333_333_334, 7_654_321),
        (SECOND, 333_333_331),
        (HOUR / 10, SECOND - 1),
        (HOUR, 37 * SECOND + 1),
    ] {
        let limit = Limit::new(BURST, interval);
        let bucket = full(0);
        let mut passed = taken(limit, &bucket, 0, BURST);
        let mut now = 0;
        for _ in 0..3_000_000 {
            now += step;
            passed += taken(limit, &bucket, now, step / interval + 1);
        }
        assert_eq!(passed, BURST + now / interval, "interval {interval}, every {step} ns");
    }
}

#[test]
fn every_rate_from_one_an_hour_to_a_thousand_million_a_second_is_exact() {
    for interval in [HOUR, 60 * SECOND, SECOND, 1_000_000, 333_333_334, 1000, 7, 2, 1] {
        let limit = Limit::new(10, interval);
        let bucket = full(SECOND);
        assert_eq!(taken(limit, &bucket, SECOND, 20), 10);
        let mut passed = 0;
        for tick in 1..=1000 {
            passed += taken(limit, &bucket, SECOND + tick * interval, 3);
        }
        assert_eq!(passed, 1000, "interval {interval}");
    }
}

#[test]
fn the_ends_of_the_clock_are_no_different() {
    let limit = Limit::new(5, SECOND);
    for start in [0, 1, u64::MAX / 2, u64::MAX - 2 * SECOND, u64::MAX] {
        let bucket = full(start);
        assert_eq!(taken(limit, &bucket, start, 20), 5, "at {start}");
        // The last of these run past the end.
        for second in 1..=10 {
            let now = start.wrapping_add(second * SECOND);
            assert_eq!(taken(limit, &bucket, now, 20), 1, "{second} s after {start}");
        }
    }
}

#[test]
fn the_largest_capacity_holds_its_burst() {
    let limit = Limit::new(1 << 31, 1 << 31);
    let bucket = full(0);
    assert_eq!(taken(limit, &bucket, 0, 1000), 1000);
    let empty = AtomicU64::new(limit.capacity_ns);
    assert_eq!(limit.take(&empty, 0), Answer::Empty);
    assert_eq!(limit.take(&empty, limit.interval_ns - 1), Answer::Empty);
    assert_eq!(limit.take(&empty, limit.interval_ns), Answer::Taken);
}

#[test]
fn threads_share_the_burst_and_every_attempt_is_answered() {
    const BURST: u64 = 30_000_000;
    const ATTEMPTS: u64 = 20_000_000;
    const THREADS: usize = 4;
    let limit = Limit::new(BURST, SECOND);
    let (bucket, barrier) = (full(SECOND), Barrier::new(THREADS));
    let count = |answers: &mut [u64; 3]| {
        barrier.wait();
        for _ in 0..ATTEMPTS {
            answers[limit.take(&bucket, SECOND) as usize] += 1;
        }
    };
    let totals = thread::scope(|scope| {
        let threads: [_; THREADS] = std::array::from_fn(|_| {
            scope.spawn(|| {
                let mut answers = [0; 3];
                count(&mut answers);
                answers
            })
        });
        threads
            .map(|thread| thread.join().unwrap())
            .into_iter()
            .fold([0; 3], |sum, answers| std::array::from_fn(|i| sum[i] + answers[i]))
    });
    // An attempt fails only after sixteen lost rounds, in which others took sixteen tokens. So enough
    // attempts are left for all tokens.
    assert_eq!(totals[Answer::Taken as usize], BURST);
    assert_eq!(totals.iter().sum::<u64>(), ATTEMPTS * THREADS as u64);
    assert_eq!(missing(bucket.into_inner(), SECOND), limit.capacity_ns);
}

/// A simple model of the bucket: an amount of refill time that grows with the clock.
struct Reference {
    limit: Limit,
    amount: u128,
    last: u64,
}

impl Reference {
    fn take(&mut self, now: u64) -> bool {
        let interval = u128::from(self.limit.interval_ns);
        let passed = u128::from(now.wrapping_sub(self.last));
        self.amount = (self.amount + passed).min(self.limit.capacity_ns.into());
        self.last = now;
        let granted = self.amount >= interval;
        if granted {
            self.amount -= interval;
        }
        granted
    }

    fn missing(&self) -> u128 {
        u128::from(self.limit.capacity_ns) - self.amount
    }
}

fn any_limit() -> impl Strategy<Value = Limit> {
    let interval = prop_oneof![1..=10_u64, 1..=SECOND, 1..=HOUR, 1..=MAX_CAPACITY / 1000];
    (1..=1000_u64, interval).prop_map(|(burst, interval)| Limit::new(burst, interval))
}

/// A few intervals, or a very long time.
fn any_pause(limit: Limit) -> impl Strategy<Value = u64> {
    prop_oneof![7 => 0..=4 * limit.interval_ns, 1 => 0..MAX_CAPACITY]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    #[test]
    fn what_is_missing_lies_ahead(now: u64, distance in 0..=i64::MAX as u64) {
        prop_assert_eq!(missing(now.wrapping_add(distance), now), distance);
        prop_assert_eq!(missing(now.wrapping_sub(distance), now), 0);
    }

    #[test]
    fn agrees_with_the_reference(
        start: u64,
        // Each pause, and how many SYNs come after it.
        (limit, schedule) in any_limit()
            .prop_flat_map(|limit| (Just(limit), vec((any_pause(limit), 1..8_u32), 1..60))),
    ) {
        let bucket = full(start);
        let mut reference = Reference { limit, amount: limit.capacity_ns.into(), last: start };
        let mut now = start;
        for (pause, attempts) in schedule {
            now = now.wrapping_add(pause);
            for _ in 0..attempts {
                prop_assert_eq!(limit.take(&bucket, now) == Answer::Taken, reference.take(now));
                let missing = missing(bucket.load(Ordering::Relaxed), now);
                prop_assert_eq!(u128::from(missing), reference.missing());
            }
        }
    }

    /// CPUs read their clocks before they reach the bucket, so some come with an earlier time.
    #[test]
    fn clocks_out_of_order_grant_nothing_twice(
        start: u64,
        // The pause before each SYN, and how late its time is.
        (limit, schedule) in any_limit().prop_flat_map(|limit| {
            (Just(limit), vec((0..=2 * limit.interval_ns, 0..=3 * limit.interval_ns), 1..200))
        }),
    ) {
        let bucket = full(start);
        let (mut elapsed, mut granted) = (0_u64, 0_u128);
        for (pause, late) in schedule {
            elapsed += pause;
            let now = start.wrapping_add(elapsed).wrapping_sub(late);
            granted += u128::from(limit.take(&bucket, now) == Answer::Taken);
            let due = u128::from(limit.capacity_ns) + u128::from(elapsed);
            prop_assert!(granted * u128::from(limit.interval_ns) <= due);
        }
    }
}
