//! Which share of a list is good and not what everybody is told?
//!
//! Relevant items among the first k that are not among the k candidates with the most training ratings, divided by k
//! (Ge, Delgado-Battenfeld, Jannach 2010, "Beyond accuracy", equation 3, with popularity as the primitive model and relevance as
//! usefulness). Users without relevant items are left out.
//!
//! **Invariant**: in [0, 1], never more than `precision@k`; 0 for `popularity`.

use super::{Better, Family, List, Measure, MetricEntry};

pub(super) const ENTRY: MetricEntry = MetricEntry {
    name: "serendipity@k",
    about: "share of the k recommended that is relevant and not among the k most popular",
    family: Family::BeyondAccuracy,
    better: Better::Higher,
    measure: Measure::List(serendipity),
};

fn serendipity(list: &List<'_>) -> Option<f64> {
    let hits = list.items.iter().zip(list.hits?).filter(|(_, hit)| **hit);
    let n = hits.filter(|(item, _)| !list.popular.contains(item)).count();
    Some(n as f64 / list.k.get() as f64)
}
