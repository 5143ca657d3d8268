//! Mean absolute percentage error in stars, the mean of |y - ŷ| / |y| over the rated test rows of all users.
//!
//! As a share: 0.3 is 30 per cent. An error of one star weighs five times as much at one star as at five. Where a
//! rating is zero there is no such share, and the metric does not apply. The article's, of scaled ratings, is
//! `scaled_mape`.
//!
//! **Invariant**: 0 for perfect predictions, never less.

use super::{Average, Better, Measure, MetricEntry, Pair, mean};

pub(super) const ENTRY: MetricEntry = MetricEntry {
    name: "mape",
    about: "mean absolute error in stars as a share of the rating",
    better: Better::Lower,
    measure: Measure::Stars(share, Average::OverRows),
};

/// The mean error as a share of y; `None` where some y is zero.
pub(super) fn share(pairs: &[Pair]) -> Option<f64> {
    pairs.iter().all(|pair| pair.y != 0.0).then(|| mean(pairs, |pair| pair.error() / pair.y.abs()))
}
