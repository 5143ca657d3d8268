//! Mean average precision over all relevant items, with |T| as its divisor.
//!
//! The precision at the place of every hit among the first k, summed and divided by |T|, as trec_eval's `map_cut` and
//! ranx do. `map@k` divides by min(k, |T|). Does not know how many stars a relevant item has.
//!
//! **Invariant**: in [0, 1]; never more than `map@k`, and equal to it where |T| is at most k.

use super::{Measure, MetricEntry};

pub(super) const ENTRY: MetricEntry = MetricEntry::ranking(
    "uncapped_map@k",
    "mean of the precisions at all relevant items, 0 for those not among the k recommended",
    Measure::TopK(|top| Some(top.sum_of_precisions() / top.n_relevant())),
);
