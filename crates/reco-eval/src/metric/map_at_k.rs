//! How precise is a list at each of its hits?
//!
//! Mean average precision: the precision at the place of every hit among the first k, summed and divided by min(k, |T|), as
//! RecBole does; others divide by |T|. Does not know how many stars a relevant item has.
//!
//! **Invariant**: in [0, 1]; 1 exactly if no list of k items does better.

use super::{Average, Better, MetricEntry, OfUser, TopK};

pub(super) const ENTRY: MetricEntry = MetricEntry {
    name: "map@k",
    about: "mean of the precisions at the relevant items among the k recommended",
    better: Better::Higher,
    average: Average::OverUsers,
    of_user: OfUser::Ranking(average_precision),
};

fn average_precision(top: &TopK<'_>) -> f64 {
    let precisions: f64 = top.places().zip(1..).map(|(place, hits)| f64::from(hits) / place as f64).sum();
    precisions / top.most_hits() as f64
}
