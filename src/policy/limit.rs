// SPDX-License-Identifier: GPL-2.0-only
//! Limits: how many at once, and how many over time.

use std::fmt;
use std::str::FromStr;

use anyhow::{Result, bail};
use serde::{Serialize, Serializer};

/// The largest capacity of a bucket, as time: well below the 2^63 ns that `bucket.h` would take for the
/// past.
const MAX_CAPACITY_NS: u64 = 1 << 62;

/// The speed at which a bucket refills, as the time for one token.
///
/// Whole nanoseconds, rounded up: never faster than asked for, and off by less than 1 % up to 10
/// million a second.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rate {
    /// 1 or more.
    pub interval_ns: u64,
}

impl Rate {
    pub fn per_second(self) -> f64 {
        1e9 / self.interval_ns as f64
    }
}

impl FromStr for Rate {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (count, unit) = text.split_once('/').unwrap_or((text, "s"));
        let unit_ns = match unit {
            "s" => 1e9,
            "m" => 60e9,
            "h" => 3600e9,
            _ => return Err("the time after the slash is s, m or h: like 5/s, 30/m or 10/h".into()),
        };
        let count: f64 = count.parse().map_err(
            |_| "give a number per second, like 5 or 0.5, or with its time: 1000/s, 30/m, 10/h",
        )?;
        if !(count.is_finite() && count > 0.0) {
            return Err("a rate is a number above 0; for less than one a second: 30/m or 10/h".into());
        }
        let interval_ns = unit_ns / count;
        if interval_ns < 1.0 {
            return Err("at most 1000000000/s".into());
        }
        if interval_ns > MAX_CAPACITY_NS as f64 {
            return Err("one SYN in more than a hundred years; give a higher rate".into());
        }
        Ok(Self { interval_ns: interval_ns.ceil() as u64 })
    }
}

/// "1/s" or "30/m": the shortest text that is read as this rate. As intervals are rounded, this is what was
/// given, or shorter.
impl fmt::Display for Rate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let per_second = self.per_second();
        let texts = [(1.0, "s"), (60.0, "m"), (3600.0, "h")]
            .into_iter()
            .filter_map(|(seconds, unit)| self.shortest(per_second * seconds, unit));
        let shortest = texts.min_by_key(String::len);
        f.write_str(&shortest.unwrap_or_else(|| format!("{per_second}/s")))
    }
}

impl Rate {
    /// The rate with as few digits as tell it from its neighbours, rounded either way.
    fn shortest(self, count: f64, unit: &str) -> Option<String> {
        let rounded = |decimals: i32| {
            let scale = 10_f64.powi(decimals.abs());
            let round = move |to_whole: fn(f64) -> f64| match decimals {
                0.. => to_whole(count * scale) / scale,
                _ => to_whole(count / scale) * scale,
            };
            [round(f64::round), round(f64::ceil)]
        };
        let mut texts = (-9..=15).flat_map(rounded).map(|count| format!("{count}/{unit}"));
        texts.find(|text| text.parse() == Ok(self))
    }
}

/// Tokens per second.
impl Serialize for Rate {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_f64(self.per_second())
    }
}

/// What a source may do at once, and over time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Limit {
    /// Tokens that the bucket holds, 1 or more.
    pub burst: u64,
    pub rate: Rate,
}

impl Limit {
    /// An error where the bucket would take over a century to refill.
    pub fn new(burst: u64, rate: Rate) -> Result<Self> {
        let capacity_ns = burst.checked_mul(rate.interval_ns);
        if capacity_ns.is_none_or(|capacity| capacity > MAX_CAPACITY_NS) {
            bail!(
                "a burst of {burst} at this rate would take {} years to refill: lower the burst or raise \
                 the rate",
                u128::from(burst) * u128::from(rate.interval_ns) / (365 * 86_400 * 1_000_000_000)
            );
        }
        Ok(Self { burst, rate })
    }

    /// The time in which an empty bucket gets full.
    pub fn capacity_ns(self) -> u64 {
        self.burst * self.rate.interval_ns
    }
}

/// How many tokens a bucket holds.
pub fn burst(text: &str) -> Result<u64, String> {
    match text.parse() {
        Ok(0) => Err("with 0 nobody could connect; give 1 or more".into()),
        Ok(number) => Ok(number),
        Err(_) => Err("give a whole number from 1".into()),
    }
}

/// A rate that all sources share; None: no limit. One second's worth may come at once.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(transparent)]
pub struct TotalRate(pub Option<Rate>);

impl TotalRate {
    /// The same with its burst: one second's worth, at least one.
    pub fn limit(self) -> Option<Limit> {
        const SECOND_NS: u64 = 1_000_000_000;
        // Rounded, as an interval that is no whole number of nanoseconds was rounded up.
        let burst = |rate: Rate| (SECOND_NS + rate.interval_ns / 2) / rate.interval_ns;
        self.0.map(|rate| Limit { burst: burst(rate).max(1), rate })
    }
}

impl FromStr for TotalRate {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if text.parse() == Ok(0.0) { Ok(Self(None)) } else { text.parse().map(Some).map(Self) }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::{Rate, TotalRate};

    #[test]
    fn one_second_s_worth_of_a_rate_comes_at_once() {
        for (rate, burst) in [("1/h", 1), ("1", 1), ("3", 3), ("7", 7), ("1000", 1000)] {
            let total: TotalRate = rate.parse().unwrap();
            assert_eq!(total.limit().unwrap().burst, burst, "{rate}");
        }
    }

    #[test]
    fn rates_are_shown_as_they_were_given() {
        for (interval_ns, text) in [
            (1_000_000_000_u64, "1/s"),
            (333_333_334, "3/s"),
            (2_000_000_000, "30/m"),
            (360_000_000_000, "10/h"),
            (1, "1000000000/s"),
        ] {
            assert_eq!(Rate { interval_ns }.to_string(), text);
            assert_eq!(text.parse(), Ok(Rate { interval_ns }));
        }
        for text in ["7/s", "300000/s", "999999999/s", "12345.678/s", "0.7/h", "0.0000008/h", "59.99/m"]
        {
            let rate: Rate = text.parse().unwrap();
            assert_eq!(rate.to_string().parse(), Ok(rate), "{text}");
        }
        for text in ["7/s", "300000/s", "1234/s", "59.99/m", "0.7/h"] {
            assert_eq!(text.parse::<Rate>().unwrap().to_string(), text);
        }
    }

    proptest! {
        #[test]
        fn a_rate_that_is_shown_is_read(text in "[1-9][0-9]{0,7}(\\.[0-9]{1,4})?/[smh]") {
            let rate: Rate = text.parse().unwrap();
            prop_assert_eq!(rate.to_string().parse(), Ok(rate));
            prop_assert!(rate.to_string().len() <= text.len(), "{} for {}", rate, text);
        }
    }
}
