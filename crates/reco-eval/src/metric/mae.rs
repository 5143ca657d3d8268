//! By how many stars is a prediction off?
//!
//! Mean absolute error, Σ|y - ŷ| / n over the rated test rows of all users. Predictions are not clipped to the rating scale.
//! Does not know rankings.
//!
//! **Invariant**: 0 for perfect predictions, never less.

use super::{Average, Better, MetricEntry, OfUser, mean};

pub(super) const ENTRY: MetricEntry = MetricEntry {
    name: "mae",
    about: "mean absolute error in stars",
    better: Better::Lower,
    average: Average::OverRows,
    of_user: OfUser::Stars(|pairs| mean(pairs, |pair| pair.error())),
};
