//! Average recommendation popularity: the mean share of training users who rated the items of a list.
//!
//! After Yin et al. 2012, "Challenging the long tail recommendation", who take a count instead of a share. Says what
//! lists are like, not how good they are.
//!
//! **Invariant**: in [0, 1].

use std::num::NonZeroUsize;

use super::{Better, List, Measure, MetricEntry};

pub(super) const ENTRY: MetricEntry = MetricEntry {
    name: "average_popularity@k",
    about: "mean share of training users who rated the k recommended",
    better: Better::Neither,
    measure: Measure::List(average_popularity),
};

fn average_popularity(list: &List<'_>, lengths: &[NonZeroUsize]) -> Vec<Option<f64>> {
    let popularities = list.known.average_popularities(list.longest(lengths));
    lengths.iter().map(|k| Some(popularities[list.n(*k) - 1])).collect()
}
