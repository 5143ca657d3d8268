//! Shannon entropy in nats of the items in all users' lists of k (Shannon 1948).
//!
//! It is -Σ p ln p, p being an item's share of all recommendations. RecBole's ShannonEntropy also divides by the number
//! of distinct items.
//!
//! **Invariant**: from 0, one item alone, to the logarithm of the number of items.

use super::{Better, Exposure, Measure, MetricEntry};

pub(super) const ENTRY: MetricEntry = MetricEntry {
    name: "entropy@k",
    about: "Shannon entropy (nats) of items in the k recommended",
    better: Better::Higher,
    measure: Measure::Exposure(entropy),
};

fn entropy(lists: &Exposure<'_>) -> Option<f64> {
    let sum = lists.n_recommended()? as f64;
    let shares = lists.counts.iter().filter(|count| **count > 0).map(|count| *count as f64 / sum);
    Some(shares.map(|p| -p * libm::log(p)).sum::<f64>().max(0.0))
}
