//! Predicts a user's mean rating for every item: the error that other models have to beat.
//!
//! Does not know items, so that all score alike; a model whose error is not below this one has learned nothing about
//! items either.
//!
//! **Invariant**: one mean per user of the catalogue, of training targets; a user without any has the mean of all.

use std::sync::Arc;

use reco_core::{
    Approach, Catalogue, EachQuery, Explanation, FitError, Fitted, ItemIdx, Loaded, Query, Run, ScoreError, ScoreKind,
    Train, Weights, Who,
};
use serde::{Deserialize, Serialize};

use crate::terms::part;

const NAME: &str = "user-mean";

/// The approach `user-mean`: the mean of the user's own ratings, for every item alike. It has no options.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct UserMean {}

impl Approach for UserMean {
    const NAME: &'static str = NAME;
    const ABOUT: &'static str = "the mean of the user's own ratings, for every item alike: an error to be below";

    fn follows_ratings(&self) -> bool {
        false
    }

    fn learn(&self, train: &Train, _: &Run<'_>) -> Result<Box<dyn Fitted>, FitError> {
        if train.fit.is_empty() {
            return Err(FitError::NoRows { approach: NAME });
        }
        let mut sums = vec![(0.0, 0_u32); train.catalogue.n_users()];
        for (user, target) in train.fit.users().iter().zip(train.fit.targets()) {
            let (sum, n) = &mut sums[user.index()];
            *sum += f64::from(target.get());
            *n += 1;
        }
        let total: f64 = sums.iter().map(|(sum, _)| sum).sum();
        let mean = total / train.fit.len() as f64;
        let of = |&(sum, n): &(f64, u32)| if n == 0 { mean } else { sum / f64::from(n) };
        let means = Means { mean: mean as f32, of_users: sums.iter().map(|one| of(one) as f32).collect() };
        Ok(Box::new(FittedMeans { means, catalogue: Arc::clone(&train.catalogue) }))
    }

    fn load(&self, weights: &mut Weights, catalogue: &Arc<Catalogue>, _: &Run<'_>) -> Loaded {
        let of_users = weights.take("users.mean", &[catalogue.n_users()])?;
        let means = Means { mean: weights.take_one("mean")?, of_users };
        Ok(Box::new(FittedMeans { means, catalogue: Arc::clone(catalogue) }))
    }
}

struct Means {
    mean: f32,
    of_users: Vec<f32>,
}

struct FittedMeans {
    means: Means,
    catalogue: Arc<Catalogue>,
}

impl FittedMeans {
    fn of(&self, who: &Who<'_>) -> f32 {
        match who {
            Who::Known(user) => self.means.of_users[user.index()],
            Who::Visitor { history: [], .. } => self.means.mean,
            Who::Visitor { history, .. } => {
                let sum: f64 = history.iter().map(|(_, target)| f64::from(target.get())).sum();
                (sum / history.len() as f64) as f32
            }
        }
    }
}

impl EachQuery for FittedMeans {
    fn score_kind(&self) -> ScoreKind {
        ScoreKind::of(&self.catalogue.scaling)
    }

    fn catalogue(&self) -> &Arc<Catalogue> {
        &self.catalogue
    }

    fn answer(&self, query: &Query<'_>, scores: &mut [f32]) -> Result<(), ScoreError> {
        scores.fill(self.of(&query.who));
        Ok(())
    }

    fn explain(&self, query: &Query<'_>, items: &[ItemIdx]) -> Result<Option<Vec<Explanation>>, ScoreError> {
        let score = self.of(&query.who);
        let terms = vec![part("user mean", f64::from(score))];
        Ok(Some(vec![Explanation { score, terms, without: Vec::new() }; items.len()]))
    }
}

impl Fitted for FittedMeans {
    fn n_parameters(&self) -> usize {
        self.means.of_users.len()
    }

    fn save(&self) -> Result<Weights, ScoreError> {
        let Means { mean, of_users } = &self.means;
        let weights = Weights::new(NAME, &self.catalogue).with("mean", &[], [*mean]);
        Ok(weights.with("users.mean", &[of_users.len()], of_users.iter().copied()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use reco_core::testing::{Feedback, checkerboard};
    use reco_core::{Candidates, DeviceChoice, Profile, Recommender, Scores, Seen, Silent, Target};

    #[test]
    fn a_mean_is_the_user_s_own_and_a_stranger_s_is_that_of_all() {
        let train = checkerboard(4, Feedback::Stars).train;
        // User 0 rates item 2 with 5 and item 3 with 1; user 3 is left without a row.
        let rows: Vec<usize> = (0..train.fit.len()).filter(|&row| train.fit.users()[row].index() != 3).collect();
        let train = Train { fit: train.fit.select(&rows[..3]), ..train };
        let run = Run { seed: 1, device: DeviceChoice::Auto, progress: &Silent };
        let fitted = UserMean {}.fit(&train, &run).unwrap();
        let stars: Vec<f32> = train.fit.targets().iter().map(|target| target.get()).collect();
        let [own, all] = [(stars[0] + stars[1]) / 2.0, (stars[0] + stars[1] + stars[2]) / 3.0];
        let ask = |who| {
            let query = Query { who, context: &[], candidates: Candidates::AllExcept(Seen::NOTHING) };
            let mut scores = Scores::new();
            fitted.score(&[query], &mut scores).unwrap();
            assert_eq!(scores.row(0).len(), 4);
            scores.row(0)[3]
        };
        assert_eq!(ask(Who::Known(train.catalogue.users.at(0).unwrap())), own);
        assert_eq!(ask(Who::Known(train.catalogue.users.at(3).unwrap())), all);
        let profile = Profile::default();
        let item = train.catalogue.items.at(0).unwrap();
        let history = [(item, Target::new(2.0).unwrap()), (item, Target::new(3.0).unwrap())];
        assert_eq!(ask(Who::Visitor { history: &history, profile: &profile }), 2.5);
        assert_eq!(ask(Who::Visitor { history: &[], profile: &profile }), all);
    }
}
