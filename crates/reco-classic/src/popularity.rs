//! Ranks items by popularity: the number of their training rows.
//!
//! Does not know stars, users or contexts: one star counts as much as five, and everyone gets the same order.
//!
//! **Invariant**: one count per item of the catalogue. Counts are exact as scores up to 2²⁴ rows an item.

use std::sync::Arc;

use reco_core::{
    Approach, Catalogue, EachQuery, Explanation, FitError, Fitted, ItemIdx, Loaded, Query, Run, ScoreError, Train,
    Weights,
};
use serde::{Deserialize, Serialize};

use crate::terms::part;

const NAME: &str = "popularity";

/// The approach `popularity`: the items with the most training rows, the same for everyone. It has no options.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Popularity {}

impl Approach for Popularity {
    const NAME: &'static str = NAME;
    const ABOUT: &'static str = "the items with the most training rows, the same for everyone";

    fn follows_ratings(&self) -> bool {
        false
    }

    fn learn(&self, train: &Train, _: &Run<'_>) -> Result<Box<dyn Fitted>, FitError> {
        if train.fit.is_empty() {
            return Err(FitError::NoRows { approach: NAME });
        }
        let mut counts = vec![0; train.catalogue.n_items()];
        for item in train.fit.items() {
            counts[item.index()] += 1;
        }
        Ok(Box::new(Counts { counts, catalogue: Arc::clone(&train.catalogue) }))
    }

    fn load(&self, weights: &mut Weights, catalogue: &Arc<Catalogue>, _: &Run<'_>) -> Loaded {
        let counts = weights.take("items.count", &[catalogue.n_items()])?;
        Ok(Box::new(Counts { counts, catalogue: Arc::clone(catalogue) }))
    }
}

/// Training rows of each item.
struct Counts {
    counts: Vec<u32>,
    catalogue: Arc<Catalogue>,
}

impl EachQuery for Counts {
    fn catalogue(&self) -> &Arc<Catalogue> {
        &self.catalogue
    }

    fn answer(&self, query: &Query<'_>, scores: &mut [f32]) -> Result<(), ScoreError> {
        query.candidates.write(scores, |item| self.counts[item] as f32);
        Ok(())
    }

    fn explain(&self, _: &Query<'_>, items: &[ItemIdx]) -> Result<Option<Vec<Explanation>>, ScoreError> {
        let explain = |item: &ItemIdx| {
            let score = self.counts[item.index()] as f32;
            Explanation { score, terms: vec![part("training rows", f64::from(score))], without: Vec::new() }
        };
        Ok(Some(items.iter().map(explain).collect()))
    }
}

impl Fitted for Counts {
    fn n_parameters(&self) -> usize {
        self.counts.len()
    }

    fn for_visitors(&self) -> Option<Box<dyn Fitted>> {
        let catalogue = Arc::new(self.catalogue.without_users(false));
        Some(Box::new(Self { counts: self.counts.clone(), catalogue }))
    }

    fn save(&self) -> Result<Weights, ScoreError> {
        let counts = self.counts.iter().copied();
        Ok(Weights::new(NAME, &self.catalogue).with("items.count", &[self.counts.len()], counts))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use reco_core::testing::catalogue;
    use reco_core::{
        Candidates, DeviceChoice, Interaction, Interactions, Profile, Recommender, Scores, Seen, Silent, Target, Who,
    };

    #[test]
    fn counts_training_rows_for_everyone_alike() {
        let catalogue = Arc::new(catalogue(2, 3));
        let mut rows = Interactions::builder(0);
        for (user, item) in [(0, 1), (1, 1), (1, 2)] {
            let (user, item) = (catalogue.users.at(user).unwrap(), catalogue.items.at(item).unwrap());
            rows.push(Interaction { user, item, rating: None, target: Target::EVENT, timestamp: None, context: &[] });
        }
        // Validation rows are not counted: an approach that cannot use them ranks as if they were held out.
        let fit = rows.finish();
        let train = Train { catalogue, validation: Some(fit.select(&[2, 2, 2])), fit };
        let run = Run { seed: 1, device: DeviceChoice::Auto, progress: &Silent };
        let fitted = Popularity {}.fit(&train, &run).unwrap();

        let query = |who| Query { who, context: &[], candidates: Candidates::AllExcept(Seen::NOTHING) };
        let visitor = Who::Visitor { history: &[], profile: &Profile::default() };
        let mut scores = Scores::new();
        fitted.score(&[query(Who::Known(train.fit.users()[0])), query(visitor)], &mut scores).unwrap();
        assert_eq!(scores.row(0), [0.0, 2.0, 1.0]);
        assert_eq!(scores.row(1), [0.0, 2.0, 1.0]);
        assert_eq!(fitted.n_parameters(), 3);
    }

    #[test]
    fn refuses_the_weights_of_another_and_counts_that_do_not_fit() {
        let catalogue = Arc::new(catalogue(2, 3));
        let run = Run { seed: 1, device: DeviceChoice::Auto, progress: &Silent };
        let refusal = |weights| {
            reco_core::AnyApproach::load(&Popularity {}, weights, &catalogue, &run).err().unwrap().to_string()
        };
        let two = refusal(Weights::new(NAME, &catalogue).with("items.count", &[2], [1_u32, 2]));
        assert!(two.contains("its `items.count` is `U32 [2]`, and should be `U32 [3]`"), "{two}");
        let other = refusal(Weights::new("random", &catalogue).with("items.count", &[3], [1_u32, 2, 3]));
        assert!(other.contains("version `1` of `random`"), "{other}");
    }
}
