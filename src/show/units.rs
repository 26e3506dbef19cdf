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

/// A figure that fits in six columns: 0, 0.3, 41, 2.1k, 38.7k, 262k, 1.4M.
pub fn short(figure: f64) -> String {
    match figure {
        ..0.05 => "0".into(),
        ..9.95 if (figure - figure.round()).abs() < 0.05 => format!("{figure:.0}"),
        ..9.95 => format!("{figure:.1}"),
        ..999.5 => format!("{figure:.0}"),
        ..99_950.0 => format!("{:.1}k", figure / 1e3),
        ..999_500.0 => format!("{:.0}k", figure / 1e3),
        ..99_950_000.0 => format!("{:.1}M", figure / 1e6),
        _ => format!("{:.0}M", figure / 1e6),
    }
}

/// The same for a count.
pub fn count(count: u64) -> String {
    short(count as f64)
}

/// Of 0 to 1: "12 %", or "99.9 %" where a whole number would say all, and "<0.1 %" where it would say nothing.
pub fn percent(share: f64) -> String {
    let percent = 100.0 * share;
    match percent {
        99.0..99.95 | 0.05..0.95 => format!("{percent:.1} %"),
        99.95..100.0 => "99.9 %".into(),
        _ if percent > 0.0 && percent < 0.05 => "<0.1 %".into(),
        _ => format!("{percent:.0} %"),
    }
}

/// The same for a part of a whole. None: a part of nothing.
pub fn share(part: f64, whole: f64) -> Option<String> {
    (whole > 0.0).then(|| percent(part.min(whole) / whole))
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

    use super::{age, exact, share, short, whole};

    #[test]
    fn ages_are_short() {
        let cases =
            [(0, "0.0s"), (1_290, "1.2s"), (59_000, "59s"), (7_199_000, "119m"), (172_800_000, "2d")];
        for (ms, text) in cases {
            assert_eq!(age(Duration::from_millis(ms)), text);
        }
    }

    #[test]
    fn figures_fit_in_six_columns() {
        for (figure, text) in [
            (0.0, "0"),
            (0.33, "0.3"),
            (3.0, "3"),
            (9.96, "10"),
            (41.4, "41"),
            (999.4, "999"),
            (999.6, "1.0k"),
            (38_710.0, "38.7k"),
            (262_144.0, "262k"),
            (1_400_000.0, "1.4M"),
            (1e9, "1000M"),
        ] {
            assert_eq!(short(figure), text);
        }
    }

    #[test]
    fn a_share_is_all_or_nothing_only_if_it_is() {
        for (part, whole, text) in [
            (999_999.0, 1e6, Some("99.9 %")),
            (994.0, 1e3, Some("99.4 %")),
            (12.0, 100.0, Some("12 %")),
            (4.0, 1e3, Some("0.4 %")),
            (1.0, 1e6, Some("<0.1 %")),
            (0.0, 1e6, Some("0 %")),
            (5.0, 4.0, Some("100 %")),
            (0.0, 0.0, None),
        ] {
            assert_eq!(share(part, whole).as_deref(), text);
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
