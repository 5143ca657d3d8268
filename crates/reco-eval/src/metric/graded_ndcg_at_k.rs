//! Normalised discounted cumulative gain with stars as gains (Järvelin and Kekäläinen 2002).
//!
//! Σ gain / log₂(place + 1) over the hits among the first k, divided by the same sum of the best list ("Cumulated
//! gain-based evaluation of IR techniques"). The gain of a relevant item is its number of stars, that of an event is 1;
//! an item that is not relevant has none, whatever its stars. Others take 2^stars - 1 (Burges et al. 2005), which gives
//! other numbers. A user whose relevant items have no stars above 0 is left out.
//!
//! **Invariant**: in [0, 1]; equal to `ndcg@k` where all relevant items have equally many stars.

use super::given::discounted;
use super::{Measure, MetricEntry, TopK};

pub(super) const ENTRY: MetricEntry = MetricEntry::ranking(
    "graded_ndcg@k",
    "normalised discounted cumulative gain of the k recommended, by stars",
    Measure::TopK(graded_ndcg),
);

fn graded_ndcg(top: &TopK<'_>) -> Option<f64> {
    let ideal = discounted(top.ideal());
    (ideal > 0.0).then(|| discounted(top.hits()) / ideal)
}
