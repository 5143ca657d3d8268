//! The results of an evaluation: metrics, users' values and details.
//!
//! Does not know how they were computed.
//!
//! **Invariant**: every user has one value per metric, in the order of [`Evaluation::metrics`]; every value is finite.

use std::collections::BTreeMap;

use reco_core::{ItemId, ItemIdx, UserId, UserIdx};
use serde::{Deserialize, Serialize};

use crate::metric::Sums;
use crate::{Column, GroupValues, Interval, Metrics};

/// The metrics of one recommender on one test set.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Evaluation {
    /// The value of each metric. `None`, shown as `–`, where the metric does not apply: stars from a recommender that
    /// gives an order only, or no user has the rows it needs.
    pub metrics: Metrics,
    /// Users with test rows.
    pub n_users: usize,
    /// Test rows of all users.
    pub n_test: usize,
    /// Users without a relevant test row, who are left out of the metrics `@k`.
    pub n_users_without_relevant: usize,
    /// Users with enough rated test rows for the article's metrics.
    pub n_users_article: usize,
    /// Candidates that were ranked, over all users with test rows.
    pub n_candidates: usize,
    /// How many candidates were drawn for each user beside the test items; 0 where all of the catalogue were ranked.
    pub sampled_negatives: usize,
    /// Whether stars were predicted for each test row's own time, which is not known before the user rates. The metrics
    /// of errors, and predictions, then read it; lists do not.
    #[serde(default)]
    pub row_times: bool,
    /// Pairs of a user with test rows and an item that were not ranked because the user had met the item.
    pub n_masked: usize,
    /// Test rows among these: they cannot be hit.
    pub n_test_masked: usize,
    /// The interval of each metric that has one; empty until [`intervals`](crate::intervals) were asked for.
    #[serde(default)]
    pub intervals: BTreeMap<Column, Interval>,
    /// The metrics of groups of users, against all other users; empty until [`gaps`](crate::gaps) were asked for.
    #[serde(default)]
    pub by_group: Vec<GroupValues>,
    /// Metrics of lists on other rows, which a choice between recommenders may look at; empty until asked for.
    #[serde(default)]
    pub validation: Metrics,
    /// The values that the metrics are averages of, in the order of the test users. Not serialised: a table holds them
    /// better.
    #[serde(skip)]
    pub per_user: Vec<UserValues>,
    /// The same metrics of some users only, by how many training ratings they have; every user is in one bucket.
    #[serde(default)]
    pub by_user_history: Vec<BucketValues>,
    /// The same metrics with only some test rows, by how many training ratings their items have; every test row is in
    /// one bucket. Lists are ranked among all candidates: a bucket changes the items looked for, not the candidates.
    #[serde(default)]
    pub by_item_history: Vec<BucketValues>,
    /// One user in detail; `None` if no user has a rated test row.
    pub detail: Option<UserDetail>,
    /// Further users, those with the most rated test rows first, ties in catalogue order.
    #[serde(default)]
    pub details: Vec<UserDetail>,
    /// All rated test rows that have a score, in the order of the test users. Not serialised: a table holds them
    /// better.
    #[serde(skip)]
    pub predictions: Vec<Prediction>,
}

/// One rated test row.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Prediction {
    /// Who.
    pub user: UserIdx,
    /// What.
    pub item: ItemIdx,
    /// See [`DetailRow::y`].
    pub y: f64,
    /// See [`DetailRow::yhat`].
    pub yhat: f64,
}

/// One user's share in the metrics.
#[derive(Clone, Debug, PartialEq)]
pub struct UserValues {
    /// Who.
    pub user: UserId,
    /// Ratings that the recommender knew of: in training, or given with the query.
    pub n_train: usize,
    /// Test rows.
    pub n_test: usize,
    /// Test rows with a rating; the weight of this user in averages over rows.
    pub n_rated: usize,
    /// Relevant test rows.
    pub n_relevant: usize,
    /// The sums that metrics of all users' rows together are made of; `None` where scores cannot be turned into stars.
    pub sums: Option<Sums>,
    /// One value per metric; `None` where the metric does not apply, has no value of one user, or leaves this user out.
    pub values: Vec<Option<f64>>,
}

/// The metrics of the users, or of the test rows, in one bucket of training ratings.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct BucketValues {
    /// How many training ratings: `0`, `1-4`, `50+`.
    pub bucket: String,
    /// Users with test rows in it.
    pub n_users: usize,
    /// Test rows in it.
    pub n_test: usize,
    /// Users without a relevant one among these, who are left out of the metrics `@k`.
    #[serde(default)]
    pub n_users_without_relevant: usize,
    /// As [`Evaluation::metrics`]; `None` also where the bucket has no user to average over.
    pub metrics: Metrics,
}

/// One user's test rows as the article shows them: targets and predictions, and the two lists of five that it compares.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct UserDetail {
    /// Who.
    pub user: UserId,
    /// As [`UserValues::n_train`].
    pub n_train: usize,
    /// The rated test rows, best prediction first, ties in catalogue order.
    pub rows: Vec<DetailRow>,
    /// The items rated best, at most five.
    pub y_test: Vec<ItemId>,
    /// The items predicted best, equally many.
    pub predicted: Vec<ItemId>,
    /// Items in both lists.
    pub n_hits: usize,
    /// See the metric `article_accuracy`.
    pub article_accuracy: f64,
    /// See the metric `article_mrr`.
    pub article_mrr: f64,
    /// See the metric `mrr`.
    pub mrr: f64,
}

/// One rated test row.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct DetailRow {
    /// The item.
    pub item: ItemId,
    /// The target: the rating after scaling, rounded to 1e-6.
    pub y: f64,
    /// The prediction on the same scale, rounded to 1e-6; a raw score where the recommender gives an order only.
    pub yhat: f64,
}

impl Evaluation {
    /// The value of the column called `name`; `None` where it does not apply or was not asked for.
    pub fn metric(&self, name: &str) -> Option<f64> {
        self.metrics.get(&name.parse().ok()?)
    }
}
