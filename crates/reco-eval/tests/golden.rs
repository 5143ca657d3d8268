//! Tests that all metrics agree with evaluators that share no code with this crate.
//!
//! `golden/golden.json`, which `golden/make.py` wrote, has small cases that are easy to get wrong, with values from
//! scikit-learn, SciPy, ranx and, where none of them has a metric, a formula in NumPy. Does not know how they are
//! computed.
//!
//! **Invariant**: every metric that the file has a source for is compared in every case, at every length of list, to
//! 1e-9.

use std::collections::BTreeMap;
use std::error::Error;
use std::num::NonZeroUsize;
use std::sync::Arc;

use reco_core::testing::catalogue;
use reco_core::{
    Catalogue, EachQuery, Features, Interaction, Interactions, ItemIdx, Matrix, Query, RatingScale, ScoreError,
    ScoreKind, Scores, Seen, Target, TestUser, UserIdx, Who,
};
use reco_eval::{Column, Evaluation, METRICS, MetricEntry, Protocol, Test, TrainingCounts, evaluate};
use serde::Deserialize;

/// What `make.py` writes.
#[derive(Deserialize)]
struct Golden {
    /// Which evaluator each metric's values are from.
    sources: BTreeMap<String, String>,
    cases: Vec<Given>,
}

/// What an evaluation is given, and what it should say.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Given {
    name: String,
    /// Per user, one per item; `None` where there is none.
    scores: Vec<Vec<Option<f32>>>,
    /// User, item and stars, `None` for an event.
    test: Vec<(usize, usize, Option<f32>)>,
    /// User and item.
    train: Vec<(usize, usize)>,
    /// Per user, the items that are not candidates.
    seen: Vec<Vec<usize>>,
    predicts: ScoreKind,
    k: Vec<NonZeroUsize>,
    scale: (f32, f32),
    relevance_threshold: f32,
    feature_names: Vec<String>,
    /// Per item, one number per feature, 0 or 1.
    features: Vec<Vec<f32>>,
    /// Those of the features that are genres.
    genres: Vec<String>,
    expected: BTreeMap<Column, Option<f64>>,
}

type Result<T> = std::result::Result<T, Box<dyn Error>>;

fn golden() -> Result<Golden> {
    Ok(serde_json::from_str(include_str!("golden/golden.json"))?)
}

#[test]
fn every_value_agrees_with_an_independent_evaluator() -> Result<()> {
    let mut differing = Vec::new();
    for given in golden()?.cases {
        let evaluation = given.evaluate()?;
        for (column, expected) in &given.expected {
            let found = evaluation.metrics.iter().find(|(known, _)| known == column);
            let (_, value) = found.ok_or_else(|| format!("{}: there is no `{column}`", given.name))?;
            if !agree(*value, *expected) {
                differing.push(format!("{}: `{column}` is {value:?}, not {expected:?}", given.name));
            }
        }
    }
    assert!(differing.is_empty(), "{}", differing.join("\n"));
    Ok(())
}

#[test]
fn every_metric_that_has_a_source_has_a_value_at_every_length() -> Result<()> {
    let golden = golden()?;
    for MetricEntry { name, .. } in METRICS {
        // A metric can be added before another evaluator is asked for it.
        if !golden.sources.contains_key(*name) {
            println!("not compared: `{name}` has no golden value");
            continue;
        }
        let mut is_telling = false;
        for given in &golden.cases {
            let columns = given.expected.iter().filter(|(column, _)| column.is(name));
            let values: Vec<Option<f64>> = columns.map(|(_, value)| *value).collect();
            let n_lengths = if name.ends_with("@k") { given.k.len() } else { 1 };
            assert_eq!(values.len(), n_lengths, "{}: `{name}`", given.name);
            is_telling |= values.iter().flatten().any(|value| *value != 0.0);
        }
        assert!(is_telling, "`{name}` is 0 or nothing everywhere");
    }
    let unknown = golden.sources.keys().find(|source| METRICS.iter().all(|entry| entry.name != **source));
    assert_eq!(unknown, None, "there is no such metric");
    Ok(())
}

/// Whether both are equal to 1e-9, relative to the expected value where that is above 1.
fn agree(value: Option<f64>, expected: Option<f64>) -> bool {
    match (value, expected) {
        (Some(value), Some(expected)) => (value - expected).abs() <= 1e-9 * expected.abs().max(1.0),
        (None, None) => true,
        _ => false,
    }
}

impl Given {
    fn evaluate(&self) -> Result<Evaluation> {
        let catalogue = Arc::new(self.catalogue()?);
        let scores = self.scores.iter().map(|row| row.iter().map(|score| score.unwrap_or(Scores::ABSENT)).collect());
        let told = Told { catalogue: Arc::clone(&catalogue), predicts: self.predicts, scores: scores.collect() };

        let user = |row| catalogue.users.at(row).ok_or("no such user");
        let item = |row| catalogue.items.at(row).ok_or("no such item");
        let mut test = Interactions::builder(0);
        for &(at, of, stars) in &self.test {
            let rating = stars.map(|stars| catalogue.scale.rating(stars)).transpose()?;
            let of = item(of)?;
            let target = rating.map_or(Target::EVENT, |rating| catalogue.scaling.target(of, rating));
            test.push(row(user(at)?, of, rating, target));
        }
        let mut train = Interactions::builder(0);
        for &(at, of) in &self.train {
            train.push(row(user(at)?, item(of)?, None, Target::EVENT));
        }
        let test_users = TestUser::group(&test.finish(), catalogue.n_users());
        let seen_by = |items: &Vec<usize>| {
            Ok(Seen::new(items.iter().map(|row| item(*row)).collect::<std::result::Result<_, _>>()?))
        };
        let seen = self.seen.iter().map(seen_by).collect::<Result<Vec<Seen>>>()?;
        let genres: Vec<Vec<String>> = (0..catalogue.n_items()).map(|item| self.genres_of(item)).collect();
        let known = TrainingCounts::new(&train.finish(), &catalogue).with_genres(genres.iter().map(Vec::as_slice));
        let config =
            Protocol { k: self.k.clone(), relevance_threshold: Some(self.relevance_threshold), ..Protocol::default() };
        Ok(evaluate(&told, &Test::new(&catalogue, test_users, seen, known), &config)?)
    }

    fn catalogue(&self) -> Result<Catalogue> {
        let n_items = self.scores[0].len();
        let names = self.feature_names.clone();
        let matrix = Matrix::new(n_items, names.len(), self.features.concat()).ok_or("a feature is missing")?;
        Ok(Catalogue {
            item_features: Features::new(names, matrix).ok_or("a name is missing")?,
            scale: RatingScale::new(self.scale.0, self.scale.1)?,
            ..catalogue(self.scores.len(), n_items)
        })
    }

    fn genres_of(&self, item: usize) -> Vec<String> {
        let Some(features) = self.features.get(item) else { return Vec::new() };
        let named =
            self.feature_names.iter().zip(features).filter(|(name, has)| **has > 0.0 && self.genres.contains(name));
        named.map(|(name, _)| name.clone()).collect()
    }
}

fn row(user: UserIdx, item: ItemIdx, rating: Option<reco_core::Rating>, target: Target) -> Interaction<'static> {
    Interaction { user, item, rating, target, timestamp: None, context: &[] }
}

/// A recommender whose scores are a table.
struct Told {
    catalogue: Arc<Catalogue>,
    predicts: ScoreKind,
    scores: Vec<Vec<f32>>,
}

impl EachQuery for Told {
    fn score_kind(&self) -> ScoreKind {
        self.predicts
    }

    fn leaves_out(&self) -> bool {
        true
    }

    fn catalogue(&self) -> &Arc<Catalogue> {
        &self.catalogue
    }

    fn answer(&self, query: &Query<'_>, scores: &mut [f32]) -> std::result::Result<(), ScoreError> {
        let Who::Known(user) = query.who else { return Err(ScoreError::Visitor { approach: "told" }) };
        let told = &self.scores[user.index()];
        query.candidates.write(scores, |item| told[item]);
        Ok(())
    }
}
