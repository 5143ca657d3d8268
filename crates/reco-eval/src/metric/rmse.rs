//! Root mean square error in stars, √(Σ(y - ŷ)² / n) over the rated test rows of all users.
//!
//! Not the mean of the users' own roots. Predictions are not clipped to the rating scale. Does not know rankings.
//!
//! **Invariant**: 0 for perfect predictions, and never less than `mae`.

use super::{Average, Better, Measure, MetricEntry, mean};

pub(super) const ENTRY: MetricEntry = MetricEntry {
    name: "rmse",
    about: "root mean square error in stars",
    better: Better::Lower,
    measure: Measure::Stars(
        |pairs| Some(mean(pairs, |pair| pair.error().powi(2)).sqrt()),
        Average::RootMeanSquareOverRows,
    ),
};
