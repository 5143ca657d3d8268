//! Learns how to weigh predictions of the same number: least squares, drawn towards what was thought before (stacked
//! regressions: Breiman 1996).
//!
//! Does not know what is predicted.
//!
//! **Invariant**: without rows the weights are those thought before, and nothing is added.

use crate::cholesky::{cholesky, solved};

/// What is added, and the weight of each of n predictions, which minimise the mean square of `target - added - weights
/// · row` and `reg` times the squares by which weights differ from `prior`, `[n]`. `rows` is `[n_targets, n]`. Costs n²
/// multiplications a row.
#[must_use]
pub fn regression(rows: &[f32], targets: &[f32], prior: &[f64], reg: f64) -> (f64, Vec<f64>) {
    let n = prior.len();
    let share = 1.0 / targets.len().max(1) as f64;
    let mut means = vec![0.0; n];
    for row in rows.chunks(n) {
        means.iter_mut().zip(row).for_each(|(mean, x)| *mean += share * f64::from(*x));
    }
    let target = targets.iter().map(|target| share * f64::from(*target)).sum::<f64>();
    let (mut square, mut right) = (vec![0.0; n * n], vec![0.0; n]);
    (0..n).for_each(|at| square[at * n + at] = reg);
    for (row, own) in rows.chunks(n).zip(targets) {
        let off: Vec<f64> = row.iter().zip(&means).map(|(x, mean)| f64::from(*x) - mean).collect();
        // What the weights of before leave.
        let left = f64::from(*own) - target - off.iter().zip(prior).map(|(x, weight)| x * weight).sum::<f64>();
        for (at, x) in off.iter().enumerate() {
            right[at] += share * x * left;
            square[at * n..][..=at].iter_mut().zip(&off).for_each(|(sum, y)| *sum += share * x * y);
        }
    }
    let moved = cholesky(square, n).map_or_else(|| vec![0.0; n], |root| solved(&root, right));
    let weights: Vec<f64> = moved.iter().zip(prior).map(|(moved, prior)| prior + moved).collect();
    let of_means = weights.iter().zip(&means).map(|(weight, mean)| weight * mean).sum::<f64>();
    (if targets.is_empty() { 0.0 } else { target - of_means }, weights)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_found_and_little_evidence_leaves_what_was_thought() {
        // target = 1 + 2 a - b
        let rows = [0.0, 0.0, 1.0, 0.0, 0.0, 1.0, 2.0, 3.0];
        let (added, weights) = regression(&rows, &[1.0, 3.0, 0.0, 2.0], &[0.5; 2], 0.0);
        assert!((added - 1.0).abs() < 1e-9 && (weights[0] - 2.0).abs() < 1e-9 && (weights[1] + 1.0).abs() < 1e-9);
        let (_, weights) = regression(&rows, &[1.0, 3.0, 0.0, 2.0], &[0.5; 2], 1e9);
        assert!(weights.iter().all(|weight| (weight - 0.5).abs() < 1e-6), "{weights:?}");
        assert_eq!(regression(&[], &[], &[0.5; 2], 0.0), (0.0, vec![0.5, 0.5]));
    }
}
