// SPDX-License-Identifier: GPL-2.0-only
//! Figures as a tired person reads them.

use std::time::Duration;

use chrono::DateTime;

use crate::policy::faults::harmless;
use crate::show::units::whole;

/// Text of the log, to be shown: what is beyond this is cut.
const MAX_CHARS: usize = 400;

/// "52,001"
pub fn count(count: u64) -> String {
    let digits = count.to_string();
    let mut text = String::new();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// "870", "41.0k", "1.20M": three digits.
pub fn rate(rate: f64) -> String {
    let units = [(1e9, "G"), (1e6, "M"), (1e3, "k")];
    // 999.6 is 1000 when it is rounded.
    let Some((unit, name)) = units.into_iter().find(|(unit, _)| rate >= unit * 0.9995) else {
        return format!("{rate:.0}");
    };
    match rate / unit {
        few if few < 9.995 => format!("{few:.2}{name}"),
        few if few < 99.95 => format!("{few:.1}{name}"),
        many => format!("{many:.0}{name}"),
    }
}

/// "99.9 %", in one piece, and never 100 if something is left.
pub fn share(share: f64) -> String {
    let percent = share * 100.0;
    match percent {
        _ if percent >= 100.0 => "100\u{a0}%".into(),
        _ if percent > 99.9 => format!("{:.2}\u{a0}%", percent.min(99.99)),
        _ if percent >= 10.0 || percent == 0.0 => format!("{percent:.1}\u{a0}%"),
        _ if percent >= 0.01 => format!("{percent:.2}\u{a0}%"),
        _ => "under 0.01\u{a0}%".into(),
    }
}

/// "4m12s"
pub fn lasting(seconds: f64) -> String {
    whole(Duration::try_from_secs_f64(seconds.round()).unwrap_or_default())
}

/// "03:12:44", or "+1m12s" where only the time since the start is known.
pub fn clock(at: f64, is_dated: bool) -> String {
    if is_dated {
        formatted(at, "%H:%M:%S")
    } else {
        format!("+{}", lasting(at).replace("less than a second", "0s"))
    }
}

/// "26 Nov 2026"
pub fn day(at: f64) -> String {
    formatted(at, "%-d %b %Y")
}

/// "26 Nov 2026 03:12:44 UTC"
pub fn moment(at: f64, is_dated: bool) -> String {
    if is_dated { formatted(at, "%-d %b %Y %H:%M:%S UTC") } else { clock(at, false) }
}

fn formatted(at: f64, format: &str) -> String {
    let time = DateTime::from_timestamp_millis((at * 1000.0) as i64);
    time.map_or_else(String::new, |time| time.format(format).to_string())
}

/// Text of the log in one line, neither endless nor with marks that turn letters round.
pub fn text(text: &str) -> String {
    let mut shown = harmless(&text.chars().take(MAX_CHARS).collect::<String>());
    if text.chars().nth(MAX_CHARS).is_some() {
        shown.push('…');
    }
    shown
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_have_the_digits_that_somebody_reads() {
        for (number, shown) in [(0, "0"), (999, "999"), (1000, "1,000"), (52_001_000, "52,001,000")] {
            assert_eq!(count(number), shown);
        }
        for (number, shown) in [
            (0.0, "0"),
            (870.4, "870"),
            (999.6, "1.00k"),
            (9_996.0, "10.0k"),
            (41_000.0, "41.0k"),
            (412_345.0, "412k"),
            (1_200_000.0, "1.20M"),
        ] {
            assert_eq!(rate(number), shown);
        }
        for (number, shown) in [
            (0.0, "0.0\u{a0}%"),
            (0.00001, "under 0.01\u{a0}%"),
            (0.0123, "1.23\u{a0}%"),
            (0.5, "50.0\u{a0}%"),
            (0.9991, "99.91\u{a0}%"),
            (0.999_999, "99.99\u{a0}%"),
            (1.0, "100\u{a0}%"),
        ] {
            assert_eq!(share(number), shown);
        }
    }

    #[test]
    fn times_are_those_of_the_log() {
        let at = 1_795_662_764.123;
        assert_eq!(clock(at, true), "03:12:44");
        assert_eq!(moment(at, true), "26 Nov 2026 03:12:44 UTC");
        assert_eq!(clock(72.4, false), "+1m12s");
        assert_eq!(lasting(252.0), "4m12s");
    }

    #[test]
    fn text_is_one_harmless_line() {
        assert_eq!(text("a\nb\u{202e}c"), "a\\nb\\u{202e}c");
        assert!(text(&"x".repeat(1_000_000)).chars().count() <= MAX_CHARS + 1);
    }
}
