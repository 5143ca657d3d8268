//! Serendipity: the share of a list that is relevant and not among the most popular items.
//!
//! Relevant items among the first k that are not among the k candidates with the most training ratings, divided by k
//! (Ge, Delgado-Battenfeld, Jannach 2010, "Beyond accuracy", equation 3, with popularity as the primitive model and
//! relevance as usefulness). Users without relevant items are left out.
//!
//! **Invariant**: in [0, 1], never more than `precision@k`; 0 for `popularity`.

use std::num::NonZeroUsize;

use super::{Better, List, Measure, MetricEntry};

pub(super) const ENTRY: MetricEntry = MetricEntry {
    name: "serendipity@k",
    about: "share of the k recommended that is relevant and not among the k most popular",
    better: Better::Higher,
    measure: Measure::List(serendipity),
};

fn serendipity(list: &List<'_>, lengths: &[NonZeroUsize]) -> Vec<Option<f64>> {
    let Some(hits) = list.hits else { return vec![None; lengths.len()] };
    // The place of each hit in the list, and among the most popular.
    let hits = list.items.iter().zip(hits).enumerate().filter(|(_, (_, hit))| **hit);
    let places: Vec<(usize, Option<usize>)> =
        hits.map(|(place, (item, _))| (place, list.popular.iter().position(|popular| popular == item))).collect();
    let of = |k: &NonZeroUsize| {
        let k = k.get();
        let hits = places.iter().take_while(|(place, _)| *place < k);
        let n = hits.filter(|(_, popular)| popular.is_none_or(|popular| popular >= k)).count();
        Some(n as f64 / k as f64)
    };
    lengths.iter().map(of).collect()
}
