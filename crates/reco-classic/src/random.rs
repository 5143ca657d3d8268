//! Random scores, a hash of seed, user and item: the level of chance.
//!
//! Does not know training rows: it learns nothing. It is in every table, so that the level of chance is visible there.
//!
//! **Invariant**: the score of a (seed, user, item) is the same on any machine, in any batch; visitors are hashed by
//! history.

use std::sync::Arc;

use reco_core::random::{keyed_hash, keyed_row_hash, unit_interval};
use reco_core::{
    Approach, Candidates, Catalogue, EachQuery, FitError, Fitted, ItemIdx, Loaded, Query, Run, ScoreError, Train,
    UserId, Weights, Who,
};
use serde::{Deserialize, Serialize};

const NAME: &str = "random";

/// The approach `random`: chance, a hash of seed, user and item. It has no options.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Random {}

impl Approach for Random {
    const NAME: &'static str = NAME;
    const ABOUT: &'static str = "chance: a hash of seed, user and item";

    fn follows_ratings(&self) -> bool {
        false
    }

    fn learn(&self, train: &Train, run: &Run<'_>) -> Result<Box<dyn Fitted>, FitError> {
        Ok(Box::new(Draws { seed: run.seed, catalogue: Arc::clone(&train.catalogue) }))
    }

    fn load(&self, weights: &mut Weights, catalogue: &Arc<Catalogue>, _: &Run<'_>) -> Loaded {
        Ok(Box::new(Draws { seed: weights.take_value("seed")?, catalogue: Arc::clone(catalogue) }))
    }
}

/// The seed of all draws.
struct Draws {
    seed: u64,
    catalogue: Arc<Catalogue>,
}

impl Draws {
    /// Writes the draws of `who` for `items`.
    fn draw(&self, who: &Who<'_>, items: impl Iterator<Item = ItemIdx>, scores: &mut [f32]) {
        let row = scores.iter_mut().zip(items);
        match who {
            Who::Known(user) => row.for_each(|(score, item)| {
                *score = unit_interval(keyed_row_hash(self.seed, *user, item)) as f32;
            }),
            Who::Visitor { history, .. } => {
                let visitor = UserId::parse("visitor");
                let hash = |seed, item| keyed_hash(seed, &visitor, self.catalogue.items.id(item));
                let seed = history.iter().fold(self.seed, |seed, (item, _)| hash(seed, *item));
                row.for_each(|(score, item)| *score = unit_interval(hash(seed, item)) as f32);
            }
        }
    }
}

impl EachQuery for Draws {
    fn catalogue(&self) -> &Arc<Catalogue> {
        &self.catalogue
    }

    fn answer(&self, query: &Query<'_>, scores: &mut [f32]) -> Result<(), ScoreError> {
        match query.candidates {
            Candidates::AllExcept(_) => self.draw(&query.who, self.catalogue.items.indices(), scores),
            Candidates::These(items) => self.draw(&query.who, items.iter().copied(), scores),
        }
        Ok(())
    }
}

impl Fitted for Draws {
    fn n_parameters(&self) -> usize {
        0
    }

    fn save(&self) -> Result<Weights, ScoreError> {
        Ok(Weights::new(NAME, &self.catalogue).with_value("seed", self.seed))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use reco_core::testing::catalogue;
    use reco_core::{DeviceChoice, Interactions, Profile, Recommender, Scores, Seen, Silent, Target};

    fn scores(seed: u64, who: Who<'_>) -> Vec<f32> {
        let train = Train { catalogue: Arc::new(catalogue(3, 2000)), fit: Interactions::default(), validation: None };
        let run = Run { seed, device: DeviceChoice::Auto, progress: &Silent };
        let fitted = Random {}.fit(&train, &run).unwrap();
        let mut scores = Scores::new();
        let query = Query { who, context: &[], candidates: Candidates::AllExcept(Seen::NOTHING) };
        fitted.score(&[query], &mut scores).unwrap();
        scores.row(0).to_vec()
    }

    #[test]
    fn draws_are_uniform_and_depend_on_seed_user_and_history() {
        let catalogue = catalogue(3, 2000);
        let [ann, bob] = [0, 1].map(|n| Who::Known(catalogue.users.at(n).unwrap()));
        let draws = scores(1, ann);
        let mean = draws.iter().sum::<f32>() / 2000.0;
        assert!((mean - 0.5).abs() < 0.03, "{mean}");
        assert!(draws.iter().all(|draw| (0.0..=1.0).contains(draw)));
        assert_ne!(draws, scores(2, ann));
        assert_ne!(draws, scores(1, bob));

        let profile = Profile::default();
        let visitor = |n| {
            let history = [(catalogue.items.at(n).unwrap(), Target::EVENT)];
            scores(1, Who::Visitor { history: &history, profile: &profile })
        };
        assert_ne!(visitor(0), visitor(1));
        assert_eq!(visitor(0), visitor(0));
    }
}
