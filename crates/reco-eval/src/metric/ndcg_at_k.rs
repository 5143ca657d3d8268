//! How early in a list do relevant items come?
//!
//! Normalised discounted cumulative gain, binary: Σ 1 / log₂(place + 1) over the hits among the first k, divided by the same
//! sum of the best list, min(k, |T|) hits at the top (Järvelin and Kekäläinen 2002, "Cumulated gain-based evaluation of IR
//! techniques", with gains of 0 and 1). Does not know how many stars a relevant item has.
//!
//! **Invariant**: in [0, 1]; 1 exactly if no list of k items does better.

use super::{Average, Better, MetricEntry, OfUser, TopK};

pub(super) const ENTRY: MetricEntry = MetricEntry {
    name: "ndcg@k",
    about: "normalised discounted cumulative gain of the k recommended, relevant or not",
    better: Better::Higher,
    average: Average::OverUsers,
    of_user: OfUser::Ranking(ndcg),
};

fn ndcg(top: &TopK<'_>) -> f64 {
    gain(top.places()) / gain(1..=top.most_hits())
}

fn gain(places: impl Iterator<Item = usize>) -> f64 {
    places.map(|place| ((place + 1) as f64).log2().recip()).sum()
}
