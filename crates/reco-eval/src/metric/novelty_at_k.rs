//! Mean self-information of a list's items in bits (Zhou et al. 2010, equation 5).
//!
//! That of an item is -log₂ of the share of training users who rated it ("Solving the apparent diversity-accuracy
//! dilemma of recommender systems"). An item that nobody rated counts as rated by one. Does not know what the user
//! knows.
//!
//! **Invariant**: at least 0; 0 where everybody rated everything in the list.

use std::num::NonZeroUsize;

use super::{Better, List, Measure, MetricEntry};

pub(super) const ENTRY: MetricEntry = MetricEntry {
    name: "novelty@k",
    about: "mean self-information (bits) of the k recommended, by who rated them in training",
    better: Better::Higher,
    measure: Measure::List(novelty),
};

fn novelty(list: &List<'_>, lengths: &[NonZeroUsize]) -> Vec<Option<f64>> {
    let n_users = list.known.n_train_users().max(1) as f64;
    let bits = |item: &reco_core::ItemIdx| libm::log2(n_users / list.known.n_ratings(*item).max(1) as f64);
    let mut sum = 0.0;
    let add = |item| {
        sum += bits(item);
        sum
    };
    let sums: Vec<f64> = list.longest(lengths).iter().map(add).collect();
    lengths.iter().map(|k| list.n(*k)).map(|n| Some(sums[n - 1] / n as f64)).collect()
}
