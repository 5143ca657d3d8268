//! How different are the items of a list from one another?
//!
//! Intra-list diversity: the mean over all pairs of 1 - cosine of their features (Ziegler et al. 2005, "Improving recommendation
//! lists through topic diversification"; Vargas and Castells 2011). An item without features is as different from all others as
//! can be. A list of fewer than two items is left out; without item features the metric does not apply.
//!
//! **Invariant**: in [0, 1] for features that are not negative; 0 where all items have the same.

use super::{Better, Family, List, Measure, MetricEntry};

pub(super) const ENTRY: MetricEntry = MetricEntry {
    name: "diversity@k",
    about: "mean over pairs of the k recommended of 1 - cosine of their features",
    family: Family::BeyondAccuracy,
    better: Better::Higher,
    measure: Measure::List(diversity),
};

fn diversity(list: &List<'_>) -> Option<f64> {
    let features = list.catalogue.item_features.matrix();
    if features.n_columns() == 0 || list.items.len() < 2 {
        return None;
    }
    let dot = |a: &[f32], b: &[f32]| a.iter().zip(b).map(|(a, b)| f64::from(*a) * f64::from(*b)).sum::<f64>();
    let rows: Vec<(&[f32], f64)> =
        list.items.iter().map(|item| features.row(item.index())).map(|row| (row, dot(row, row).sqrt())).collect();
    let mut sum = 0.0;
    for (at, (a, a_length)) in rows.iter().enumerate() {
        for (b, b_length) in &rows[at + 1..] {
            let lengths = a_length * b_length;
            sum += if lengths > 0.0 { 1.0 - dot(a, b) / lengths } else { 1.0 };
        }
    }
    let n_pairs = rows.len() * (rows.len() - 1) / 2;
    Some((sum / n_pairs as f64).max(0.0))
}
