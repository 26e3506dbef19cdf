// SPDX-License-Identifier: GPL-2.0-only
//! Times, for people and programs.

use std::time::Duration;

use serde::Serializer;

/// A duration that fits in a column: 0.3s, 42s, 7m, 3h, 12d.
pub fn age(time: Duration) -> String {
    let seconds = time.as_secs();
    match seconds {
        0..10 => format!("{:.1}s", (time.as_millis() / 100) as f64 / 10.0),
        10..120 => format!("{seconds}s"),
        120..7200 => format!("{}m", seconds / 60),
        7200..172_800 => format!("{}h", seconds / 3600),
        _ => format!("{}d", seconds / 86_400),
    }
}

/// A duration as on the command line, to the millisecond: 300ms, 1m30s, 5d.
pub fn exact(time: Duration) -> String {
    let units = [(86_400_000, "d"), (3_600_000, "h"), (60_000, "m"), (1_000, "s"), (1, "ms")];
    let mut rest = time.as_millis();
    let mut text = String::new();
    for (unit, name) in units {
        if rest >= unit {
            text += &format!("{}{name}", rest / unit);
            rest %= unit;
        }
    }
    if text.is_empty() { "0s".into() } else { text }
}

/// The same to the second, where there is one.
pub fn whole(time: Duration) -> String {
    match time.as_secs() {
        0 => "less than a second".into(),
        seconds => exact(Duration::from_secs(seconds)),
    }
}

/// A count that fits in a column: 9999, 41.0k, 1.2M.
pub fn count(count: u64) -> String {
    match count {
        0..10_000 => count.to_string(),
        10_000..100_000 => format!("{:.1}k", count as f64 / 1e3),
        100_000..1_000_000 => format!("{}k", count / 1000),
        1_000_000..100_000_000 => format!("{:.1}M", count as f64 / 1e6),
        _ => format!("{}M", count / 1_000_000),
    }
}

/// Of 0 to 1: "99.9 %". Never all or nothing unless it is.
pub fn percent(share: f64) -> String {
    let tenths = (share * 1000.0).floor();
    match share {
        0.0 | 1.0 => format!("{} %", share * 100.0),
        _ if tenths < 1.0 => "under 0.1 %".into(),
        _ if (100.0..990.0).contains(&tenths) => format!("{} %", (tenths / 10.0).floor()),
        _ => format!("{} %", tenths / 10.0),
    }
}

/// In seconds, to the millisecond.
pub fn seconds<S: Serializer>(time: &Duration, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_f64(rounded(*time))
}

/// As [`seconds`]; None is null.
pub fn maybe_seconds<S: Serializer>(time: &Option<Duration>, serializer: S) -> Result<S::Ok, S::Error> {
    match time {
        Some(time) => serializer.serialize_f64(rounded(*time)),
        None => serializer.serialize_none(),
    }
}

fn rounded(time: Duration) -> f64 {
    (time.as_secs_f64() * 1000.0).round() / 1000.0
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::{age, count, exact, percent, whole};

    #[test]
    fn ages_are_short() {
        let cases =
            [(0, "0.0s"), (1_290, "1.2s"), (59_000, "59s"), (7_199_000, "119m"), (172_800_000, "2d")];
        for (ms, text) in cases {
            assert_eq!(age(Duration::from_millis(ms)), text);
        }
    }

    #[test]
    fn counts_and_shares_are_short() {
        for (value, text) in [
            (0, "0"),
            (9_999, "9999"),
            (41_049, "41.0k"),
            (312_400, "312k"),
            (1_249_000, "1.2M"),
            (123_456_789, "123M"),
        ] {
            assert_eq!(count(value), text);
        }
        for (share, text) in [
            (0.0, "0 %"),
            (0.0004, "under 0.1 %"),
            (0.0123, "1.2 %"),
            (0.579, "57 %"),
            (0.9999, "99.9 %"),
            (1.0, "100 %"),
        ] {
            assert_eq!(percent(share), text);
        }
    }

    #[test]
    fn durations_are_shown_as_they_are_given() {
        for text in ["300ms", "1s", "1m30s", "10m", "1h30m", "5d", "1d1h1m1s1ms"] {
            assert_eq!(exact(humantime::parse_duration(text).unwrap()), text);
        }
        assert_eq!(exact(Duration::ZERO), "0s");
        assert_eq!(whole(Duration::from_millis(90_700)), "1m30s");
        assert_eq!(whole(Duration::from_millis(999)), "less than a second");
    }
}
