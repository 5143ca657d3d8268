//! How early in a list does the first relevant item come?
//!
//! Mean reciprocal rank: 1 / place of the first hit among the first k, 0 without one. Does not know the later hits.
//!
//! **Invariant**: in [0, 1]; 1 exactly if the first item is relevant.

use super::{Average, Better, MetricEntry, OfUser};

pub(super) const ENTRY: MetricEntry = MetricEntry {
    name: "mrr@k",
    about: "1 / place of the first relevant item among the k recommended",
    better: Better::Higher,
    average: Average::OverUsers,
    of_user: OfUser::Ranking(|top| top.places().next().map_or(0.0, |place| 1.0 / place as f64)),
};
