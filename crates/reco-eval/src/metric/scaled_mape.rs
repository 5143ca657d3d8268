//! The article's relative error: the mean of |y - ŷ| / |y| of scaled ratings.
//!
//! Over the same rows as `scaled_mae`, as a share: 0.3 is 30 per cent. Where a target is zero there is no such share,
//! and the metric does not apply.
//!
//! **Invariant**: 0 for perfect predictions, never less.

use super::mape::share;
use super::{Better, Measure, MetricEntry};

pub(super) const ENTRY: MetricEntry = MetricEntry {
    name: "scaled_mape",
    about: "the article's mean absolute error as a share of the scaled rating",
    better: Better::Lower,
    measure: Measure::Targets(share),
};
