//! How evenly do recommendations spread over items?
//!
//! Shannon's entropy of the recommendations in all users' lists of k, -Σ p ln p in nats, p being an item's share of them
//! (Shannon 1948; RecBole's ShannonEntropy divides by the number of distinct items besides).
//!
//! **Invariant**: from 0, one item alone, to the logarithm of the number of items.

use super::{Better, Exposure, Family, Measure, MetricEntry};

pub(super) const ENTRY: MetricEntry = MetricEntry {
    name: "entropy@k",
    about: "Shannon entropy (nats) of items in the k recommended",
    family: Family::BeyondAccuracy,
    better: Better::Higher,
    measure: Measure::Exposure(entropy),
};

fn entropy(lists: &Exposure<'_>) -> Option<f64> {
    let sum = lists.n_recommended()? as f64;
    let shares = lists.counts.iter().filter(|count| **count > 0).map(|count| *count as f64 / sum);
    Some(shares.map(|p| -p * p.ln()).sum::<f64>().max(0.0))
}
