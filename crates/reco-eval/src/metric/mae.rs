//! Mean absolute error in stars, Σ|y - ŷ| / n over the rated test rows of all users.
//!
//! Predictions are not clipped to the rating scale. Does not know rankings.
//!
//! **Invariant**: 0 for perfect predictions, never less.

use super::{Average, Better, Measure, MetricEntry, mean};

pub(super) const ENTRY: MetricEntry = MetricEntry {
    name: "mae",
    about: "mean absolute error in stars",
    better: Better::Lower,
    measure: Measure::Stars(|pairs| Some(mean(pairs, |pair| pair.error())), Average::OverRows),
};
