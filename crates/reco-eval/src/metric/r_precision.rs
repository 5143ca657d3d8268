//! R-precision: hits among the first |T|, divided by |T|, the number of relevant items.
//!
//! After Manning, Raghavan, Schütze 2008, "Introduction to Information Retrieval", section 8.4. Does not know k.
//!
//! **Invariant**: in [0, 1]; 1 exactly if all relevant items come before all others.

use super::{Measure, MetricEntry, Whole};

pub(super) const ENTRY: MetricEntry = MetricEntry::ranking(
    "r_precision",
    "share of relevant items in a list that is as long as there are relevant items",
    Measure::Whole(r_precision),
);

fn r_precision(whole: &Whole<'_>) -> Option<f64> {
    let found = |placed: &&super::Placed| placed.place.is_some_and(|place| place.get() <= whole.n_relevant);
    Some(whole.placed.iter().filter(found).count() as f64 / whole.n_relevant as f64)
}
