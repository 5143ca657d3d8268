//! Divergence of a list's genres from those of the user's training items (Steck 2018, equations 2 to 5).
//!
//! KL(p || (1 - α) q + α p) in nats with α = 0.01 ("Calibrated Recommendations"), p being the genres of the user's
//! training items and q those of the list; each item spreads a weight of 1 evenly over its genres. Training items weigh
//! alike (the paper's w = 1). Items without genres play no part; a user without a genre on either side is left out, and
//! without genres the metric does not apply.
//!
//! **Invariant**: at least 0, the value of equal shares; at most ln 100.

use std::num::NonZeroUsize;

use super::{Better, List, Measure, MetricEntry};

pub(super) const ENTRY: MetricEntry = MetricEntry {
    name: "miscalibration@k",
    about: "divergence (nats, Steck 2018) of the genres of the k recommended from those of the user's training items",
    better: Better::Lower,
    measure: Measure::List(miscalibration),
};

const ALPHA: f64 = 0.01;

fn miscalibration(list: &List<'_>, lengths: &[NonZeroUsize]) -> Vec<Option<f64>> {
    let wanted = list.known.genre_shares(list.profile, &[list.profile.len()]).remove(0);
    let Some(wanted) = wanted else { return vec![None; lengths.len()] };
    let divergence = |given: Vec<f64>| {
        let terms = wanted.iter().zip(&given).filter(|(p, _)| **p > 0.0);
        terms.map(|(p, q)| p * libm::log(p / ((1.0 - ALPHA) * q + ALPHA * p))).sum::<f64>().max(0.0)
    };
    let lengths: Vec<usize> = lengths.iter().map(|k| list.n(*k)).collect();
    let shares = list.known.genre_shares(list.items, &lengths);
    shares.into_iter().map(|given| given.map(divergence)).collect()
}
