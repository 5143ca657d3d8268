//! The article's error: mean absolute error of scaled ratings, the targets that networks are fitted to.
//!
//! Over the rated test rows of all users who have enough of them, not the mean of the users' own means; targets and
//! predictions are rounded to 1e-6. Not comparable between experiments that scale differently: for that there is `mae`.
//!
//! **Invariant**: 0 for perfect predictions, never less.

use super::{Better, Measure, MetricEntry, mean};

pub(super) const ENTRY: MetricEntry = MetricEntry {
    name: "scaled_mae",
    about: "the article's mean absolute error, of scaled ratings",
    better: Better::Lower,
    measure: Measure::Targets(|pairs| Some(mean(pairs, |pair| pair.error()))),
};
