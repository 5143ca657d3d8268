//! Precision: hits among the first k, divided by k.
//!
//! Divided by k also where fewer than k items were left to recommend, or are relevant. Does not know the order within
//! the list.
//!
//! **Invariant**: in [0, 1]; at most min(k, |T|) / k.

use super::{Better, Family, Measure, MetricEntry};

pub(super) const ENTRY: MetricEntry = MetricEntry {
    name: "precision@k",
    about: "share of the k items recommended that are relevant",
    family: Family::Rankings,
    better: Better::Higher,
    measure: Measure::TopK(|top| Some(top.n_hits() / top.k())),
};
