//! Baseline ratings: mean, user bias and item bias (Koren 2010, "Factor in the Neighbors", section 2.1).
//!
//! `b_ui = mean + b_u + b_i`, fitted by alternating least squares as in Surprise's `BaselineOnly`: ten times by
//! default, first the items, `b_i = Σ_u (r_ui - mean - b_u) / (reg_i + n_i)`, then the users, `b_u = Σ_i (r_ui - mean -
//! b_i) / (reg_u + n_u)`, from zeros. Does not know which items or users are alike: everyone gets the same order.
//!
//! **Invariant**: a user or an item without training rows has a bias of 0; a visitor whose history is a user's rows
//! gets that user's scores.

use std::sync::Arc;

use reco_core::options::OptionsError;
use reco_core::{
    Approach, Catalogue, EachQuery, Explanation, FitError, Fitted, ItemIdx, LoadError, Loaded, Progress, Query,
    Requirement, Run, ScoreError, ScoreKind, Term, Train, Weights, Who,
};
use serde::{Deserialize, Serialize};

use crate::error::Interrupted;
use crate::rating_matrix::{Entry, Stars, in_stars};
use crate::terms::{self, part};

const NAME: &str = "baseline";

/// The approach `baseline`: the mean, what the user adds and what the item adds (Koren 2010, section 2.1).
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Baseline {
    /// How often items and users are fitted in turn.
    pub epochs: usize,
    /// How many ratings with a deviation of 0 each user is given besides their own.
    pub reg_u: f64,
    /// How many ratings with a deviation of 0 each item is given besides its own.
    pub reg_i: f64,
}

impl Default for Baseline {
    fn default() -> Self {
        Self { epochs: 10, reg_u: 15.0, reg_i: 10.0 }
    }
}

/// # Errors
/// A `value` that is negative, infinite or NaN.
pub(crate) fn not_negative(place: &str, key: &str, value: f64) -> Result<(), OptionsError> {
    if value.is_finite() && value >= 0.0 {
        return Ok(());
    }
    let reason = format!("`{key}` is `{value}`\nhint: it is a number from 0");
    Err(OptionsError::Value { place: place.to_owned(), reason })
}

/// What users and items add to the mean.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Biases {
    /// The mean of all stars.
    pub(crate) mean: f64,
    /// One per user of the catalogue.
    pub(crate) users: Vec<f64>,
    /// One per item of the catalogue.
    pub(crate) items: Vec<f64>,
}

impl Biases {
    /// Fits the biases of `stars`.
    ///
    /// # Errors
    /// An interruption.
    pub(crate) fn new(stars: &Stars, options: Baseline, progress: &dyn Progress) -> Result<Self, Interrupted> {
        let (users, items) = (vec![0.0; stars.by_user.len()], vec![0.0; stars.by_item.len()]);
        let mut biases = Self { mean: stars.mean, users, items };
        for _ in 0..options.epochs {
            Interrupted::ask(progress)?;
            for (item, raters) in stars.by_item.iter() {
                biases.items[item] = bias(raters, options.reg_i, |user| biases.mean + biases.users[user]);
            }
            for (user, rated) in stars.by_user.iter() {
                biases.users[user] = biases.of_user(rated, options);
            }
        }
        Ok(biases)
    }

    /// The bias of someone who rated `rated`: the last step of the fit, for the items as they are.
    pub(crate) fn of_user(&self, rated: &[Entry], options: Baseline) -> f64 {
        bias(rated, options.reg_u, |item| self.mean + self.items[item])
    }

    /// What is expected of a user with that bias for `item`, unclipped.
    pub(crate) fn expected(&self, user_bias: f64, item: usize) -> f64 {
        self.mean + user_bias + self.items[item]
    }

    /// The terms that [`Biases::expected`] adds.
    pub(crate) fn terms(&self, user_bias: f64, item: ItemIdx) -> Vec<Term> {
        vec![part("global mean", self.mean), part("user bias", user_bias), part("item bias", self.items[item.index()])]
    }

    /// How many numbers were learned.
    pub(crate) fn len(&self) -> usize {
        1 + self.users.len() + self.items.len()
    }

    /// Adds them to `weights`.
    pub(crate) fn save(&self, weights: Weights) -> Weights {
        weights.with("mean", &[], [self.mean]).with("users.bias", &[self.users.len()], self.users.iter().copied()).with(
            "items.bias",
            &[self.items.len()],
            self.items.iter().copied(),
        )
    }

    /// Takes out what [`Biases::save`] added.
    ///
    /// # Errors
    /// As [`Weights::take`].
    pub(crate) fn load(weights: &mut Weights, catalogue: &Catalogue) -> Result<Self, LoadError> {
        let mean = weights.take_one("mean")?;
        let users = weights.take("users.bias", &[catalogue.n_users()])?;
        Ok(Self { mean, users, items: weights.take("items.bias", &[catalogue.n_items()])? })
    }
}

/// `Σ (r - expected) / (reg + n)`, and 0 without ratings, whatever `reg`.
fn bias(list: &[Entry], reg: f64, expected: impl Fn(usize) -> f64) -> f64 {
    if list.is_empty() {
        return 0.0;
    }
    let deviation: f64 = list.iter().map(|entry| f64::from(entry.value) - expected(entry.index())).sum();
    deviation / (reg + list.len() as f64)
}

impl Approach for Baseline {
    const NAME: &'static str = NAME;
    const ABOUT: &'static str = "stars: the mean, what the user adds and what the item adds";

    fn check(&self, place: &str) -> Result<(), OptionsError> {
        not_negative(place, "reg_u", self.reg_u)?;
        not_negative(place, "reg_i", self.reg_i)
    }

    fn requires(&self) -> Vec<Requirement> {
        vec![Requirement::Stars]
    }

    fn follows_ratings(&self) -> bool {
        false
    }

    fn learn(&self, train: &Train, run: &Run<'_>) -> Result<Box<dyn Fitted>, FitError> {
        let biases = Biases::new(&Stars::new(train, NAME)?, *self, run.progress)?;
        Ok(Box::new(Model { biases, options: *self, catalogue: Arc::clone(&train.catalogue) }))
    }

    fn load(&self, weights: &mut Weights, catalogue: &Arc<Catalogue>, _: &Run<'_>) -> Loaded {
        let biases = Biases::load(weights, catalogue)?;
        Ok(Box::new(Model { biases, options: *self, catalogue: Arc::clone(catalogue) }))
    }
}

struct Model {
    biases: Biases,
    options: Baseline,
    catalogue: Arc<Catalogue>,
}

impl Model {
    fn user_bias(&self, who: &Who<'_>) -> f64 {
        match who {
            Who::Known(user) => self.biases.users[user.index()],
            Who::Visitor { history, .. } => self.biases.of_user(&in_stars(history, &self.catalogue), self.options),
        }
    }
}

impl EachQuery for Model {
    fn score_kind(&self) -> ScoreKind {
        ScoreKind::Stars
    }

    fn catalogue(&self) -> &Arc<Catalogue> {
        &self.catalogue
    }

    fn answer(&self, query: &Query<'_>, scores: &mut [f32]) -> Result<(), ScoreError> {
        let user_bias = self.user_bias(&query.who);
        query
            .candidates
            .write(scores, |item| terms::clipped(self.biases.expected(user_bias, item), self.catalogue.scale));
        Ok(())
    }

    fn explain(&self, query: &Query<'_>, items: &[ItemIdx]) -> Result<Option<Vec<Explanation>>, ScoreError> {
        let user_bias = self.user_bias(&query.who);
        let explain = |item: &ItemIdx| {
            let expected = self.biases.expected(user_bias, item.index());
            terms::explanation(self.biases.terms(user_bias, *item), expected, self.catalogue.scale)
        };
        Ok(Some(items.iter().map(explain).collect()))
    }
}

impl Fitted for Model {
    fn n_parameters(&self) -> usize {
        self.biases.len()
    }

    fn save(&self) -> Result<Weights, ScoreError> {
        Ok(self.biases.save(Weights::new(NAME, &self.catalogue)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rating_matrix::tests::{self, query, scores_of, train, visitor_like};
    use reco_core::ApproachEntry;
    use reco_core::Cause;
    use reco_core::testing::catalogue;
    use serde_json::{Value, json};

    const ENTRY: ApproachEntry = ApproachEntry::of::<Baseline>();

    fn fit(options: Value, rows: &[(usize, usize, f32)]) -> Box<dyn Fitted> {
        tests::fit(&ENTRY, &options, &train(3, 3, rows))
    }

    #[test]
    fn one_epoch_by_hand() {
        // The mean is 3. Item 0: (5 - 3 + 3 - 3) / (0 + 2) = 1; item 1: (1 - 3) / (0 + 1) = -2. Then user 0, with 5 and
        // 1: ((5 - 4) + (1 - 1)) / (1 + 2) = 1/3; user 1, with 3: (3 - 4) / (1 + 1) = -1/2.
        let rows = [(0, 0, 5.0), (0, 1, 1.0), (1, 0, 3.0)];
        let fitted = fit(json!({ "epochs": 1, "reg_u": 1.0, "reg_i": 0.0 }), &rows);
        let third = 1.0 / 3.0;
        assert_eq!(scores_of(&*fitted, 0), [4.0 + third, 1.0 + third, 3.0 + third]);
        // Below the scale there is nothing: 3 - 1/2 - 2 is clipped to 1. User 2 and item 2 are known by the mean alone.
        assert_eq!(scores_of(&*fitted, 1), [3.5, 1.0, 2.5]);
        assert_eq!(scores_of(&*fitted, 2), [4.0, 1.0, 3.0]);
        assert_eq!(fitted.n_parameters(), 7);

        let items: Vec<ItemIdx> = fitted.catalogue().items.indices().collect();
        let explanation = fitted.explain(&query(&*fitted, 1), &items).unwrap().unwrap().remove(1);
        let terms: Vec<(String, f32)> =
            explanation.terms.into_iter().map(|term| (name(&term.cause), term.effect)).collect();
        let expected = [("global mean", 3.0), ("user bias", -0.5), ("item bias", -2.0), ("clipping", 0.5)];
        assert_eq!(terms, expected.map(|(name, effect)| (name.to_owned(), effect)));
    }

    fn name(cause: &Cause) -> String {
        match cause {
            Cause::Part { name } => name.clone(),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn a_visitor_with_a_users_history_is_answered_as_that_user() {
        let rows = [(0, 0, 5.0), (0, 1, 1.0), (1, 0, 3.0), (1, 2, 4.0)];
        let fitted = fit(json!({}), &rows);
        assert_eq!(visitor_like(&*fitted, &rows, 0), scores_of(&*fitted, 0));
        // An empty history: the mean and the items.
        assert_eq!(visitor_like(&*fitted, &rows, 2), scores_of(&*fitted, 2));
    }

    #[test]
    fn refuses_options_and_weights_that_cannot_be() {
        let refuse = |given| (ENTRY.configure)(&given).err().unwrap().to_string();
        assert_eq!(
            refuse(json!({ "reg_u": -1.0 })),
            "[[approach]] baseline: `reg_u` is `-1`\nhint: it is a number from 0"
        );
        let biases = Biases { mean: 3.0, users: vec![0.0; 2], items: vec![0.0; 2] };
        let mut weights = biases.save(Weights::new(NAME, &catalogue(2, 3)));
        let error = Biases::load(&mut weights, &catalogue(2, 3)).unwrap_err().to_string();
        assert!(error.contains("its `items.bias` is `F64 [2]`, and should be `F64 [3]`"), "{error}");
    }
}
