//! The numbers of all samples of a factorization machine, as they are kept and saved.
//!
//! Does not know what is computed from them.
//!
//! **Invariant**: every product of numbers is finite, and tables have the sizes of their catalogue and [`Shape`].

use reco_core::{Catalogue, LoadError, Matrix, Weights};
use serde::{Deserialize, Serialize};

use super::NAME;
use super::gibbs::Sample;
use super::side::Prior;

/// The tensors of the tables, in the order of [`Tables::all`].
const NAMES: [&str; 7] = ["users", "items", "items.history", "users.features", "users.prior", "common", MOMENTS];
const MOMENTS: &str = "moments";

/// No number is larger, so that sums of products are finite.
const LARGEST: f32 = 1e15;

/// The sizes of tables, and what ratings there are.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Shape {
    pub(super) embedding_size: usize,
    pub(super) n_samples: usize,
    /// The stars of each level, ascending; none if ratings are numbers.
    pub(super) levels: Vec<f32>,
}

/// The numbers of all samples. A row has `n_samples` numbers for the bias, then as many for each factor.
#[derive(Debug, PartialEq)]
pub(super) struct Tables {
    /// `[n_users, (1 + embedding_size) · n_samples]`
    pub(super) users: Matrix,
    /// `[n_items, (1 + embedding_size) · n_samples]`
    pub(super) items: Matrix,
    /// Of the column of having rated an item: `[n_items, (1 + embedding_size) · n_samples]`
    pub(super) history: Matrix,
    /// Of a user's features: `[n_user_features, (1 + embedding_size) · n_samples]`
    pub(super) features: Matrix,
    /// Means of the users' own columns, then their precisions: `[2, (1 + embedding_size) · n_samples]`
    pub(super) priors: Matrix,
    /// Intercepts, precisions of the noise, then the cutpoints from the lowest: `[2 + n_cutpoints, n_samples]`
    pub(super) common: Matrix,
    /// Weights of the columns of moments, one group after the other: `[n_columns, n_samples]`
    pub(super) moments: Matrix,
}

impl Tables {
    /// Rows and columns of each table; `None` for more than can be counted.
    fn sizes(shape: &Shape, n_moments: usize, catalogue: &Catalogue) -> Option<[(usize, usize); 7]> {
        let width = shape.embedding_size.checked_add(1)?.checked_mul(shape.n_samples)?;
        let n_features = catalogue.user_features.names().len();
        let n_cutpoints = shape.levels.len().saturating_sub(1);
        let rows = [catalogue.n_users(), catalogue.n_items(), catalogue.n_items(), n_features, 2];
        let [users, items, history, features, priors] = rows.map(|rows| (rows, width));
        let [common, moments] = [2 + n_cutpoints, n_moments].map(|rows| (rows, shape.n_samples));
        Some([users, items, history, features, priors, common, moments])
    }

    pub(super) fn all(&self) -> [&Matrix; 7] {
        [&self.users, &self.items, &self.history, &self.features, &self.priors, &self.common, &self.moments]
    }

    /// `None` where a number is too large to compute with.
    pub(super) fn of(samples: &[Sample], shape: &Shape, catalogue: &Catalogue) -> Option<Self> {
        let n = samples.len();
        let n_moments = samples.first()?.moments.iter().map(Vec::len).sum();
        let mut tables = Self::sizes(shape, n_moments, catalogue)?.map(|(rows, columns)| Matrix::zeros(rows, columns));
        let [users, items, history, features, priors, common, moments] = &mut tables;
        for (at, sample) in samples.iter().enumerate() {
            let write = |table: &mut Matrix, planes: &[Vec<f64>]| {
                for (plane, numbers) in planes.iter().enumerate() {
                    let place = plane * n + at;
                    numbers.iter().enumerate().for_each(|(row, number)| table.row_mut(row)[place] = *number as f32);
                }
            };
            write(users, &sample.users.rows);
            write(items, &sample.items.rows);
            write(history, &sample.users.columns[1]);
            write(features, &sample.users.columns[2]);
            let of_plane = |prior: &Prior| vec![prior.mean, prior.precision];
            write(priors, &sample.users.ids.iter().map(of_plane).collect::<Vec<_>>());
            let numbers = [sample.intercept, sample.precision].into_iter().chain(sample.cutpoints.iter().copied());
            write(common, &[numbers.collect()]);
            write(moments, &[sample.moments.concat()]);
        }
        Self::checked(tables)
    }

    fn checked([users, items, history, features, priors, common, moments]: [Matrix; 7]) -> Option<Self> {
        let tables = Self { users, items, history, features, priors, common, moments };
        let small = |table: &Matrix| table.values().iter().all(|number| number.abs() <= LARGEST);
        let all_small = tables.all().into_iter().all(small);
        all_small.then_some(tables)
    }

    /// Takes out what [`Tables::save`] added, for the same catalogue.
    ///
    /// # Errors
    /// As [`Weights::take`]; numbers too large to compute with.
    pub(super) fn load(
        weights: &mut Weights,
        n_moments: usize,
        catalogue: &Catalogue,
    ) -> Result<(Shape, Self), LoadError> {
        let refuse = |reason: &str| LoadError::Weights { reason: reason.to_owned() };
        let shape: Shape = weights.take_value("shape")?;
        let sizes = Self::sizes(&shape, n_moments, catalogue).filter(|_| shape.n_samples > 0);
        let sizes = sizes.ok_or_else(|| refuse("its `shape` has no samples, or too many"))?;
        let tables = NAMES.into_iter().zip(sizes).map(|(name, (rows, columns))| {
            let numbers =
                if rows == 0 && name == MOMENTS { Vec::new() } else { weights.take(name, &[rows, columns])? };
            let numbers = Matrix::new(rows, columns, numbers);
            Ok(numbers.expect("a tensor has the shape that was asked for"))
        });
        let tables = tables.collect::<Result<Vec<Matrix>, LoadError>>()?.try_into().expect("there are seven names");
        let tables = Self::checked(tables).ok_or_else(|| refuse("its numbers are too large to compute with"))?;
        let ascend = shape.levels.is_sorted_by(|a, b| a < b);
        if !ascend || shape.levels.iter().any(|stars| catalogue.scale.rating(*stars).is_err()) {
            return Err(refuse("its levels are not ratings in ascending order"));
        }
        let precisions = tables.priors.row(1).iter().chain(tables.common.row(1));
        if !precisions.clone().all(|precision| *precision > 0.0) {
            return Err(refuse("a precision is not above 0"));
        }
        Ok((shape, tables))
    }

    pub(super) fn save(&self, shape: &Shape, catalogue: &Catalogue) -> Weights {
        let weights = Weights::new(NAME, catalogue).with_value("shape", shape);
        let tables = NAMES.into_iter().zip(self.all()).filter(|(name, table)| *name != MOMENTS || table.n_rows() > 0);
        tables.fold(weights, |weights, (name, table)| {
            weights.with(name, &[table.n_rows(), table.n_columns()], table.values().iter().copied())
        })
    }
}
