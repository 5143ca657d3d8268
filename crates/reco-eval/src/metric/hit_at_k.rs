//! Hit rate: 1 for a user with a relevant item among the first k, else 0, averaged over users.
//!
//! Does not know how many hits there are.
//!
//! **Invariant**: 0 or 1 for each user.

use super::{Measure, MetricEntry};

pub(super) const ENTRY: MetricEntry = MetricEntry::ranking(
    "hit@k",
    "share of users with a relevant item among the k recommended",
    Measure::TopK(|top| Some(if top.places().next().is_some() { 1.0 } else { 0.0 })),
);
