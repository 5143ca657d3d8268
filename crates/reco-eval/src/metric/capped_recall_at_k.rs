//! Capped recall: hits among the first k, divided by min(k, |T|), |T| being the number of relevant items.
//!
//! After Liang et al. 2018, "Variational Autoencoders for Collaborative Filtering", section 4.2, where it is Recall@R.
//! Greater than `recall@k` wherever |T| is above k: the two must not be compared. Does not know the order within the
//! list.
//!
//! **Invariant**: in [0, 1]; 1 exactly if no list of k items finds more; never less than `recall@k`.

use super::{Measure, MetricEntry};

pub(super) const ENTRY: MetricEntry = MetricEntry::ranking(
    "capped_recall@k",
    "hits among the k recommended, divided by min(k, relevant items): the recall of Mult-VAE's tables",
    Measure::TopK(|top| Some(top.n_hits() / top.most_hits() as f64)),
);
