//! Precision: hits among the first k, divided by k.
//!
//! Divided by k also where fewer than k items were left to recommend, or are relevant. Does not know the order within
//! the list.
//!
//! **Invariant**: in [0, 1]; at most min(k, |T|) / k.

use super::{Measure, MetricEntry};

pub(super) const ENTRY: MetricEntry = MetricEntry::ranking(
    "precision@k",
    "share of the k items recommended that are relevant",
    Measure::TopK(|top| Some(top.n_hits() / top.k())),
);
