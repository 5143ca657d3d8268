//! Gini index of how many of all users' lists of k each item is in (Gini 1912).
//!
//! Items in no list are included: Σ (2i - n - 1) xᵢ / (n Σ xᵢ), x ascending, i from 1 (for recommenders Fleder and
//! Hosanagar 2009). LensKit and RecBole use the same; others leave out items in no list, which gives lower numbers.
//!
//! **Invariant**: in [0, 1): 0 where all items are in equally many lists.

use super::{Better, Exposure, Measure, MetricEntry};

pub(super) const ENTRY: MetricEntry = MetricEntry {
    name: "gini@k",
    about: "inequality (Gini index) of how often items are in the k recommended",
    better: Better::Lower,
    measure: Measure::Exposure(gini),
};

fn gini(lists: &Exposure<'_>) -> Option<f64> {
    let sum = lists.n_recommended()? as f64;
    let mut counts = lists.counts.to_vec();
    counts.sort_unstable();
    let n = counts.len() as f64;
    let weighted: f64 = counts.iter().zip(1_u32..).map(|(x, i)| (2.0 * f64::from(i) - n - 1.0) * *x as f64).sum();
    Some(weighted / (n * sum))
}
