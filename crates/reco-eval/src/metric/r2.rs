//! Coefficient of determination: the share of the ratings' variance that predictions explain.
//!
//! 1 - Σ(y - ŷ)² / Σ(y - ȳ)² over the rated test rows of all users, ȳ being their mean, as scikit-learn's `r2_score`.
//! Below 0 for predictions worse than that mean. Does not apply where all ratings are equal.
//!
//! **Invariant**: 1 exactly for perfect predictions, never more.

use super::{Better, Measure, MetricEntry};

pub(super) const ENTRY: MetricEntry = MetricEntry {
    name: "r2",
    about: "share of the ratings' variance that predictions explain; 0 for the mean of the test ratings",
    better: Better::Higher,
    measure: Measure::Sums(|sums| Some(1.0 - sums.error_squared / sums.spread()?)),
};
