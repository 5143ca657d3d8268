//! The weights of a linear autoencoder for histories of a given length.
//!
//! Of each user's n items, m are drawn at random as what is known, and the others are to be told from them: a ridge
//! regression whose sums are taken in expectation over the draws, so that nothing is drawn. For `j ≠ i`, user by user,
//! `XᵀX` has `m (m-1) / (n (n-1))` for two items that the user met and `m / n` for one with itself, and `XᵀY` has
//! `m (n-m) / (n (n-1))`; attributes and a column of ones are known always. The weights are `(XᵀX + reg · I)⁻¹ XᵀY`.
//! (The expectation over what is left out is that of marginalised denoising: Chen, Xu, Weinberger and Sha 2012,
//! "Marginalized Denoising Autoencoders for Domain Adaptation", equations 5 to 8.) Does not know who asks.
//!
//! **Invariant**: a user with m items or fewer changes nothing; the number of threads changes no bit.

use reco_core::{Catalogue, FitError, Matrix, Progress, Seen, parallel};

use super::{Ease, NAME};
use crate::error::ClassicError;
use crate::inverse::Symmetric;

/// How many rows of the product are made at once, so that each row that is read is read less often.
const ROWS: usize = 8;

/// How often a draw has one item, two items, one and not the other, and not the one.
struct Expected {
    one: f64,
    both: f64,
    either: f64,
    other: f64,
}

impl Ease {
    /// `[n_items + n_attributes + 1, n_items]`: the last row is that of the ones.
    ///
    /// # Errors
    /// An interruption; sums that cannot be inverted.
    pub(super) fn short(
        &self,
        catalogue: &Catalogue,
        met: &[Seen],
        progress: &dyn Progress,
    ) -> Result<Matrix, FitError> {
        let (n_items, n_attributes) = (catalogue.n_items(), self.n_attributes(catalogue));
        let n_rows = n_items + n_attributes + 1;
        let expected = |user: &Seen| {
            let (n, m) = (user.items().len() as f64, self.given as f64);
            let either = m * (n - m) / (n * (n - 1.0));
            (n > m).then(|| Expected { one: m / n, both: m * (m - 1.0) / (n * (n - 1.0)), either, other: (n - m) / n })
        };
        let users: Vec<(usize, &Seen, Expected)> =
            met.iter().enumerate().filter_map(|(user, met)| Some((user, met, expected(met)?))).collect();
        let mut by_item = vec![Vec::new(); n_items];
        for (at, (_, met, _)) in users.iter().enumerate() {
            met.items().iter().for_each(|item| by_item[item.index()].push(at));
        }
        let always = |user: usize, column: usize| match column < n_attributes {
            true => self.user_features * f64::from(catalogue.user_features.matrix().row(user)[column]),
            false => 1.0,
        };
        let mut known = Symmetric::zeros(n_rows);
        let mut told = vec![0.0; n_rows * n_items];
        // `chunks_mut` refuses 0; a catalogue without items has no rows.
        let rows = known.rows_mut().zip(told.chunks_mut(n_items.max(1))).collect();
        parallel::each(
            rows,
            || (),
            |(), ((row, known), told)| {
                if progress.interrupted() {
                    return;
                }
                match row.checked_sub(n_items) {
                    None => {
                        for (_, met, expected) in by_item[row].iter().map(|at| &users[*at]) {
                            for item in met.items().iter().map(|item| item.index()) {
                                if item < row {
                                    known[item] += expected.both;
                                }
                                told[item] += expected.either;
                            }
                            known[row] += expected.one;
                        }
                        told[row] = 0.0;
                    }
                    Some(column) => {
                        for (user, met, expected) in &users {
                            let value = always(*user, column);
                            if value != 0.0 {
                                for item in met.items().iter().map(|item| item.index()) {
                                    known[item] += value * expected.one;
                                    told[item] += value * expected.other;
                                }
                                (0..=column).for_each(|other| known[n_items + other] += value * always(*user, other));
                            }
                        }
                    }
                }
                known[row] += self.reg;
            },
        );
        let inverse = known.inverted(progress)?.ok_or(ClassicError::Singular { approach: NAME })?;
        let mut weights = vec![0.0; n_rows * n_items];
        parallel::each(
            weights.chunks_mut((ROWS * n_items).max(1)).enumerate().collect(),
            || vec![0.0; ROWS * n_items],
            |sums, (block, weights)| {
                sums.fill(0.0);
                for (from, told) in told.chunks(n_items.max(1)).enumerate() {
                    for (row, sums) in sums.chunks_mut(n_items.max(1)).take(weights.len() / n_items).enumerate() {
                        let factor = inverse.at(block * ROWS + row, from);
                        sums.iter_mut().zip(told).for_each(|(sum, told)| *sum += factor * told);
                    }
                }
                weights.iter_mut().zip(sums.iter()).for_each(|(weight, sum)| *weight = *sum as f32);
            },
        );
        Ok(Matrix::new(n_rows, n_items, weights).expect("there are as many numbers as the shape has"))
    }
}
