//! Ranks items by their mean rating, shrunk towards the mean of all ratings.
//!
//! `(k·m + Σ w·r) / (k + Σ w)`: the posterior mean of an item's stars, given normal ratings and a prior around the mean
//! `m` of all ratings that is worth `k` of them (Gelman et al., "Bayesian Data Analysis", section 2.5; known as
//! "weighted rating" from IMDb's Top 250). With a half-life, a rating's weight `w` halves with each such time before
//! the latest one. Events have no stars: where no row has a rating, an item's score is the weight of its events, an
//! order only.
//!
//! Does not know users: everyone gets the same.
//!
//! **Invariant**: one finite score per item; an item without ratings has the mean of all.

use std::sync::Arc;

use reco_core::options::OptionsError;
use reco_core::{
    Approach, Catalogue, EachQuery, Explanation, FitError, Fitted, Interactions, ItemIdx, Loaded, Query, Run,
    ScoreError, ScoreKind, Train, Weights,
};
use serde::{Deserialize, Serialize};

use crate::terms::part;

const NAME: &str = "top-rated";
const SECONDS_A_DAY: f64 = 86_400.0;
/// Beyond it, a sum of stars loses single ratings to rounding.
const MOST_RATINGS: f64 = 1e15;

/// The approach `top-rated`: the items with the best mean rating, few ratings drawn towards the mean of all.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct TopRated {
    /// How many ratings at the overall mean are added to an item's own. To predict the stars of MovieLens 100K, 1 to 3
    /// are best. Lists need more, so that three ratings of 5 stars do not make the best film; with 10 the error in
    /// stars is half a per cent larger.
    pub prior_ratings: f64,
    /// Days in which a rating's weight halves, counted back from the latest one; if not set, all weigh the same.
    pub half_life_days: Option<f64>,
}

impl Default for TopRated {
    fn default() -> Self {
        Self { prior_ratings: 10.0, half_life_days: None }
    }
}

/// A half-life cannot be applied, because ratings have no time.
#[derive(Debug, thiserror::Error)]
#[error(
    "`half_life_days` of `top-rated` needs the time of every rating, and `{n_missing}` of `{n_rows}` have none\nhint: leave it out, or name the column of times in `data.columns.timestamp`"
)]
struct NoTimes {
    n_missing: usize,
    n_rows: usize,
}

impl TopRated {
    /// The weight of each row.
    fn weights(&self, rows: &Interactions) -> Result<Vec<f64>, NoTimes> {
        let Some(half_life) = self.half_life_days else { return Ok(vec![1.0; rows.len()]) };
        let times: Vec<i64> = rows.timestamps().iter().flatten().collect();
        if times.len() < rows.len() {
            return Err(NoTimes { n_missing: rows.len() - times.len(), n_rows: rows.len() });
        }
        let latest = times.iter().copied().max().unwrap_or(0);
        let weight = |time: i64| libm::exp2(-((latest - time) as f64) / SECONDS_A_DAY / half_life);
        Ok(times.into_iter().map(weight).collect())
    }
}

impl Approach for TopRated {
    const NAME: &'static str = NAME;
    const ABOUT: &'static str = "the items with the best mean rating, few ratings drawn towards the mean of all";

    fn check(&self, place: &str) -> Result<(), OptionsError> {
        let refuse = |reason: String| Err(OptionsError::Value { place: place.to_owned(), reason });
        let Self { prior_ratings, half_life_days } = *self;
        if !(0.0..=MOST_RATINGS).contains(&prior_ratings) {
            return refuse(format!(
                "`prior_ratings` is `{prior_ratings}`\nhint: a number of ratings from 0 to 1e15, such as `10`"
            ));
        }
        match half_life_days {
            Some(days) if !(days.is_finite() && days > 0.0) => refuse(format!(
                "`half_life_days` is `{days}`\nhint: a number of days, such as `365`; leave it out for none"
            )),
            _ => Ok(()),
        }
    }

    fn follows_ratings(&self) -> bool {
        false
    }

    fn learn(&self, train: &Train, _: &Run<'_>) -> Result<Box<dyn Fitted>, FitError> {
        let rows = &train.fit;
        if rows.is_empty() {
            return Err(FitError::NoRows { approach: NAME });
        }
        let weights = self.weights(rows).map_err(|error| FitError::Other(Box::new(error)))?;
        let rated = rows.ratings().iter().any(Option::is_some);
        let mut items = vec![(0.0, 0.0); train.catalogue.n_items()];
        let (mut sum, mut weight) = (0.0, 0.0);
        for (row, w) in rows.iter().zip(weights) {
            // Among ratings, a row without one has no stars to add.
            let stars = match row.rating {
                Some(rating) => f64::from(rating.stars()),
                None if rated => continue,
                None => 1.0,
            };
            let item = &mut items[row.item.index()];
            *item = (item.0 + w * stars, item.1 + w);
            (sum, weight) = (sum + w * stars, weight + w);
        }
        // The latest row weighs 1, so that there is a weight, unless it is an event and all ratings are long past.
        let mean = if weight > 0.0 { sum / weight } else { 0.0 };
        let prior = self.prior_ratings;
        let score = |&(sum, weight): &(f64, f64)| match (rated, prior + weight) {
            (false, _) => sum,
            (true, total) if total > 0.0 => (prior * mean + sum) / total,
            (true, _) => mean,
        };
        let scores = items.iter().map(|item| score(item) as f32).collect();
        let learned = Learned { rated, mean: if rated { mean as f32 } else { 0.0 }, scores };
        Ok(Box::new(Best { learned, catalogue: Arc::clone(&train.catalogue) }))
    }

    fn load(&self, weights: &mut Weights, catalogue: &Arc<Catalogue>, _: &Run<'_>) -> Loaded {
        let (rated, mean) = (weights.take_value("rated")?, weights.take_one("mean")?);
        let learned = Learned { rated, mean, scores: weights.take("items.score", &[catalogue.n_items()])? };
        Ok(Box::new(Best { learned, catalogue: Arc::clone(catalogue) }))
    }
}

/// What is kept in the file.
#[derive(Clone)]
struct Learned {
    /// Whether scores are stars.
    rated: bool,
    /// The mean of all ratings, in stars; 0 without any.
    mean: f32,
    /// The score of each item.
    scores: Vec<f32>,
}

struct Best {
    learned: Learned,
    catalogue: Arc<Catalogue>,
}

impl EachQuery for Best {
    fn score_kind(&self) -> ScoreKind {
        if self.learned.rated { ScoreKind::Stars } else { ScoreKind::Order }
    }

    fn catalogue(&self) -> &Arc<Catalogue> {
        &self.catalogue
    }

    fn answer(&self, query: &Query<'_>, scores: &mut [f32]) -> Result<(), ScoreError> {
        query.candidates.write(scores, |item| self.learned.scores[item]);
        Ok(())
    }

    fn explain(&self, _: &Query<'_>, items: &[ItemIdx]) -> Result<Option<Vec<Explanation>>, ScoreError> {
        let Learned { rated, mean, scores } = &self.learned;
        let term = |name, effect: f32| part(name, f64::from(effect));
        let explanation = |item: &ItemIdx| {
            let score = scores[item.index()];
            let terms = match rated {
                true => vec![term("mean of all ratings", *mean), term("its own ratings", score - mean)],
                false => vec![term("its events", score)],
            };
            Explanation { score, terms, without: Vec::new() }
        };
        Ok(Some(items.iter().map(explanation).collect()))
    }
}

impl Fitted for Best {
    fn n_parameters(&self) -> usize {
        self.learned.scores.len() + 1
    }

    fn for_visitors(&self) -> Option<Box<dyn Fitted>> {
        let catalogue = Arc::new(self.catalogue.without_users(false));
        Some(Box::new(Self { learned: self.learned.clone(), catalogue }))
    }

    fn save(&self) -> Result<Weights, ScoreError> {
        let Learned { rated, mean, scores } = &self.learned;
        let weights = Weights::new(NAME, &self.catalogue).with_value("rated", rated).with("mean", &[], [*mean]);
        Ok(weights.with("items.score", &[scores.len()], scores.iter().copied()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use reco_core::ApproachEntry;
    use reco_core::testing::catalogue;
    use reco_core::{Candidates, DeviceChoice, Interaction, Profile, Scores, Seen, Silent, Target, Who};
    use serde_json::{Value, json};

    const ENTRY: ApproachEntry = ApproachEntry::of::<TopRated>();

    /// (item, stars, day)
    type Row = (usize, Option<f32>, Option<i64>);

    fn fit(options: Value, rows: &[Row]) -> Result<Box<dyn Fitted>, String> {
        let catalogue = Arc::new(catalogue(1, 3));
        let mut builder = Interactions::builder(0);
        for &(item, stars, day) in rows {
            let (user, item) = (catalogue.users.at(0).unwrap(), catalogue.items.at(item).unwrap());
            let rating = stars.map(|stars| catalogue.scale.rating(stars).unwrap());
            let timestamp = day.map(|day| day * 86_400);
            builder.push(Interaction { user, item, rating, target: Target::EVENT, timestamp, context: &[] });
        }
        let train = Train { catalogue, fit: builder.finish(), validation: None };
        let run = Run { seed: 1, device: DeviceChoice::Auto, progress: &Silent };
        let approach = (ENTRY.configure)(&options).map_err(|error| error.to_string())?;
        approach.fit(&train, &run).map_err(|error| error.to_string())
    }

    fn scores(options: Value, rows: &[Row]) -> Vec<f32> {
        let fitted = fit(options, rows).unwrap();
        let who = Who::Visitor { history: &[], profile: &Profile::default() };
        let query = Query { who, context: &[], candidates: Candidates::AllExcept(Seen::NOTHING) };
        let mut scores = Scores::new();
        fitted.score(&[query], &mut scores).unwrap();
        scores.row(0).to_vec()
    }

    const RATED: &[Row] =
        &[(0, Some(5.0), Some(10)), (1, Some(4.0), Some(10)), (1, Some(4.0), Some(0)), (1, Some(1.0), None)];

    #[test]
    fn means_are_drawn_towards_the_mean_of_all() {
        // The mean of all is 3.5: (3.5 + 5) / 2, (3.5 + 9) / 4, 3.5.
        assert_eq!(scores(json!({ "prior_ratings": 1 }), RATED), [4.25, 3.125, 3.5]);
        assert_eq!(scores(json!({ "prior_ratings": 0 }), RATED), [5.0, 3.0, 3.5]);
        assert_eq!(fit(json!({}), RATED).unwrap().score_kind(), ScoreKind::Stars);
        // An event among ratings has no stars.
        let with_event = [RATED, &[(2, None, Some(10))]].concat();
        assert_eq!(scores(json!({ "prior_ratings": 1 }), &with_event), [4.25, 3.125, 3.5]);
    }

    #[test]
    fn weights_halve_with_each_half_life() {
        // Item 1: 4 stars at weight 1, 4 at weight 1/2 ten days before; the mean of all is (5 + 4 + 2) / 2.5 = 4.4.
        let decayed = scores(json!({ "prior_ratings": 1, "half_life_days": 10 }), &RATED[..3]);
        assert_eq!(decayed, [4.7, ((4.4_f64 + 6.0) / 2.5) as f32, 4.4]);
        let error = fit(json!({ "half_life_days": 10 }), RATED).err().unwrap();
        assert!(error.starts_with("`half_life_days` of `top-rated` needs the time of every rating, and `1` of `4`"));
    }

    #[test]
    fn events_are_counted() {
        let events: Vec<Row> = RATED.iter().take(3).map(|&(item, _, day)| (item, None, day)).collect();
        assert_eq!(scores(json!({}), &events), [1.0, 2.0, 0.0]);
        assert_eq!(scores(json!({ "half_life_days": 10 }), &events), [1.0, 1.5, 0.0]);
        assert_eq!(fit(json!({}), &events).unwrap().score_kind(), ScoreKind::Order);
    }

    #[test]
    fn options_that_are_none_are_refused() {
        for (options, expected) in [
            (json!({ "prior_ratings": -1 }), "`prior_ratings` is `-1`\nhint: "),
            (json!({ "half_life_days": 0 }), "`half_life_days` is `0`\nhint: "),
            (json!({ "half_life": 3 }), "unknown key `half_life`"),
        ] {
            let error = fit(options, RATED).err().unwrap();
            assert!(error.contains(expected), "{error}");
        }
    }
}
