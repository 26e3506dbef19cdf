// SPDX-License-Identifier: GPL-2.0-only
//! How large a share may be, of which only a sample is known.

use statrs::distribution::{Beta, ContinuousCDF};

/// How sure a bound is.
pub const CONFIDENCE: f64 = 0.95;

/// The upper bound of a share when `hits` of `sample` were hit: Clopper and Pearson, one-sided, at [`CONFIDENCE`].
/// 1 without a sample.
pub fn upper_bound(hits: usize, sample: usize) -> f64 {
    if hits >= sample {
        return 1.0;
    }
    let distribution = Beta::new(hits as f64 + 1.0, (sample - hits) as f64);
    distribution.map_or(1.0, |beta| beta.inverse_cdf(CONFIDENCE))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// By SciPy: `beta.ppf(.95, hits + 1, sample - hits)`.
    #[test]
    fn the_bound_is_that_of_clopper_and_pearson() {
        let known =
            [(0, 500, 0.005_974), (0, 3000, 0.000_998), (1, 8192, 0.000_579), (5, 10, 0.777_559)];
        for (hits, sample, expected) in known {
            let bound = upper_bound(hits, sample);
            assert!((bound - expected).abs() < 1e-6, "{hits} of {sample}: {bound}");
        }
    }

    /// Without a hit there is a closed form.
    #[test]
    fn without_a_hit_the_bound_is_a_root() {
        for sample in [1, 2, 10, 499, 2994, 8192, 100_000] {
            let exact = 1.0 - 0.05_f64.powf(1.0 / sample as f64);
            assert!(
                (upper_bound(0, sample) / exact - 1.0).abs() < 1e-4,
                "{sample}: {} {exact}",
                upper_bound(0, sample)
            );
        }
    }

    #[test]
    fn the_bound_is_above_the_share_and_grows_with_it() {
        for sample in [1, 7, 500, 8192] {
            let bounds: Vec<f64> =
                (0..=sample).step_by(1 + sample / 50).map(|k| upper_bound(k, sample)).collect();
            assert!(bounds.is_sorted_by(|a, b| a < b || *b == 1.0), "{sample}: {bounds:?}");
        }
        assert_eq!((upper_bound(0, 0), upper_bound(3, 3)), (1.0, 1.0));
    }
}
