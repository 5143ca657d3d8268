//! Normalised discounted cumulative gain, binary (Järvelin and Kekäläinen 2002).
//!
//! Σ 1 / log₂(place + 1) over the hits among the first k, divided by the same sum of the best list, min(k, |T|) hits at
//! the top ("Cumulated gain-based evaluation of IR techniques", with gains of 0 and 1). Does not know how many stars a
//! relevant item has: `graded_ndcg@k` does.
//!
//! **Invariant**: in [0, 1]; 1 exactly if no list of k items does better.

use super::given::discounted;
use super::{Measure, MetricEntry, TopK};

pub(super) const ENTRY: MetricEntry = MetricEntry::ranking(
    "ndcg@k",
    "normalised discounted cumulative gain of the k recommended, relevant or not",
    Measure::TopK(ndcg),
);

fn ndcg(top: &TopK<'_>) -> Option<f64> {
    let binary = |places: &mut dyn Iterator<Item = usize>| discounted(places.map(|place| (place, 1.0)));
    Some(binary(&mut top.places()) / binary(&mut (1..=top.most_hits())))
}
