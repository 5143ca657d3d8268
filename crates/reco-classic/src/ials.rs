//! Matrix factorisation of implicit feedback by alternating least squares (Hu, Koren, Volinsky 2008), called `ials`.
//!
//! Every pair of user and item counts: as 1 with the weight 1 + `alpha` where they met, as 0 with the weight 1 where
//! not ("Collaborative Filtering for Implicit Feedback Datasets", equation 3). With one side fixed, each row of the
//! other is a system of linear equations (equation 4), which some steps of conjugate gradients from the row before
//! nearly solve (Takács, Pilászy, Tikk 2011, "Applications of the Conjugate Gradient Method for Implicit Feedback
//! Collaborative Filtering"). A row's regularisation follows how much is known of it (Rendle, Krichene, Zhang, Koren
//! 2021, "Revisiting the Performance of iALS on Item Recommendation Benchmarks", section 3.2). An epoch costs
//! (2 + `steps`) · `embedding_size²` multiplications for each user and item, and about (2 + `steps`) · 4 ·
//! `embedding_size` for each pair that met. Does not know stars, features, times or contexts.
//!
//! **Invariant**: a user or an item without training rows has zeros; the number of threads changes no bit.

mod rows;

use std::num::NonZeroUsize;
use std::sync::Arc;

use reco_core::dot::{ItemTable, TableFormat, Vectors};
use reco_core::lanes::arch;
use reco_core::memory::Need;
use reco_core::options::OptionsError;
use reco_core::{
    Approach, Candidates, Catalogue, Explanation, FitError, Fitted, ItemIdx, LoadError, Loaded, Matrix, Query, Ranking,
    Recommender, Run, ScoreError, Scores, Seen, Train, Weights, Who,
};
use serde::{Deserialize, Serialize};

use self::rows::{Equations, Rows, Scratch, Solve};
use crate::baseline::not_negative;
use crate::error::ClassicError;
use crate::terms::part;

const NAME: &str = "ials";

/// Steps of conjugate gradients for a new user, who starts from zeros.
const FOLD_IN_STEPS: usize = 20;

/// The approach `ials`: implicit alternating least squares (Hu, Koren, Volinsky 2008).
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Ials {
    /// Width of each user's and each item's embedding.
    pub embedding_size: NonZeroUsize,
    /// Passes over users and items.
    pub epochs: usize,
    /// How much more a pair that met counts than one that did not.
    pub alpha: f32,
    /// Regularisation: how strongly rows are drawn to 0; that of a row with the mean number of met pairs.
    pub reg: f32,
    /// How a row's regularisation grows with its number n of met pairs, of N that it could have met: by
    /// (n + N / `alpha`)^`reg_exponent`, divided by that of a row with the mean number.
    pub reg_exponent: f32,
    /// Steps of conjugate gradients for each row in an epoch.
    pub steps: NonZeroUsize,
    /// Standard deviation of the initial rows.
    pub init_std: f32,
}

impl Default for Ials {
    fn default() -> Self {
        let count = |n| NonZeroUsize::new(n).expect("it is not 0");
        Self {
            embedding_size: count(128),
            epochs: 10,
            alpha: 3.0,
            reg: 30.0,
            reg_exponent: 0.0,
            steps: count(3),
            init_std: 0.01,
        }
    }
}

impl Approach for Ials {
    const NAME: &'static str = NAME;
    const ABOUT: &'static str = "lists: tastes learned from what people met and did not meet (matrix factorisation)";

    fn check(&self, place: &str) -> Result<(), OptionsError> {
        let Self { alpha, reg, reg_exponent, init_std, .. } = *self;
        for (key, value) in [("alpha", alpha), ("reg", reg), ("reg_exponent", reg_exponent), ("init_std", init_std)] {
            not_negative(place, key, value.into())?;
        }
        if reg == 0.0 {
            let reason = "`reg` is `0`\nhint: it is above 0".to_owned();
            return Err(OptionsError::Value { place: place.to_owned(), reason });
        }
        Ok(())
    }

    fn memory(&self, catalogue: &Catalogue) -> Need {
        let (rows, size) = (catalogue.n_users() + catalogue.n_items(), self.embedding_size.get());
        // Those in training, and those that are kept.
        let need = Need::default().and("rows of users and items", &[2, rows, size], 4);
        need.and("products of factors", &[2, size, size], 4).lowered_by("embedding_size")
    }

    fn learn(&self, train: &Train, run: &Run<'_>) -> Result<Box<dyn Fitted>, FitError> {
        if train.fit.is_empty() {
            return Err(FitError::NoRows { approach: NAME });
        }
        let catalogue = &train.catalogue;
        let met = Seen::by_user(catalogue.n_users(), [&train.fit]);
        let mut items_of: Vec<Vec<u32>> = Vec::with_capacity(met.len());
        let mut users_of = vec![Vec::new(); catalogue.n_items()];
        for (user, met) in (0..).zip(&met) {
            met.items().iter().for_each(|item| users_of[item.index()].push(user));
            items_of.push(met.items().iter().map(|item| item.get()).collect());
        }
        let take = |state: &mut Weights| self.take_rows(state, catalogue);
        let left = run.epochs_from_checkpoint(NAME, catalogue, self.epochs, take);
        let drawn = |met: &[Vec<u32>], table| Rows::drawn(met, *self, run.seed, table);
        let (n_done, [mut users, mut items]) = left.unwrap_or_else(|| (0, [drawn(&items_of, 0), drawn(&users_of, 1)]));
        run.progress.begin(NAME, self.epochs, 2);
        run.progress.skip(n_done.saturating_mul(2));
        for epoch in n_done..self.epochs {
            run.keep_epochs_if_due(NAME, catalogue, epoch, |state| {
                with_rows(state, [&users.to_matrix(), &items.to_matrix()])
            });
            users.solve(&items, &items_of, *self, run)?;
            run.progress.advance(1);
            items.solve(&users, &users_of, *self, run)?;
            run.progress.advance(1);
        }
        run.progress.end();
        let mean_weight = self.mean_weight(&items_of, catalogue.n_items());
        Ok(Box::new(Model::new(*self, users, items, mean_weight, catalogue)?))
    }

    fn load(&self, weights: &mut Weights, catalogue: &Arc<Catalogue>, _: &Run<'_>) -> Loaded {
        let [users, items] = self.take_rows(weights, catalogue)?;
        let mean_weight = weights.take_one("users.mean_weight")?;
        let model = Model::new(*self, users, items, mean_weight, catalogue);
        Ok(Box::new(model.map_err(|error| LoadError::Other(error.into()))?))
    }
}

/// Adds the rows of users and of items to `weights`.
fn with_rows(weights: Weights, [users, items]: [&Matrix; 2]) -> Weights {
    let shape = |rows: &Matrix| [rows.n_rows(), rows.n_columns()];
    weights.with("users.embedding", &shape(users), users.values().iter().copied()).with(
        "items.embedding",
        &shape(items),
        items.values().iter().copied(),
    )
}

impl Ials {
    /// Takes out what [`with_rows`] added.
    fn take_rows(&self, weights: &mut Weights, catalogue: &Catalogue) -> Result<[Rows; 2], LoadError> {
        let size = self.embedding_size.get();
        let mut rows = |name, n| Ok::<_, LoadError>(Rows::of(&weights.take::<f32>(name, &[n, size])?, size));
        Ok([rows("users.embedding", catalogue.n_users())?, rows("items.embedding", catalogue.n_items())?])
    }

    /// The mean weight of all pairs of a row whose list in `met` is not empty, of `n_others` pairs each.
    fn mean_weight(&self, met: &[Vec<u32>], n_others: usize) -> f64 {
        let lists = met.iter().filter(|met| !met.is_empty());
        let (n_met, n_rows) = lists.fold((0, 0_usize), |(n_met, n_rows), met| (n_met + met.len(), n_rows + 1));
        f64::from(self.alpha).mul_add(n_met as f64 / n_rows.max(1) as f64, n_others as f64)
    }

    /// The regularisation of a row that met `n_met` of `n_others`.
    fn reg_of(&self, n_met: usize, n_others: usize, mean_weight: f64) -> f32 {
        let weight = f64::from(self.alpha).mul_add(n_met as f64, n_others as f64);
        self.reg * libm::pow(weight / mean_weight, self.reg_exponent.into()) as f32
    }
}

struct Model {
    options: Ials,
    users: Matrix,
    /// The same rows twice: as the equations of a new user take them, and as scores do.
    items: Rows,
    table: ItemTable,
    gram: Rows,
    /// The weight of a user's pairs by which regularisation is measured.
    mean_weight: f64,
    catalogue: Arc<Catalogue>,
}

impl Model {
    /// # Errors
    /// Numbers that are not finite.
    fn new(
        options: Ials,
        users: Rows,
        items: Rows,
        mean_weight: f64,
        catalogue: &Arc<Catalogue>,
    ) -> Result<Self, ClassicError> {
        let (users, gram, catalogue) = (users.to_matrix(), items.gram(), Arc::clone(catalogue));
        let table = ItemTable::new(&items.to_matrix(), None, TableFormat::F32);
        let table = table.filter(|_| users.values().iter().all(|number| number.is_finite()));
        let table = table.ok_or(ClassicError::NotFinite { approach: NAME })?;
        Ok(Self { options, users, items, table, gram, mean_weight, catalogue })
    }

    /// Writes the asker's row into `embedding`.
    fn asker(&self, who: &Who<'_>, embedding: &mut [f32]) {
        match who {
            Who::Known(user) => embedding.copy_from_slice(self.users.row(user.index())),
            Who::Visitor { history, .. } => {
                let met = Seen::of(history);
                let met: Vec<u32> = met.items().iter().map(|item| item.get()).collect();
                let mut row = vec![0.0; self.items.stride];
                let scratch = &mut Scratch::new(self.items.stride);
                let equations = Equations {
                    met: &met,
                    others: &self.items,
                    gram: &self.gram,
                    alpha: self.options.alpha,
                    reg: self.options.reg_of(met.len(), self.catalogue.n_items(), self.mean_weight),
                };
                arch().dispatch(Solve { equations, row: &mut row, steps: FOLD_IN_STEPS, scratch });
                embedding.copy_from_slice(&row[..embedding.len()]);
            }
        }
    }
}

impl Recommender for Model {
    fn catalogue(&self) -> &Arc<Catalogue> {
        &self.catalogue
    }

    fn score(&self, queries: &[Query<'_>], out: &mut Scores) -> Result<(), ScoreError> {
        self.table.score(queries, out, |query, embedding| {
            self.asker(&query.who, embedding);
            Ok(0.0)
        })
    }

    fn recommend(&self, queries: &[Query<'_>], k: NonZeroUsize) -> Result<Vec<Ranking>, ScoreError> {
        self.table.recommend(&self.catalogue.items, queries, k, |query, embedding| {
            self.asker(&query.who, embedding);
            Ok(0.0)
        })
    }

    fn explain(&self, query: &Query<'_>, items: &[ItemIdx]) -> Result<Option<Vec<Explanation>>, ScoreError> {
        let mut scores = Scores::new();
        self.score(&[Query { candidates: Candidates::These(items), ..*query }], &mut scores)?;
        let explain = |score: &f32| Explanation {
            score: *score,
            terms: vec![part("tastes", (*score).into())],
            without: Vec::new(),
        };
        Ok(Some(scores.row(0).iter().map(explain).collect()))
    }
}

impl Fitted for Model {
    fn n_parameters(&self) -> usize {
        (self.users.n_rows() + self.catalogue.n_items()) * self.items.size
    }

    fn vectors(&self) -> Result<Option<Vectors>, ScoreError> {
        let user = |query: &Query<'_>, embedding: &mut [f32]| {
            self.asker(&query.who, embedding);
            Ok(0.0)
        };
        self.table.vectors(&self.catalogue, user).map(Some)
    }

    fn for_visitors(&self) -> Option<Box<dyn Fitted>> {
        let catalogue = Arc::new(self.catalogue.without_users(false));
        let users = Matrix::zeros(0, self.items.size);
        Some(Box::new(Self {
            options: self.options,
            users,
            items: self.items.clone(),
            table: self.table.clone(),
            gram: self.gram.clone(),
            mean_weight: self.mean_weight,
            catalogue,
        }))
    }

    fn save(&self) -> Result<Weights, ScoreError> {
        let weights = Weights::new(NAME, &self.catalogue).with("users.mean_weight", &[], [self.mean_weight]);
        Ok(with_rows(weights, [&self.users, &self.items.to_matrix()]))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use reco_core::ApproachEntry;
    use serde_json::json;

    const MET: [(i64, i64); 9] = [(0, 0), (0, 1), (0, 2), (1, 0), (1, 1), (2, 2), (2, 3), (3, 3), (3, 2)];

    fn options() -> Ials {
        let embedding_size = NonZeroUsize::new(3).unwrap();
        Ials { embedding_size, epochs: 30, reg: 0.5, reg_exponent: 0.5, init_std: 0.3, ..Ials::default() }
    }

    /// The items of each user.
    fn lists() -> Vec<Vec<u32>> {
        (0..4).map(|user| MET.iter().filter(|met| met.0 == user).map(|met| met.1 as u32).collect()).collect()
    }

    #[test]
    fn conjugate_gradients_solve_the_equations() {
        let (met, options) = (lists(), options());
        let items = Rows::drawn(&vec![vec![0]; 5], options, 7, 1);
        let mut users = Rows::drawn(&met, options, 7, 0);
        let run = Run::default();
        let all = Ials { steps: NonZeroUsize::new(10).unwrap(), ..options };
        users.solve(&items, &met, all, &run).unwrap();
        let (items, rows) = (items.to_matrix(), users.to_matrix());
        let dot = |a: &[f32], b: &[f32]| a.iter().zip(b).map(|(a, b)| f64::from(*a) * f64::from(*b)).sum::<f64>();
        let mean_weight = options.mean_weight(&met, 5);
        for (user, met) in met.iter().enumerate() {
            let row = rows.row(user);
            let reg = options.reg_of(met.len(), 5, mean_weight);
            for factor in 0..3 {
                // The derivative of equation 3, which is 0 at the solution.
                let of_item = |item: usize| {
                    let (wanted, weight) = if met.contains(&(item as u32)) { (1.0, 1.0 + 3.0) } else { (0.0, 1.0) };
                    weight * (dot(row, items.row(item)) - wanted) * f64::from(items.row(item)[factor])
                };
                let slope = (0..5).map(of_item).sum::<f64>() + f64::from(reg * row[factor]);
                assert!(slope.abs() < 1e-5, "user {user}, factor {factor}: {slope}");
            }
        }
    }

    #[test]
    fn a_visitor_is_answered_nearly_as_a_user_with_that_history() {
        let train = Train::from_events(MET).unwrap();
        let fitted = options().learn(&train, &Run::default()).unwrap();
        let items = &train.catalogue.items;
        let history: Vec<_> = (0..3).map(|row| (items.at(row).unwrap(), reco_core::Target::EVENT)).collect();
        let profile = reco_core::Profile::default();
        let query = |who| Query { who, context: &[], candidates: Candidates::AllExcept(Seen::NOTHING) };
        let mut scores = Scores::new();
        let known = Who::Known(train.catalogue.users.at(0).unwrap());
        let visitor = Who::Visitor { history: &history, profile: &profile };
        fitted.score(&[query(known), query(visitor)], &mut scores).unwrap();
        let pairs = scores.row(0).iter().zip(scores.row(1));
        assert!(pairs.clone().all(|(known, visitor)| (known - visitor).abs() < 1e-3), "{:?}", scores.row(1));
        // Whom user 0 resembles met item 0 and not item 3.
        assert!(scores.row(0)[0] > 2.0 * scores.row(0)[3], "{:?}", scores.row(0));
    }

    #[test]
    fn options_that_cannot_be_are_refused() {
        let refuse = |given| (ApproachEntry::of::<Ials>().configure)(&given).err().unwrap().to_string();
        assert!(refuse(json!({ "reg": 0 })).ends_with("`reg` is `0`\nhint: it is above 0"));
        assert!(refuse(json!({ "alpha": -1 })).contains("`alpha` is `-1`"));
    }
}
