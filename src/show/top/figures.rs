// SPDX-License-Identifier: GPL-2.0-only
//! Figures that fit in a column of six.

/// "0", "0.3", "41", "2.1k", "38.7k", "262k", "1.4M"
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

/// "12 %", or "99.9 %" where a whole number would say all. None: a part of nothing.
pub fn share(part: f64, whole: f64) -> Option<String> {
    let percent = 100.0 * part.min(whole) / whole;
    match percent {
        99.0..99.95 => Some(format!("{percent:.1} %")),
        99.95..100.0 => Some("99.9 %".into()),
        _ if percent.is_finite() => Some(format!("{percent:.0} %")),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::{share, short};

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
    fn a_share_is_all_only_if_it_is_all() {
        for (part, whole, text) in [
            (999_999.0, 1e6, Some("99.9 %")),
            (994.0, 1e3, Some("99.4 %")),
            (12.0, 100.0, Some("12 %")),
            (5.0, 4.0, Some("100 %")),
            (0.0, 0.0, None),
        ] {
            assert_eq!(share(part, whole).as_deref(), text);
        }
    }
}
