//! The held-out rows of a [`Train`] in memory, and the evaluation of a model on them.
//!
//! Does not know how rows were held out: the caller says which they are.
//!
//! **Invariant**: no row of a [`Test`] is a training row; all its users and items are in the catalogue.

use std::fmt;
use std::sync::Arc;

use reco_core::{
    Catalogue, Interaction, Interactions, ItemId, RawInteraction, Recommender, RowError, Seen, Target, TestUser, Train,
    UserId,
};

use crate::{Ask, EvalError, Evaluation, METRICS, MetricEntry, Protocol, Task, TrainingCounts, evaluate_task};

/// Test rows, with what their users had met before and what training knew.
#[derive(Clone, Debug)]
pub struct Test {
    catalogue: Arc<Catalogue>,
    users: Vec<TestUser>,
    seen: Vec<Seen>,
    counts: TrainingCounts,
}

/// Why rows in memory cannot be a test.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum TestError {
    /// No rows at all.
    #[error("there are no test rows\nhint: give at least one rating or event")]
    NoRows,
    /// A user or an item without a training row.
    #[error(
        "row `{row}`: the {what} `{id}` is not in the training rows\nhint: leave the row out; no model can score it"
    )]
    Unknown {
        /// Counted from 0.
        row: usize,
        /// `user`, `item`.
        what: &'static str,
        /// Its id.
        id: String,
    },
    /// A rating off the scale.
    #[error(transparent)]
    Rating(#[from] RowError),
    /// A rating, where training has events alone.
    #[error("row `{row}` has stars, and the training rows have none\nhint: `Test::from_events`")]
    NoStars {
        /// Counted from 0.
        row: usize,
    },
    /// A row that is in training too, or twice in the test.
    #[error("row `{row}`: `{user}` and `{item}` are {place} already\nhint: a test row is held out, and stands once")]
    Twice {
        /// Counted from 0.
        row: usize,
        /// Who.
        user: UserId,
        /// What.
        item: ItemId,
        /// `in the training rows`, `in row 3`.
        place: String,
    },
}

impl Test {
    /// Ratings `(user, item, stars)` that were held out of `train`.
    ///
    /// # Errors
    /// No rows; a user or an item that `train` does not know; a rating off its scale, or of training rows without
    /// stars; a pair that is in training, or twice in the test.
    pub fn from_ratings<U: Into<UserId>, I: Into<ItemId>>(
        train: &Train,
        ratings: impl IntoIterator<Item = (U, I, f32)>,
    ) -> Result<Self, TestError> {
        Self::from_rows(train, ratings.into_iter().map(|(user, item, stars)| RawInteraction::rating(user, item, stars)))
    }

    /// Events `(user, item)` that were held out of `train`. What happened in training already, or several times, counts
    /// once, and there.
    ///
    /// # Errors
    /// No rows; a user or an item that `train` does not know.
    pub fn from_events<U: Into<UserId>, I: Into<ItemId>>(
        train: &Train,
        events: impl IntoIterator<Item = (U, I)>,
    ) -> Result<Self, TestError> {
        Self::from_rows(train, events.into_iter().map(|(user, item)| RawInteraction::event(user, item)))
    }

    /// Rows that were held out of `train`. Their contexts are not used: a model is asked in the average moment.
    ///
    /// # Errors
    /// As [`Test::from_ratings`].
    pub fn from_rows(train: &Train, rows: impl IntoIterator<Item = RawInteraction>) -> Result<Self, TestError> {
        let catalogue = &train.catalogue;
        let seen = Seen::by_user(catalogue.n_users(), train.parts());
        let has_stars = train.fit.ratings().iter().any(Option::is_some);
        let mut builder = Interactions::builder(0);
        let mut rows_of = std::collections::BTreeMap::new();
        for (row, RawInteraction { user: user_id, item: item_id, stars, timestamp, .. }) in rows.into_iter().enumerate()
        {
            let unknown = |what, id: String| TestError::Unknown { row, what, id };
            let user = catalogue.users.get(&user_id).ok_or_else(|| unknown("user", user_id.to_string()))?;
            let item = catalogue.items.get(&item_id).ok_or_else(|| unknown("item", item_id.to_string()))?;
            let place = match rows_of.insert((user, item), row) {
                Some(first) => Some(format!("in row `{first}`")),
                None => seen[user.index()].contains(item).then(|| "in the training rows".to_owned()),
            };
            if let Some(place) = place {
                if stars.is_none() {
                    continue;
                }
                return Err(TestError::Twice { row, user: user_id, item: item_id, place });
            }
            if stars.is_some() && !has_stars {
                return Err(TestError::NoStars { row });
            }
            let rating = stars.map(|stars| catalogue.scale.rating(stars)).transpose().map_err(|source| RowError {
                row,
                user: user_id,
                item: item_id,
                source,
            })?;
            let target = rating.map_or(Target::EVENT, |rating| catalogue.scaling.target(item, rating));
            builder.push(Interaction { user, item, rating, target, timestamp, context: &[] });
        }
        let rows = builder.finish();
        if rows.is_empty() {
            return Err(TestError::NoRows);
        }
        let users = TestUser::group(&rows, catalogue.n_users());
        let counts = TrainingCounts::new(&train.fit, catalogue);
        Ok(Self { catalogue: Arc::clone(catalogue), users, seen, counts })
    }

    /// Held-out rows, with what each user of the catalogue met before and what training knew.
    pub fn new(catalogue: &Arc<Catalogue>, users: Vec<TestUser>, seen: Vec<Seen>, counts: TrainingCounts) -> Self {
        Self { catalogue: Arc::clone(catalogue), users, seen, counts }
    }

    /// The held-out rows of each user.
    pub fn users(&self) -> &[TestUser] {
        &self.users
    }
}

/// Measures `model` on `test`: lists are ranked over the whole catalogue without what a user has met, unless the
/// protocol samples candidates, by seed 42. All are asked about in the average moment of training.
///
/// # Errors
/// An unknown metric, buckets that do not ascend, a context; a model that was fitted to another catalogue, that fails,
/// or that answers with a number that is not finite.
pub fn evaluate(model: &dyn Recommender, test: &Test, protocol: &Protocol) -> Result<Evaluation, EvalError> {
    evaluate_by(METRICS, model, test, protocol)
}

/// As [`evaluate`], by any metrics instead of [`METRICS`]: the protocol's names are looked up in `metrics`.
///
/// # Errors
/// As [`evaluate`].
pub fn evaluate_by(
    metrics: &[MetricEntry],
    model: &dyn Recommender,
    test: &Test,
    protocol: &Protocol,
) -> Result<Evaluation, EvalError> {
    if let Some(name) = protocol.context.keys().next() {
        return Err(EvalError::ContextNotRead { name: name.clone() });
    }
    let (of_test, of_model) = (&test.catalogue, model.catalogue());
    let same = || of_test.users.ids() == of_model.users.ids() && of_test.items.ids() == of_model.items.ids();
    if !Arc::ptr_eq(of_test, of_model) && !same() {
        return Err(EvalError::OtherCatalogue);
    }
    let task = Task {
        test_users: &test.users,
        seen: &test.seen,
        known: &test.counts,
        metrics,
        config: protocol,
        context: &[],
        seed: 42,
        held_out: Ask::AsVisitors,
    };
    evaluate_task(model, &task)
}

/// A line for each metric: its name and its value, `–` where it does not apply.
impl fmt::Display for Evaluation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names: Vec<String> = self.metrics.iter().map(|(column, _)| column.to_string()).collect();
        let width = names.iter().map(String::len).max().unwrap_or(0);
        for (name, (_, value)) in names.iter().zip(&self.metrics) {
            match value {
                Some(value) => writeln!(f, "{name:width$}  {value:>9.4}")?,
                None => writeln!(f, "{name:width$}  {:>9}", "–")?,
            }
        }
        write!(f, "of {} users and {} test rows", self.n_users, self.n_test)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::metric::Measure;
    use reco_classic::Popularity;
    use reco_core::{Approach as _, Run};

    /// Popular items first: Alien, Brazil, Casablanca, Dune.
    fn train() -> Train {
        let items = ["Alien", "Brazil", "Casablanca", "Dune"];
        let rows = items.iter().enumerate().flat_map(|(at, item)| (0..4 - at).map(move |user| (user as i64, *item)));
        let rows = rows.map(|(user, item)| (user, item, 1.0 + user as f32)).chain([(9, "Alien", 5.0)]);
        Train::from_ratings(rows).unwrap()
    }

    #[test]
    fn a_model_is_measured_on_ratings_in_memory() {
        let train = train();
        let model = Popularity {}.fit(&train, &Run::default()).unwrap();
        let test = Test::from_ratings(&train, [(9, "Casablanca", 5.0)]).unwrap();
        let evaluation = evaluate(&model, &test, &Protocol::default()).unwrap();
        // Of three that the user has not met, it is the second.
        assert_eq!(evaluation.metric("mrr@10"), Some(0.5));
        let shown = evaluation.to_string();
        assert!(shown.lines().any(|line| line.starts_with("mrr@10 ") && line.ends_with(" 0.5000")), "{shown}");
        assert!(shown.ends_with("of 1 users and 1 test rows") && shown.contains('–'), "{shown}");

        let other = Train::from_ratings([(9, "Dune", 1.0), (0, "Alien", 5.0)]).unwrap();
        let other = Popularity {}.fit(&other, &Run::default()).unwrap();
        assert!(matches!(evaluate(&other, &test, &Protocol::default()), Err(EvalError::OtherCatalogue)));
        let context = [("weekend".to_owned(), 1.0.into())].into();
        let asked = evaluate(&model, &test, &Protocol { context, ..Protocol::default() });
        assert!(matches!(asked, Err(EvalError::ContextNotRead { name }) if name == "weekend"));
    }

    #[test]
    fn a_metric_of_ones_own_takes_the_place_of_the_registry() {
        let train = train();
        let model = Popularity {}.fit(&train, &Run::default()).unwrap();
        let test = Test::from_ratings(&train, [(9, "Brazil", 5.0)]).unwrap();
        let own = [MetricEntry::ranking("hits@k", "", Measure::TopK(|top| Some(top.n_hits())))];
        let evaluation = evaluate_by(&own, &model, &test, &Protocol::default()).unwrap();
        assert_eq!((evaluation.metric("hits@10"), evaluation.metric("ndcg@10")), (Some(1.0), None));
    }

    #[test]
    fn events_of_the_training_rows_are_left_out_of_the_test() {
        let train = Train::from_events([("ann", "Alien"), ("bob", "Brazil")]).unwrap();
        let test = Test::from_events(&train, [("ann", "Alien"), ("ann", "Brazil"), ("ann", "Brazil")]).unwrap();
        assert_eq!(test.users()[0].rows().len(), 1);
        assert!(matches!(Test::from_ratings(&train, [("ann", "Brazil", 5.0)]), Err(TestError::NoStars { row: 0 })));
    }

    #[test]
    fn rows_that_no_model_can_be_asked_about_are_named() {
        let rows = [("ann", "Alien", 5.0), ("ann", "Brazil", 3.0), ("bob", "Alien", 4.0)];
        let train = Train::from_ratings(rows).unwrap();
        let of = |rows: &[(&'static str, &'static str, f32)]| {
            Test::from_ratings(&train, rows.iter().copied()).unwrap_err().to_string()
        };
        assert!(of(&[]).starts_with("there are no test rows"));
        assert!(
            of(&[("bob", "Brazil", 5.0), ("eve", "Alien", 5.0)])
                .starts_with("row `1`: the user `eve` is not in the training rows\nhint: ")
        );
        assert!(of(&[("bob", "Solaris", 5.0)]).contains("the item `Solaris` is not in the training rows"));
        assert!(of(&[("bob", "Brazil", 9.0)]).starts_with("row `0`, `bob` and `Brazil`: rating `9` is outside"));
        assert!(of(&[("bob", "Alien", 4.0)]).contains("are in the training rows already"));
        assert!(
            of(&[("bob", "Brazil", 4.0), ("bob", "Brazil", 5.0)])
                .contains("row `1`: `bob` and `Brazil` are in row `0`")
        );
    }
}
