//! Recall: hits among the first k, divided by |T|, the number of relevant items.
//!
//! Some papers divide by min(k, |T|), which gives greater numbers under the same name. Does not know the order within
//! the list.
//!
//! **Invariant**: in [0, 1]; at most min(k, |T|) / |T|.

use super::{Measure, MetricEntry};

pub(super) const ENTRY: MetricEntry = MetricEntry::ranking(
    "recall@k",
    "share of all relevant items that are among the k recommended",
    Measure::TopK(|top| Some(top.n_hits() / top.n_relevant())),
);
