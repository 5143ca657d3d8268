//! One side of a factorization machine, users or items: its columns, and what is drawn of them.
//!
//! Sums over the ratings of a row are kept once for the row, so that drawing a column costs its entries, not its
//! ratings (Rendle 2013, "Scaling Factorization Machines to Relational Data", section 4). Does not know the ratings:
//! whoever sweeps sums them before, and takes from them what has moved afterwards.
//!
//! **Invariant**: a column without ratings has the mean of its group.

use reco_core::random::Draws;

use super::gibbs::Settings;
use crate::rating_matrix::{Entry, RatingMatrix};

/// The columns of one side, users or items, by groups that have their priors in common.
pub(super) struct Block {
    /// How many users, or items.
    pub(super) n_rows: usize,
    /// For each group its columns: rows and numbers. The first are ids, a row's own column.
    pub(super) groups: Vec<RatingMatrix>,
}

/// The numbers of one side.
#[derive(Clone, Debug)]
pub(super) struct SideSample {
    /// What each row adds by itself, then its factors: `[1 + n_factors][n_rows]`.
    pub(super) rows: Vec<Vec<f64>>,
    /// For each group of columns their weights and factors: `[1 + n_factors][n_columns]`.
    pub(super) columns: Vec<Vec<Vec<f64>>>,
    /// The priors of ids: `[1 + n_factors]`.
    pub(super) ids: Vec<Prior>,
}

/// The normal distribution of a group's columns.
#[derive(Clone, Copy, Debug)]
pub(super) struct Prior {
    pub(super) mean: f64,
    pub(super) precision: f64,
}

/// One row of a side, with sums over its ratings of the errors and of the other side's factors `q`. It fills a line of
/// the cache.
#[derive(Clone, Copy, Debug, Default)]
#[repr(align(64))]
pub(super) struct Row {
    pub(super) n: f64,
    pub(super) errors: f64,
    pub(super) errors_q: f64,
    pub(super) q: f64,
    pub(super) q_squared: f64,
    /// Its factor.
    p: f64,
    /// What its columns have added to what it adds by itself.
    own: f64,
}

/// A group of columns, by plane.
pub(super) struct Group<'a> {
    pub(super) columns: &'a RatingMatrix,
    /// Whether a column has ratings.
    known: Vec<bool>,
    n_known: f64,
    pub(super) priors: Vec<Prior>,
    pub(super) weights: Vec<Vec<f64>>,
}

pub(super) struct Side<'a> {
    pub(super) groups: Vec<Group<'a>>,
    pub(super) rows: Vec<Row>,
    pub(super) own: Vec<f64>,
    /// `[n_factors][n_rows]`
    pub(super) factors: Vec<Vec<f64>>,
}

impl<'a> Side<'a> {
    /// `n_ratings` are those of each row.
    pub(super) fn new(block: &'a Block, n_ratings: &[usize], settings: Settings, draws: &mut Draws) -> Self {
        let rows: Vec<Row> = n_ratings.iter().map(|n| Row { n: *n as f64, ..Row::default() }).collect();
        let (n_rows, n_factors) = (block.n_rows, settings.n_factors);
        let mut side =
            Self { groups: Vec::new(), rows, own: vec![0.0; n_rows], factors: vec![vec![0.0; n_rows]; n_factors] };
        for columns in &block.groups {
            let known: Vec<bool> =
                columns.iter().map(|(_, column)| column.iter().any(|entry| side.rows[entry.index()].n > 0.0)).collect();
            let mut weights = vec![vec![0.0; columns.len()]];
            for factors in &mut side.factors {
                let mut plane = vec![0.0; columns.len()];
                for (column, list) in columns.iter().filter(|(column, _)| known[*column]) {
                    plane[column] = f64::from(settings.init_std) * draws.normal();
                    for entry in list {
                        let (x, factor) = (f64::from(entry.value), &mut factors[entry.index()]);
                        side.own[entry.index()] += x * plane[column] * *factor;
                        *factor += x * plane[column];
                    }
                }
                weights.push(plane);
            }
            let n_known = known.iter().filter(|known| **known).count() as f64;
            let priors = vec![Prior { mean: 0.0, precision: 1.0 }; weights.len()];
            side.groups.push(Group { columns, known, n_known, priors, weights });
        }
        side
    }

    /// Draws the weights of all columns (`plane` 0), or one of their factors, given the sums of the rows.
    pub(super) fn sweep(&mut self, plane: usize, precision: f64, draws: &mut Draws) {
        let Self { groups, rows, .. } = self;
        for group in groups {
            let (known, prior, weights) = (&group.known, &mut group.priors[plane], &mut group.weights[plane]);
            let of_known = || weights.iter().zip(known).filter(|(_, known)| **known).map(|(weight, _)| *weight);
            prior.draw(group.n_known, of_known, draws);
            for ((column, list), weight) in group.columns.iter().zip(weights) {
                let (linear, old) = (plane == 0, *weight);
                *weight = if known[column] {
                    let (squares, errors) = if linear { sums(rows, list) } else { sums_of_pairs(rows, list, old) };
                    let sum = precision * squares + prior.precision;
                    let mean = (precision * (errors + squares * old) + prior.precision * prior.mean) / sum;
                    mean + draws.normal() / sum.sqrt()
                } else {
                    prior.mean
                };
                let by = *weight - old;
                if linear { shift(rows, list, by) } else { shift_pairs(rows, list, old, by) }
            }
        }
    }

    /// Makes the rows ready for a sweep of `plane`, but for sums of errors and of `q`, which are 0.
    pub(super) fn begin(&mut self, plane: usize) {
        for (at, row) in self.rows.iter_mut().enumerate() {
            let p = if plane == 0 { 0.0 } else { self.factors[plane - 1][at] };
            *row = Row { n: row.n, p, ..Row::default() };
        }
    }

    /// Adds what a sweep of `plane` has moved; `moved` is given, for each row, what it adds more by itself, and how
    /// much its factor has grown.
    pub(super) fn end(&mut self, plane: usize, moved: &mut Vec<[f64; 2]>) {
        moved.clear();
        for (at, row) in self.rows.iter().enumerate() {
            self.own[at] += row.own;
            let mut grown = 0.0;
            if plane > 0 {
                let factor = &mut self.factors[plane - 1][at];
                grown = row.p - *factor;
                *factor = row.p;
            }
            moved.push([row.own, grown]);
        }
    }

    pub(super) fn sample(&self) -> SideSample {
        SideSample {
            rows: std::iter::once(&self.own).chain(&self.factors).cloned().collect(),
            columns: self.groups.iter().map(|group| group.weights.clone()).collect(),
            ids: self.groups[0].priors.clone(),
        }
    }
}

/// Σ h² and Σ h e over the ratings of a column's rows, where `h = x` is how an expected number grows with the weight.
fn sums(rows: &[Row], column: &[Entry]) -> (f64, f64) {
    column.iter().fold((0.0, 0.0), |(squares, errors), entry| {
        let (row, x) = (&rows[entry.index()], f64::from(entry.value));
        (squares + x * x * row.n, errors + x * row.errors)
    })
}

/// The weight of a column grows.
fn shift(rows: &mut [Row], column: &[Entry], by: f64) {
    for entry in column {
        let row = &mut rows[entry.index()];
        let step = f64::from(entry.value) * by;
        row.own += step;
        row.errors -= step * row.n;
    }
}

/// As [`sums`], for a factor, where `h = x (p - v x + q)`.
pub(super) fn sums_of_pairs(rows: &[Row], column: &[Entry], factor: f64) -> (f64, f64) {
    column.iter().fold((0.0, 0.0), |(squares, errors), entry| {
        let (row, x) = (&rows[entry.index()], f64::from(entry.value));
        let rest = row.p - factor * x;
        let square = rest * (rest * row.n + 2.0 * row.q) + row.q_squared;
        (squares + x * x * square, errors + x * (rest * row.errors + row.errors_q))
    })
}

/// The factor of a column grows.
fn shift_pairs(rows: &mut [Row], column: &[Entry], factor: f64, by: f64) {
    for entry in column {
        let (row, x) = (&mut rows[entry.index()], f64::from(entry.value));
        let (rest, step) = (row.p - factor * x, x * by);
        row.p += step;
        row.own += step * rest;
        row.errors -= step * (rest * row.n + row.q);
        row.errors_q -= step * (rest * row.q + row.q_squared);
    }
}

impl Prior {
    /// Draws precision and mean given `n` numbers, with priors as in libFM: a mean around 0, and shape and rate ½.
    pub(super) fn draw<Numbers: Iterator<Item = f64>>(
        &mut self,
        n: f64,
        numbers: impl Fn() -> Numbers,
        draws: &mut Draws,
    ) {
        let squares: f64 = numbers().map(|number| (number - self.mean).powi(2)).sum();
        let (shape, rate) = ((2.0 + n) / 2.0, (1.0 + squares + self.mean * self.mean) / 2.0);
        self.precision = draws.gamma(shape) / rate;
        let sum: f64 = numbers().sum();
        self.mean = sum / (1.0 + n) + draws.normal() / ((1.0 + n) * self.precision).sqrt();
    }
}
