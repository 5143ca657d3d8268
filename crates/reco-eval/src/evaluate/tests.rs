//! A recommender with stated scores, and helpers that evaluate it in tests.
//!
//! Does not know what is expected: `by_hand` and `laws` do.
//!
//! **Invariant**: scores are a table that each test states.

mod by_hand;
mod laws;

use std::sync::Arc;

use reco_core::testing::catalogue;
use reco_core::{EachQuery, Interaction, Interactions, ItemIdx, Scaling, ScoreKind, Target};

use super::*;
use crate::metric::{Average, Measure};
use crate::{Ask, BucketValues, METRICS, Metrics, Test, evaluate};

/// A recommender whose scores are a table.
struct Told {
    catalogue: Arc<Catalogue>,
    predicts: ScoreKind,
    scores: Vec<Vec<f32>>,
    leaves_out: bool,
}

impl EachQuery for Told {
    fn score_kind(&self) -> ScoreKind {
        self.predicts
    }

    fn leaves_out(&self) -> bool {
        self.leaves_out
    }

    fn catalogue(&self) -> &Arc<Catalogue> {
        &self.catalogue
    }

    fn answer(&self, query: &Query<'_>, scores: &mut [f32]) -> Result<(), ScoreError> {
        let Who::Known(user) = query.who else { return Err(ScoreError::Visitor { approach: "told" }) };
        let told = &self.scores[user.index()];
        query.candidates.write(scores, |item| told[item]);
        Ok(())
    }
}

/// (user, item, stars): rows of users and items, stars from 1 to 5, `None` for an event.
type Row = (usize, usize, Option<f32>);

impl Told {
    fn new(predicts: ScoreKind, scores: &[&[f32]]) -> Self {
        let catalogue = Arc::new(catalogue(scores.len(), scores[0].len()));
        Self { catalogue, predicts, scores: scores.iter().map(|row| row.to_vec()).collect(), leaves_out: true }
    }

    fn scaled(mut self, scaling: Scaling) -> Self {
        self.catalogue = Arc::new(Catalogue { scaling, ..catalogue(self.scores.len(), self.scores[0].len()) });
        self
    }

    fn item(&self, n: usize) -> ItemIdx {
        self.catalogue.items.at(n).unwrap()
    }

    fn test_users(&self, rows: &[Row]) -> Vec<TestUser> {
        let mut builder = Interactions::builder(0);
        for &(user, item, stars) in rows {
            let (user, item) = (self.catalogue.users.at(user).unwrap(), self.item(item));
            let rating = stars.map(|stars| self.catalogue.scale.rating(stars).unwrap());
            let target = rating.map_or(Target::EVENT, |rating| self.catalogue.scaling.target(item, rating));
            builder.push(Interaction { user, item, rating, target, timestamp: None, context: &[] });
        }
        TestUser::group(&builder.finish(), self.catalogue.n_users())
    }

    fn seen(&self, seen: &[&[usize]]) -> Vec<Seen> {
        seen.iter().map(|items| Seen::new(items.iter().map(|&n| self.item(n)).collect())).collect()
    }

    fn evaluate(&self, rows: &[Row], seen: &[&[usize]], config: &Protocol) -> Result<Evaluation, EvalError> {
        self.evaluate_after(rows, seen, &[], config)
    }

    fn evaluate_after(
        &self,
        rows: &[Row],
        seen: &[&[usize]],
        pairs: &[(usize, usize)],
        config: &Protocol,
    ) -> Result<Evaluation, EvalError> {
        let (test_users, seen, known) = (self.test_users(rows), self.seen(seen), self.known(pairs));
        evaluate(self, &Test::new(&self.catalogue, test_users, seen, known), config)
    }

    /// Training rows that are events of these users and items.
    fn known(&self, pairs: &[(usize, usize)]) -> TrainingCounts {
        let mut builder = Interactions::builder(0);
        for &(user, item) in pairs {
            let (user, item) = (self.catalogue.users.at(user).unwrap(), self.item(item));
            builder.push(Interaction {
                user,
                item,
                rating: None,
                target: Target::EVENT,
                timestamp: None,
                context: &[],
            });
        }
        TrainingCounts::new(&builder.finish(), &self.catalogue)
    }
}

fn at(k: usize) -> Protocol {
    Protocol { k: vec![k.try_into().unwrap()], ..Protocol::default() }
}

fn assert_near(value: Option<f64>, expected: f64) {
    assert!(value.is_some_and(|value| (value - expected).abs() < 1e-6), "{value:?} is not {expected}");
}
