//! Mean reciprocal rank: 1 / place of the first hit among the first k, 0 without one.
//!
//! Does not know the later hits.
//!
//! **Invariant**: in [0, 1]; 1 exactly if the first item is relevant.

use super::{Better, Family, Measure, MetricEntry};

pub(super) const ENTRY: MetricEntry = MetricEntry {
    name: "mrr@k",
    about: "1 / place of the first relevant item among the k recommended",
    family: Family::Rankings,
    better: Better::Higher,
    measure: Measure::TopK(|top| Some(top.places().next().map_or(0.0, |place| 1.0 / place as f64))),
};
