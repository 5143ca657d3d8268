//! Reciprocal rank of one user: 1 / place of the first hit among the first k, 0 without one.
//!
//! Does not read later hits.
//!
//! **Invariant**: in [0, 1]; 1 exactly if the first item is relevant.

use super::{Measure, MetricEntry};

pub(super) const ENTRY: MetricEntry = MetricEntry::ranking(
    "mrr@k",
    "1 / place of the first relevant item among the k recommended",
    Measure::TopK(|top| Some(top.places().next().map_or(0.0, |place| 1.0 / place as f64))),
);
