//! Intra-list diversity: the mean over all pairs of a list's items of 1 - cosine of their features.
//!
//! After Ziegler et al. 2005, "Improving recommendation lists through topic diversification", and Vargas and
//! Castells 2011. An item without features has the distance 1 to all others. A list of fewer than two items is left
//! out; without item features the metric does not apply.
//!
//! **Invariant**: in [0, 1] for features that are not negative; 0 where all items have the same.

use std::num::NonZeroUsize;

use super::{Better, List, Measure, MetricEntry};

pub(super) const ENTRY: MetricEntry = MetricEntry {
    name: "diversity@k",
    about: "mean over pairs of the k recommended of 1 - cosine of their features",
    better: Better::Higher,
    measure: Measure::List(diversity),
};

/// Up to this length the pairs are summed for each length; longer lists add pairs item by item, each length continuing
/// the one before.
const PAIR_BY_PAIR: usize = 100;

fn diversity(list: &List<'_>, lengths: &[NonZeroUsize]) -> Vec<Option<f64>> {
    let features = list.catalogue.item_features.matrix();
    if features.n_columns() == 0 {
        return vec![None; lengths.len()];
    }
    let dot = |a: &[f32], b: &[f32]| a.iter().zip(b).map(|(a, b)| f64::from(*a) * f64::from(*b)).sum::<f64>();
    let rows: Vec<(&[f32], f64)> = list
        .longest(lengths)
        .iter()
        .map(|item| features.row(item.index()))
        .map(|row| (row, dot(row, row).sqrt()))
        .collect();
    let apart = |(a, a_length): &(&[f32], f64), (b, b_length): &(&[f32], f64)| {
        let lengths = a_length * b_length;
        if lengths > 0.0 { 1.0 - dot(a, b) / lengths } else { 1.0 }
    };
    // Of the first items, each pair once: `[n, n]`.
    let n_few = rows.len().min(PAIR_BY_PAIR);
    let mut few = vec![0.0; n_few * n_few];
    for (a, row) in few.chunks_mut(n_few.max(1)).enumerate() {
        (a + 1..n_few).for_each(|b| row[b] = apart(&rows[a], &rows[b]));
    }
    let of_few =
        |n: usize| (0..n).flat_map(|a| &few[a * n_few + a + 1..a * n_few + n]).fold(0.0, |sum, apart| sum + apart);
    let mut sums = Vec::new();
    if rows.len() > PAIR_BY_PAIR {
        let mut sum = 0.0;
        for (at, b) in rows.iter().enumerate() {
            sum = rows[..at].iter().fold(sum, |sum, a| sum + apart(a, b));
            sums.push(sum);
        }
    }
    let of = |n: usize| {
        let sum = if n <= PAIR_BY_PAIR { of_few(n) } else { sums[n - 1] };
        (n > 1).then(|| (sum / (n * (n - 1) / 2) as f64).max(0.0))
    };
    lengths.iter().map(|k| of(list.n(*k))).collect()
}
