//! The share of the ratings' variance that predictions explain, a constant error aside.
//!
//! 1 - Var(y - ŷ) / Var(y) over the rated test rows of all users, as scikit-learn's `explained_variance_score`: `r2`,
//! but a constant added to all predictions costs nothing. Does not apply where all ratings are equal.
//!
//! **Invariant**: at most 1, and never less than `r2`.

use super::{Better, Measure, MetricEntry};

pub(super) const ENTRY: MetricEntry = MetricEntry {
    name: "explained_variance",
    about: "share of the ratings' variance that predictions explain, a constant error aside",
    better: Better::Higher,
    measure: Measure::Sums(|sums| Some(1.0 - sums.error_spread() / sums.spread()?)),
};
