//! The held-out rows of a [`Train`] in memory, and the evaluation of a model on them.
//!
//! Does not know how rows were held out: the caller says which they are.
//!
//! **Invariant**: no row of a [`Test`] is a training row; all its users and items are in the catalogue.

use std::fmt;

use reco_core::{
    Interaction, Interactions, ItemId, RatingError, RawInteraction, Recommender, Seen, Target, TestUser, Train, UserId,
};

use crate::{Ask, EvalError, Evaluation, METRICS, Protocol, Task, TrainingCounts, evaluate_task};

/// Test rows, with what their users had met before and what training knew.
#[derive(Clone, Debug)]
pub struct Test {
    users: Vec<TestUser>,
    seen: Vec<Seen>,
    counts: TrainingCounts,
}

/// Why rows in memory are no test.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum TestError {
    /// No rows at all.
    #[error("there are no test rows\nhint: give at least one rating or event")]
    NoRows,
    /// A user or an item that training does not know.
    #[error(
        "row `{row}`: the training data do not know the {what} `{id}`\nhint: leave the row out; no model can be asked about it"
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
    #[error("row `{row}`, `{user}` and `{item}`: {source}")]
    Rating {
        /// Counted from 0.
        row: usize,
        /// Who.
        user: UserId,
        /// What.
        item: ItemId,
        /// What is wrong with it.
        source: RatingError,
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
    /// No rows; a user or an item that `train` does not know; a rating off its scale; a training row.
    pub fn from_ratings<U: Into<UserId>, I: Into<ItemId>>(
        train: &Train,
        ratings: impl IntoIterator<Item = (U, I, f32)>,
    ) -> Result<Self, TestError> {
        Self::from_rows(train, ratings.into_iter().map(|(user, item, stars)| RawInteraction::rating(user, item, stars)))
    }

    /// Events `(user, item)` that were held out of `train`.
    ///
    /// # Errors
    /// As [`Test::from_ratings`].
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
        let seen = Seen::by_user(catalogue.n_users(), [&train.fit].into_iter().chain(&train.validation));
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
                return Err(TestError::Twice { row, user: user_id, item: item_id, place });
            }
            let rating = match stars.map(|stars| catalogue.scale.rating(stars)).transpose() {
                Ok(rating) => rating,
                Err(source) => return Err(TestError::Rating { row, user: user_id, item: item_id, source }),
            };
            let target = rating.map_or(Target::EVENT, |rating| catalogue.scaling.target(item, rating));
            builder.push(Interaction { user, item, rating, target, timestamp, context: &[] });
        }
        let rows = builder.finish();
        if rows.is_empty() {
            return Err(TestError::NoRows);
        }
        let users = TestUser::group(&rows, catalogue.n_users());
        Ok(Self { users, seen, counts: TrainingCounts::new(&train.fit, catalogue) })
    }

    /// Held-out rows, with what each user of the catalogue met before and what training knew.
    pub fn new(users: Vec<TestUser>, seen: Vec<Seen>, counts: TrainingCounts) -> Self {
        Self { users, seen, counts }
    }

    /// The held-out rows of each user.
    pub fn users(&self) -> &[TestUser] {
        &self.users
    }
}

/// Measures `model` on `test`: lists are ranked over the whole catalogue without what a user has met, unless the
/// protocol samples candidates, by seed 42.
///
/// # Errors
/// An unknown metric, buckets that do not ascend; a model that was fitted to another catalogue, that fails, or that
/// answers with a number that is not finite.
pub fn evaluate(model: &dyn Recommender, test: &Test, protocol: &Protocol) -> Result<Evaluation, EvalError> {
    let task = Task {
        test_users: &test.users,
        seen: &test.seen,
        known: &test.counts,
        metrics: METRICS,
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
    use reco_classic::Popularity;
    use reco_core::{Approach as _, Run};

    fn train() -> Train {
        Train::from_ratings([("ann", "Alien", 5.0), ("ann", "Brazil", 3.0), ("bob", "Alien", 4.0)]).unwrap()
    }

    #[test]
    fn a_model_is_measured_on_ratings_in_memory() {
        let train = train();
        let model = Popularity {}.fit(&train, &Run::default()).unwrap();
        let test = Test::from_ratings(&train, [("bob", "Brazil", 5.0)]).unwrap();
        let evaluation = evaluate(&model, &test, &Protocol::default()).unwrap();
        assert_eq!(evaluation.metric("ndcg@10"), Some(1.0));
        let shown = evaluation.to_string();
        assert!(shown.lines().any(|line| line.starts_with("ndcg@10 ") && line.ends_with(" 1.0000")), "{shown}");
        assert!(shown.ends_with("of 1 users and 1 test rows") && shown.contains('–'), "{shown}");
    }

    #[test]
    fn rows_that_no_model_can_be_asked_about_are_named() {
        let of = |rows: &[(&'static str, &'static str, f32)]| {
            Test::from_ratings(&train(), rows.iter().copied()).unwrap_err().to_string()
        };
        assert!(of(&[]).starts_with("there are no test rows"));
        assert!(
            of(&[("bob", "Brazil", 5.0), ("eve", "Alien", 5.0)])
                .starts_with("row `1`: the training data do not know the user `eve`\nhint: ")
        );
        assert!(of(&[("bob", "Solaris", 5.0)]).contains("do not know the item `Solaris`"));
        assert!(of(&[("bob", "Brazil", 9.0)]).starts_with("row `0`, `bob` and `Brazil`: rating `9` is outside"));
        assert!(of(&[("bob", "Alien", 4.0)]).contains("are in the training rows already"));
        assert!(
            of(&[("bob", "Brazil", 4.0), ("bob", "Brazil", 5.0)])
                .contains("row `1`: `bob` and `Brazil` are in row `0`")
        );
    }
}
