//! Scores, reasons and deviations of a factorization machine, from its samples.
//!
//! A row of the asker and one of the item have, for each sample, a bias and factors; what a sample expects is the sum
//! of biases and products, and a score is the mean of the stars that follow. Does not know how samples were drawn.
//!
//! **Invariant**: a score is on the rating scale, and the same alone and among others, to the bit.

use std::sync::Arc;

use reco_core::{
    Catalogue, Explanation, Fitted, ItemIdx, Matrix, Query, Recommender, ScoreError, ScoreKind, Scores, Weights, Who,
    parallel,
};

use super::moments::Moments;
use super::ordinal::between;
use super::tables::{Shape, Tables};
use crate::rating_matrix::in_stars;
use crate::terms::{self, part};

/// What `bayesian-fm` learned: samples of the factorization machine.
pub struct BayesianFmModel {
    pub(super) shape: Shape,
    pub(super) tables: Tables,
    /// `None` where the time of a query is not read.
    moments: Option<Moments>,
    normal: NormalShares,
    /// `None` where ratings are no levels.
    curves: Option<Curves>,
    catalogue: Arc<Catalogue>,
}

impl BayesianFmModel {
    pub(super) fn new(shape: Shape, tables: Tables, moments: Option<Moments>, catalogue: &Arc<Catalogue>) -> Self {
        let normal = NormalShares::new();
        let curves = (!shape.levels.is_empty()).then(|| Curves::new(&shape, &tables, &normal));
        Self { shape, tables, moments, normal, curves, catalogue: Arc::clone(catalogue) }
    }

    /// The row of the asker: biases with the intercepts, then factors.
    fn asker(&self, who: &Who<'_>) -> Result<Vec<f32>, ScoreError> {
        let mut row = match who {
            Who::Known(user) => self.tables.users.row(user.index()).to_vec(),
            Who::Visitor { history, profile } => {
                let stated = profile.stated(&self.catalogue)?.attributes;
                self.visitor(&in_stars(history, &self.catalogue), &stated)
            }
        };
        row.iter_mut().zip(self.tables.common.row(0)).for_each(|(bias, intercept)| *bias += intercept);
        Ok(row)
    }

    /// What each sample expects of an asker's row and an item's, before noise.
    fn expect(&self, asker: &[f32], item: &[f32], expected: &mut Vec<f32>) {
        let n_samples = self.shape.n_samples;
        expected.clear();
        expected.extend(asker[..n_samples].iter().zip(item).map(|(a, b)| a + b));
        let factors = asker.chunks_exact(n_samples).zip(item.chunks_exact(n_samples)).skip(1);
        for (p, q) in factors {
            expected.iter_mut().zip(p.iter().zip(q)).for_each(|(sum, (p, q))| *sum += p * q);
        }
    }

    /// Adds what a rating at the second `at` has more than one at the average moment of the user's own.
    fn add_moment(&self, who: &Who<'_>, item: usize, at: Option<i64>, expected: &mut [f32]) {
        let (Some(moments), Who::Known(user), Some(at)) = (&self.moments, who, at) else { return };
        for row in moments.rows(user.index(), item, at) {
            expected.iter_mut().zip(self.tables.moments.row(row)).for_each(|(sum, weight)| *sum += weight);
        }
    }

    /// Writes `number` of what samples expect, for each query and candidate, at the times of the candidates if any.
    fn answer(
        &self,
        queries: &[Query<'_>],
        times: Option<&[&[Option<i64>]]>,
        out: &mut Scores,
        number: impl Fn(&[f32]) -> f32 + Sync,
    ) -> Result<(), ScoreError> {
        out.reset(queries, self.catalogue.n_items());
        let mut done: Vec<Result<(), ScoreError>> = queries.iter().map(|_| Ok(())).collect();
        let rows: Vec<_> = queries.iter().enumerate().zip(out.rows_mut()).zip(&mut done).collect();
        parallel::each(rows, Vec::new, |expected, (((row, query), scores), done)| match self.asker(&query.who) {
            Ok(asker) => {
                let mut times = times.map_or(&[] as &[_], |times| times[row]).iter();
                query.candidates.write(scores, |item| {
                    self.expect(&asker, self.tables.items.row(item), expected);
                    self.add_moment(&query.who, item, times.next().copied().flatten(), expected);
                    number(expected)
                });
            }
            Err(error) => *done = Err(error),
        });
        done.into_iter().collect()
    }

    /// The standard deviation of a rating around its score, for each query and candidate, in stars: that among samples
    /// and that of a rating given a sample, together. Clipping is left out of account.
    ///
    /// # Errors
    /// As [`Recommender::score`].
    pub fn deviations(&self, queries: &[Query<'_>], out: &mut Scores) -> Result<(), ScoreError> {
        self.answer(queries, None, out, |expected| {
            let variance = if let Some(lowest) = self.shape.levels.first().map(|lowest| f64::from(*lowest)) {
                let steps = self.shape.levels.windows(2).enumerate();
                let (mean, square) = steps.fold((lowest, lowest * lowest), |(mean, square), (at, pair)| {
                    let ([low, high], above) = ([pair[0], pair[1]].map(f64::from), self.above(at, expected));
                    (mean + (high - low) * above, square + (high * high - low * low) * above)
                });
                square - mean * mean
            } else {
                let (mean, n) = (f64::from(self.stars(expected)), expected.len() as f64);
                let among = expected.iter().map(|number| (f64::from(*number) - mean).powi(2)).sum::<f64>();
                let noise = self.tables.common.row(1).iter().map(|precision| 1.0 / f64::from(*precision)).sum::<f64>();
                (among + noise) / n
            };
            variance.max(0.0).sqrt() as f32
        })
    }

    /// The chance of a rating above cutpoint `at`.
    fn above(&self, at: usize, expected: &[f32]) -> f64 {
        let pairs = expected.iter().zip(self.tables.common.row(2 + at));
        let sum: f32 = pairs.map(|(number, cutpoint)| self.normal.below(number - cutpoint)).sum();
        f64::from(sum) / expected.len() as f64
    }

    /// The mean of the stars that samples lead to.
    fn stars(&self, expected: &[f32]) -> f32 {
        match &self.curves {
            Some(curves) => curves.mean(expected),
            None => expected.iter().sum::<f32>() / expected.len() as f32,
        }
    }
}

impl Recommender for BayesianFmModel {
    fn score_kind(&self) -> ScoreKind {
        ScoreKind::Stars
    }

    fn catalogue(&self) -> &Arc<Catalogue> {
        &self.catalogue
    }

    fn score(&self, queries: &[Query<'_>], out: &mut Scores) -> Result<(), ScoreError> {
        self.answer(queries, None, out, |expected| self.catalogue.scale.clamp(self.stars(expected)))
    }

    fn reads_time(&self) -> bool {
        self.moments.is_some()
    }

    fn score_at(&self, queries: &[Query<'_>], times: &[&[Option<i64>]], out: &mut Scores) -> Result<(), ScoreError> {
        self.answer(queries, Some(times), out, |expected| self.catalogue.scale.clamp(self.stars(expected)))
    }

    /// Parts are added in the order of terms, each with what the stars grow by: of what all users and items have in
    /// common, then of this user before the mean item, then of this item before the mean user, and the rest.
    fn explain(&self, query: &Query<'_>, items: &[ItemIdx]) -> Result<Option<Vec<Explanation>>, ScoreError> {
        let asker = self.asker(&query.who)?;
        let mut mean_user = mean_row(&self.tables.users);
        mean_user.iter_mut().zip(self.tables.common.row(0)).for_each(|(bias, intercept)| *bias += intercept);
        let mean_item = mean_row(&self.tables.items);
        let expect = |asker: &[f32], item: &[f32]| {
            let mut expected = Vec::new();
            self.expect(asker, item, &mut expected);
            expected
        };
        let (of_all, of_user) = (expect(&mean_user, &mean_item), expect(&asker, &mean_item));
        let explain = |item: &ItemIdx| {
            let item = self.tables.items.row(item.index());
            let of_item = expect(&mean_user, item);
            let without_tastes: Vec<f32> =
                of_user.iter().zip(of_item.iter().zip(&of_all)).map(|(user, (item, all))| user + item - all).collect();
            let steps = [&of_all, &of_user, &without_tastes, &expect(&asker, item)].map(|step| self.stars(step));
            let names = ["global mean", "user bias", "item bias", "tastes"];
            let before = std::iter::once(0.0).chain(steps);
            let terms = names.iter().zip(steps.iter().zip(before));
            let terms = terms.map(|(name, (step, before))| part(name, f64::from(*step) - f64::from(before))).collect();
            terms::explanation(terms, steps[3].into(), self.catalogue.scale)
        };
        Ok(Some(items.iter().map(explain).collect()))
    }
}

/// The mean of a table's rows.
fn mean_row(table: &Matrix) -> Vec<f32> {
    let mut sums = vec![0.0; table.n_columns()];
    for row in 0..table.n_rows() {
        sums.iter_mut().zip(table.row(row)).for_each(|(sum, number)| *sum += f64::from(*number));
    }
    sums.into_iter().map(|sum| (sum / table.n_rows() as f64) as f32).collect()
}

impl Fitted for BayesianFmModel {
    fn n_parameters(&self) -> usize {
        self.tables.all().iter().map(|table| table.values().len()).sum()
    }

    fn save(&self) -> Result<Weights, ScoreError> {
        let weights = self.tables.save(&self.shape, &self.catalogue);
        Ok(self.moments.iter().fold(weights, |weights, moments| moments.save(weights)))
    }
}

/// The share of a standard normal variable below a number: a table from -8 to 8, and lines between its entries, which
/// are at most 1e-5 off.
struct NormalShares(Vec<f32>);

impl NormalShares {
    const PER_UNIT: f32 = 64.0;
    const END: f32 = 8.0;

    fn new() -> Self {
        let n = (2.0 * Self::END * Self::PER_UNIT) as usize;
        let at = |place: usize| place as f64 / f64::from(Self::PER_UNIT) - f64::from(Self::END);
        Self((0..=n).map(|place| between(f64::NEG_INFINITY, at(place)) as f32).collect())
    }

    fn below(&self, number: f32) -> f32 {
        let place = (number.clamp(-Self::END, Self::END - 0.5 / Self::PER_UNIT) + Self::END) * Self::PER_UNIT;
        let at = place as usize;
        let (low, high) = (self.0[at], self.0[at + 1]);
        low + (place - at as f32) * (high - low)
    }
}

/// The stars that each sample leads to where ratings are levels, as a function of what it expects: for each a table
/// and lines between its entries, so that a score takes one look for each sample, whatever the number of levels.
struct Curves {
    /// What the first entry of each sample is for.
    first: Vec<f32>,
    /// Entries for each sample.
    n: usize,
    per_unit: f32,
    /// `[n_samples][n]`
    stars: Vec<f32>,
}

impl Curves {
    /// Entries for each sample, at most. Where cutpoints lie more than 1,000 apart, they are further from each other,
    /// and stars are less exact.
    const MOST: f32 = 65_536.0;
    /// Sums that do not wait for each other.
    const SUMS: usize = 8;

    fn new(shape: &Shape, tables: &Tables, normal: &NormalShares) -> Self {
        let cutpoints = |sample: usize| (0..shape.levels.len() - 1).map(move |at| tables.common.row(2 + at)[sample]);
        // A single level has none.
        let lowest = |sample| cutpoints(sample).reduce(f32::min).unwrap_or(0.0);
        let highest = |sample| cutpoints(sample).reduce(f32::max).unwrap_or(0.0);
        let widest = (0..shape.n_samples).map(|sample| highest(sample) - lowest(sample)).fold(0.0, f32::max);
        let range = widest + 2.0 * NormalShares::END;
        let per_unit = NormalShares::PER_UNIT.min(Self::MOST / range);
        let n = (range * per_unit) as usize + 2;
        let first: Vec<f32> = (0..shape.n_samples).map(|sample| lowest(sample) - NormalShares::END).collect();
        let curve = |sample: usize| {
            let first = first[sample];
            (0..n).map(move |place| {
                let expected = first + place as f32 / per_unit;
                let steps = shape.levels.windows(2).zip(cutpoints(sample));
                let steps = steps.map(|(pair, cutpoint)| (pair[1] - pair[0]) * normal.below(expected - cutpoint));
                shape.levels[0] + steps.sum::<f32>()
            })
        };
        let stars = (0..shape.n_samples).flat_map(curve).collect();
        Self { n, per_unit, stars, first }
    }

    /// The mean of the stars that samples lead to.
    fn mean(&self, expected: &[f32]) -> f32 {
        let last = (self.n - 1) as f32 - 0.5;
        let mut sums = [0.0; Self::SUMS];
        let samples = self.stars.chunks_exact(self.n).zip(expected.iter().zip(&self.first));
        for (at, (curve, (number, first))) in samples.enumerate() {
            let place = ((number - first) * self.per_unit).clamp(0.0, last);
            let whole = place as usize;
            let (low, high) = (curve[whole], curve[whole + 1]);
            sums[at % Self::SUMS] += low + (place - whole as f32) * (high - low);
        }
        sums.iter().sum::<f32>() / expected.len() as f32
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use crate::rating_matrix::tests::{query, scores_of};
    use reco_core::Features;
    use reco_core::testing::catalogue;

    /// A model of one user and two items, one factor and two samples, with these numbers.
    pub(in super::super) fn by_hand(levels: &[f32], cutpoints: &[[f32; 2]]) -> BayesianFmModel {
        let mut catalogue = catalogue(1, 2);
        catalogue.user_features = Features::new(vec!["age".to_owned()], Matrix::zeros(1, 1)).unwrap();
        let shape = Shape { embedding_size: 1, n_samples: 2, levels: levels.to_vec() };
        let table = |rows: &[[f32; 4]]| Matrix::new(rows.len(), 4, rows.concat()).unwrap();
        let common = [&[[1.0, 2.0], [1.0, 0.25]], cutpoints].concat();
        let tables = Tables {
            users: table(&[[0.5, 1.0, 2.0, 3.0]]),
            items: table(&[[0.0, 0.5, 1.0, -1.0], [-0.5, 0.0, 0.0, 1.0]]),
            history: table(&[[0.0; 4], [0.1, 0.2, 2.0, 1.0]]),
            features: table(&[[0.3, 0.3, 1.0, 2.0]]),
            priors: table(&[[0.2, 0.4, 0.5, -0.5], [1.0, 1.0, 2.0, 4.0]]),
            common: Matrix::new(common.len(), 2, common.concat()).unwrap(),
            moments: Matrix::zeros(0, 2),
        };
        BayesianFmModel::new(shape, tables, None, &Arc::new(catalogue))
    }

    #[test]
    fn scores_and_deviations_by_hand() {
        let model = by_hand(&[], &[]);
        // Item 0: 1 + 0.5 + 0 + 2 · 1 and 2 + 1 + 0.5 - 3 · 1; item 1: 1 + 0.5 - 0.5 + 0 and 2 + 1 + 0 + 3, clipped.
        assert_eq!(scores_of(&model, 0), [2.0, 3.5]);
        let mut deviations = Scores::new();
        model.deviations(&[query(&model, 0)], &mut deviations).unwrap();
        // Among samples 1.5 and 2.5; the noise has variances 1 and 4.
        let expected = [2.25_f64 + 2.5, 6.25 + 2.5].map(|variance| variance.sqrt() as f32);
        assert_eq!(deviations.row(0), expected);
        assert_eq!(model.n_parameters(), 4 * (1 + 2 + 2 + 1 + 2) + 4);

        // Levels of 1, 2 and 5 stars: samples expect 3.5 and 0.5 of item 0.
        let model = by_hand(&[1.0, 2.0, 5.0], &[[3.5, -0.5], [4.5, 0.5]]);
        let below_1 = between(f64::NEG_INFINITY, 1.0);
        let above = [(0.5 + below_1) / 2.0, (1.0 - below_1 + 0.5) / 2.0];
        let stars = 1.0 + above[0] + 3.0 * above[1];
        assert!((f64::from(scores_of(&model, 0)[0]) - stars).abs() < 1e-4);
        model.deviations(&[query(&model, 0)], &mut deviations).unwrap();
        let variance = 1.0 + 3.0 * above[0] + 21.0 * above[1] - stars * stars;
        assert!((f64::from(deviations.row(0)[0]) - variance.sqrt()).abs() < 1e-4);
    }

    #[test]
    fn stars_of_curves_are_near() {
        let levels = [1.0, 2.0, 5.0];
        for cutpoints in [[[-1.5, -0.5], [0.5, 0.25]], [[3.5, -400.0], [4.5, 40.0]]] {
            let model = by_hand(&levels, &cutpoints);
            for number in [-1e30, -405.0, -9.1, -0.007, 0.0, 0.02, 1.234, 7.999, 45.0, 1e30] {
                let stars = |sample: usize| {
                    let above =
                        |at: usize| between(f64::from(cutpoints[at][sample]) - f64::from(number), f64::INFINITY);
                    1.0 + above(0) + 3.0 * above(1)
                };
                let (found, expected) = (model.stars(&[number, number]), (stars(0) + stars(1)) / 2.0);
                assert!((f64::from(found) - expected).abs() < 1e-4, "{number}: {found} for {expected}");
            }
        }
    }

    #[test]
    fn shares_of_the_table_are_near() {
        let normal = NormalShares::new();
        for number in [-30.0, -8.0, -3.1, -0.007, 0.0, 0.02, 1.234, 7.999, 8.0, 30.0] {
            let exact = between(f64::NEG_INFINITY, f64::from(number));
            assert!((f64::from(normal.below(number)) - exact).abs() < 1e-5, "{number}");
        }
    }
}
