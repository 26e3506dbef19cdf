// SPDX-License-Identifier: GPL-2.0-only
//! An axis of time with round labels.

use std::ops::Range;

use plotters::coord::ranged1d::{DefaultFormatting, KeyPointHint, Ranged};

/// Labels at most.
const MAX_LABELS: f64 = 8.0;

/// Seconds between two of them.
const STEPS: [f64; 18] = [
    1.0, 2.0, 5.0, 10.0, 15.0, 30.0, 60.0, 120.0, 300.0, 600.0, 900.0, 1800.0, 3600.0, 7200.0,
    10_800.0, 21_600.0, 43_200.0, 86_400.0,
];

/// From one second to another.
pub struct Times(pub Range<f64>);

impl Ranged for Times {
    type FormatOption = DefaultFormatting;
    type ValueType = f64;

    fn map(&self, at: &f64, (first, last): (i32, i32)) -> i32 {
        let share = (at - self.0.start) / (self.0.end - self.0.start).max(f64::MIN_POSITIVE);
        first + (f64::from(last - first) * share).round() as i32
    }

    fn key_points<Hint: KeyPointHint>(&self, _: Hint) -> Vec<f64> {
        labels(self.0.start, self.0.end)
    }

    fn range(&self) -> Range<f64> {
        self.0.clone()
    }
}

/// Round times.
fn labels(begin: f64, end: f64) -> Vec<f64> {
    let least = (end - begin) / MAX_LABELS;
    let days = (least / 86_400.0).ceil() * 86_400.0;
    let step = STEPS.into_iter().find(|&step| step >= least).unwrap_or(days);
    let first = (begin / step).ceil() * step;
    let times = (0..=MAX_LABELS as u32).map(|number| first + f64::from(number) * step);
    times.take_while(|&time| time <= end).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn labels_are_round_times_within_the_picture() {
        assert_eq!(labels(1003.2, 1063.0), [1010.0, 1020.0, 1030.0, 1040.0, 1050.0, 1060.0]);
        for span in [0.5, 7.0, 100.0, 5000.0, 90_000.0, 1e7, 2.5e11] {
            let labels = labels(1.7e9, 1.7e9 + span);
            assert!(labels.len() <= MAX_LABELS as usize + 1, "{span}: {labels:?}");
            assert!(labels.iter().all(|at| (1.7e9..=1.7e9 + span).contains(at)), "{span}: {labels:?}");
        }
    }

    #[test]
    fn times_are_where_they_belong() {
        let times = Times(1000.0..1100.0);
        let places = [1000.0, 1050.0, 1100.0].map(|at| times.map(&at, (60, 960)));
        assert_eq!(places, [60, 510, 960]);
    }
}
