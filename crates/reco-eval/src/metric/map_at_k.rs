//! Mean average precision of a list, with min(k, |T|) as its divisor.
//!
//! The precision at the place of every hit among the first k, summed and divided by min(k, |T|), as RecBole does;
//! `uncapped_map@k` divides by |T|. Does not know how many stars a relevant item has.
//!
//! **Invariant**: in [0, 1]; 1 exactly if no list of k items does better.

use super::{Measure, MetricEntry};

pub(super) const ENTRY: MetricEntry = MetricEntry::ranking(
    "map@k",
    "mean of the precisions at the relevant items among the k recommended",
    Measure::TopK(|top| Some(top.sum_of_precisions() / top.most_hits() as f64)),
);
