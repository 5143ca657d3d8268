//! The row of someone new in each sample: their history and features, and a column of their own that is learned.
//!
//! Does not know what is made of the row.
//!
//! **Invariant**: whoever has rated nothing has the mean of all users' own columns.

use super::model::BayesianFmModel;
use super::ordinal::Cutpoints;
use crate::cholesky::{cholesky, solved};
use crate::rating_matrix::Entry;

impl BayesianFmModel {
    /// The row of someone new, who rated `rated` and has the features `stated`, columns with their numbers.
    pub(super) fn visitor(&self, rated: &[Entry], stated: &[(usize, f32)]) -> Vec<f32> {
        let n_samples = self.shape.n_samples;
        let share = 1.0 / (rated.len() as f64).sqrt();
        let history = rated.iter().map(|entry| (self.tables.history.row(entry.index()), share));
        let features = stated.iter().map(|&(column, x)| (self.tables.features.row(column), f64::from(x)));
        let columns: Vec<(&[f32], f64)> = history.chain(features).collect();
        let levels: Vec<usize> = rated.iter().map(|entry| self.level(entry.value)).collect();
        let mut row = vec![0.0; self.tables.users.n_columns()];
        for sample in 0..n_samples {
            let of = |row: &[f32]| -> Vec<f64> {
                row.iter().skip(sample).step_by(n_samples).map(|number| f64::from(*number)).collect()
            };
            // All but their own column.
            let mut rest = vec![0.0; 1 + self.shape.embedding_size];
            for (column, x) in &columns {
                let weights = of(column);
                rest[0] += x * weights[0];
                let (bias, factors) = rest.split_at_mut(1);
                for (sum, weight) in factors.iter_mut().zip(&weights[1..]) {
                    // Its pairs with the columns before it.
                    bias[0] += x * weight * *sum;
                    *sum += x * weight;
                }
            }
            let own = self.own_column(sample, &rest, rated, &levels, &of);
            let pairs: f64 = own[1..].iter().zip(&rest[1..]).map(|(own, rest)| own * rest).sum();
            row[sample] = (rest[0] + own[0] + pairs) as f32;
            for (factor, (own, rest)) in own[1..].iter().zip(&rest[1..]).enumerate() {
                row[(1 + factor) * n_samples + sample] = (own + rest) as f32;
            }
        }
        row
    }

    /// The level whose stars are nearest.
    pub(super) fn level(&self, stars: f32) -> usize {
        let off = |level: &f32| (level - stars).abs();
        let nearest = self.shape.levels.iter().enumerate().min_by(|a, b| off(a.1).total_cmp(&off(b.1)));
        nearest.map_or(0, |(level, _)| level)
    }

    /// The weight and the factors of a visitor's own column, given their ratings and a sample: their most likely
    /// values, by ridge regression, towards the mean of all users' own columns. For levels, hidden numbers take the
    /// place of stars; the two are found in turn (the EM algorithm).
    fn own_column(
        &self,
        sample: usize,
        rest: &[f64],
        rated: &[Entry],
        levels: &[usize],
        of: &impl Fn(&[f32]) -> Vec<f64>,
    ) -> Vec<f64> {
        const ROUNDS: usize = 10;
        let number = |row: usize| f64::from(self.tables.common.row(row)[sample]);
        let (intercept, noise) = (number(0), number(1));
        let (means, precisions) = (of(self.tables.priors.row(0)), of(self.tables.priors.row(1)));
        // What is expected grows by `slope` with each of the unknown numbers.
        let mut expected = Vec::with_capacity(rated.len());
        let mut slopes = Vec::with_capacity(rated.len());
        let size = rest.len();
        let mut square = vec![0.0; size * size];
        (0..size).for_each(|at| square[at * size + at] = precisions[at]);
        for entry in rated {
            let mut slope = of(self.tables.items.row(entry.index()));
            let bias = std::mem::replace(&mut slope[0], 1.0);
            let pairs: f64 = rest[1..].iter().zip(&slope[1..]).map(|(rest, factor)| rest * factor).sum();
            expected.push(intercept + rest[0] + bias + pairs);
            slope[1..].iter_mut().zip(&rest[1..]).for_each(|(factor, rest)| *factor += rest);
            for (at, one) in slope.iter().enumerate() {
                let row = &mut square[at * size..][..=at];
                row.iter_mut().zip(&slope).for_each(|(sum, other)| *sum += noise * one * other);
            }
            slopes.push(slope);
        }
        // What they say of themselves may be so large that nothing can be told of their own column.
        let Some(root) = cholesky(square, size) else { return means };
        let mut own = means.clone();
        let is_levels = !self.shape.levels.is_empty();
        for _ in 0..if is_levels { ROUNDS } else { 1 } {
            let mut right: Vec<f64> = means.iter().zip(&precisions).map(|(mean, precision)| mean * precision).collect();
            for (at, slope) in slopes.iter().enumerate() {
                let hidden = if is_levels {
                    let now = expected[at] + slope.iter().zip(&own).map(|(slope, own)| slope * own).sum::<f64>();
                    let n_cutpoints = self.tables.common.n_rows() - 2;
                    let cutpoint = |at: usize| (at < n_cutpoints).then(|| number(2 + at));
                    Cutpoints::mean_hidden(cutpoint, levels[at], now)
                } else {
                    f64::from(rated[at].value)
                };
                let error = noise * (hidden - expected[at]);
                right.iter_mut().zip(slope).for_each(|(sum, slope)| *sum += error * slope);
            }
            own = solved(&root, right);
        }
        if own.iter().all(|number| number.is_finite()) { own } else { means }
    }
}

#[cfg(test)]
mod tests {
    use super::super::model::tests::by_hand;
    use super::*;

    #[test]
    fn a_visitor_is_a_row_of_columns_and_their_own_is_learned() {
        let model = by_hand(&[], &[]);
        // Whoever says nothing is the mean of all users' own columns.
        assert_eq!(model.visitor(&[], &[]), [0.2, 0.4, 0.5, -0.5]);
        // Age 2: the bias is 2 · 0.3, the factor 2 · 1 or 2 · 2; with their own column, and its pair with the factor.
        let found = model.visitor(&[], &[(0, 2.0)]);
        let expected = [0.2 + 0.6 + 0.5 * 2.0, 0.4 + 0.6 - 0.5 * 4.0, 0.5 + 2.0, -0.5 + 4.0];
        assert!(found.iter().zip(expected).all(|(found, expected)| (found - expected).abs() < 1e-6), "{found:?}");
        // Item 1 with five stars. Sample 0: the history gives 0.1 and 2; expected are 1 + 0.1 - 0.5 + 2 · 0 stars, and
        // 1 more with 1 more of their bias, 2 + 0 with 1 more of their factor. Then a regression of two unknowns, of
        // noise 1: (1 + 1) b + 2 f = 0.2 + 4.4 and 2 b + (2 + 4) f = 1 + 2 · 4.4.
        let found = model.visitor(&[Entry { row: 1, value: 5.0 }], &[]);
        let (bias, factor) = ((4.6 * 6.0 - 2.0 * 9.8) / 8.0, (2.0 * 9.8 - 2.0 * 4.6) / 8.0);
        assert!((f64::from(found[0]) - (0.1 + bias + 2.0 * factor)).abs() < 1e-5, "{found:?}");
        assert!((f64::from(found[2]) - (2.0 + factor)).abs() < 1e-5, "{found:?}");
        // Of levels, those who like more get more.
        let model = by_hand(&[1.0, 2.0, 5.0], &[[0.0, 0.0], [1.0, 1.0]]);
        let [low, high] = [1.0, 5.0].map(|value| model.visitor(&[Entry { row: 1, value }], &[])[0]);
        assert!(high > low + 0.5, "{low} {high}");
    }
}
