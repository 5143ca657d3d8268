//! Ranks items by popularity: the number of their training rows.
//!
//! Does not know stars, users or contexts: one star counts as much as five, and everyone gets the same order.
//!
//! **Invariant**: one count per item of the catalogue. Counts are exact as scores up to 2²⁴ rows an item.

use std::error::Error;
use std::path::Path;
use std::sync::Arc;

use reco_core::{
    Approach, Catalogue, Explanation, FitError, Fitted, ItemIdx, LoadError, Query, Recommender, Run, ScoreError,
    ScoreKind, Scores, Train,
};
use serde::{Deserialize, Serialize};

use crate::saved;
use crate::terms::part;

const NAME: &str = "popularity";

/// The approach `popularity`: the items with the most training rows, the same for everyone. It has no options.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Popularity {}

impl Approach for Popularity {
    const NAME: &'static str = NAME;
    const ABOUT: &'static str = "the items with the most training rows, the same for everyone";

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

    fn load(&self, folder: &Path, catalogue: &Arc<Catalogue>, _: &Run<'_>) -> Result<Box<dyn Fitted>, LoadError> {
        let counts: Vec<u32> = saved::load(folder, NAME, catalogue)?;
        if counts.len() != catalogue.n_items() {
            let reason = format!("it has `{}` counts for `{}` items", counts.len(), catalogue.n_items());
            return Err(saved::refuse(folder, NAME, reason));
        }
        Ok(Box::new(Counts { counts, catalogue: Arc::clone(catalogue) }))
    }
}

/// Training rows of each item.
struct Counts {
    counts: Vec<u32>,
    catalogue: Arc<Catalogue>,
}

impl Recommender for Counts {
    fn score_kind(&self) -> ScoreKind {
        ScoreKind::Order
    }

    fn catalogue(&self) -> &Arc<Catalogue> {
        &self.catalogue
    }

    fn score(&self, queries: &[Query<'_>], out: &mut Scores) -> Result<(), ScoreError> {
        out.reset(queries, self.catalogue.n_items());
        for (row, query) in queries.iter().enumerate() {
            query.candidates.write(out.row_mut(row), |item| self.counts[item] as f32);
        }
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

    fn save(&self, folder: &Path) -> Result<(), Box<dyn Error + Send + Sync>> {
        saved::save(folder, NAME, &self.catalogue, &self.counts)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use reco_core::testing::catalogue;
    use reco_core::{Candidates, DeviceChoice, Interaction, Interactions, Profile, Seen, Silent, Target, Who};

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
        let folder = std::env::temp_dir().join(format!("reco-popularity-{}", std::process::id()));
        std::fs::create_dir_all(&folder).unwrap();
        let catalogue = Arc::new(catalogue(2, 3));
        let run = Run { seed: 1, device: DeviceChoice::Auto, progress: &Silent };
        let refusal = || Popularity {}.load(&folder, &catalogue, &run).err().unwrap().to_string();
        saved::save(&folder, NAME, &catalogue, [1, 2]).unwrap();
        assert!(refusal().contains("`2` counts for `3` items"), "{}", refusal());
        saved::save(&folder, "random", &catalogue, [1, 2, 3]).unwrap();
        assert!(refusal().contains("version `2` of `random`"), "{}", refusal());
        std::fs::remove_dir_all(&folder).unwrap();
    }
}
