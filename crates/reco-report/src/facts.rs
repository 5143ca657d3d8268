//! Holds what a report tells beyond results.json.
//!
//! Does not know who found it out: the crate that joins the others fills it in.
//!
//! **Invariant**: labels and values are plain text; a report escapes them.

use reco_core::{LayerGraph, TrainingLog};
use reco_eval::GroupValues;
use serde::{Deserialize, Serialize};

use crate::Grid;

/// The `[report]` part of an experiment.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReportConfig {
    /// The most rows shown of each list of a user in detail.
    pub detail_rows: usize,
}

impl Default for ReportConfig {
    fn default() -> Self {
        Self { detail_rows: 10 }
    }
}

/// Background of [`Results`](crate::Results): each part is left out of the report where it is empty.
#[derive(Clone, Debug, Default)]
pub struct Facts {
    /// More about the ratings, label and value: licence, citation, rows rejected.
    pub dataset: Vec<(String, String)>,
    /// How it was evaluated, label and value: relevance threshold, stated context, users counted.
    pub evaluation: Vec<(String, String)>,
    /// How approaches serve groups of users, by the approach's name.
    pub groups: Vec<(String, Vec<GroupValues>)>,
    /// What there is to draw of the ratings.
    pub counts: Option<Counts>,
    /// The approaches, in the order of the results.
    pub approaches: Vec<ApproachFacts>,
    /// How each training by epochs went, by the approach's name.
    pub training: Vec<(String, TrainingLog)>,
    /// sha256 of files, by their path.
    pub checksums: Vec<(String, String)>,
    /// Users in detail; the first is the one shown where there is room for one.
    pub details: Vec<UserDetail>,
    /// How the first of them was chosen, in a sentence.
    pub chosen_by: String,
    /// What one user would be recommended.
    pub recommended: Option<Recommended>,
    /// What to try next.
    pub suggestions: Vec<Suggestion>,
    /// What it takes to repeat the run.
    pub provenance: Provenance,
}

/// How to read the tables by history.
pub(crate) const BUCKETS: &str = "Users, and the items of held-out ratings, by how many training ratings they have. \
    The number of users or held-out ratings is in brackets. Lists are always ranked over the whole catalogue.";

/// How to read the table of groups.
pub(crate) const GROUPS: &str = "Each group's own value, and its difference from the value of all other users with \
    the 95 % interval (Welch). An interval without 0 says that the approach serves the group better, or worse, than \
    the others.";

/// How to read the shares of variance.
pub(crate) const SHARES: &str = "The share of the variance of one run's number that is due to what the repetitions \
    differ in; the rest is due to which users are in the test. Near 0 %, another seed matters little; near 100 %, one \
    seed says little.";

/// What is known of an approach beyond its numbers.
#[derive(Clone, Debug, Default)]
pub struct ApproachFacts {
    /// As the experiment calls it.
    pub name: String,
    /// One line about it.
    pub about: String,
    /// The layers, if it is a network.
    pub layers: Option<LayerGraph>,
}

/// What there is to draw of the ratings.
#[derive(Clone, Debug, Default)]
pub struct Counts {
    /// Ratings of each user of the catalogue.
    pub per_user: Vec<usize>,
    /// Ratings of each item of the catalogue.
    pub per_item: Vec<usize>,
    /// Ratings of each number of stars that occurs, ascending.
    pub stars: Vec<(f64, usize)>,
    /// Ratings of each value of each context.
    pub contexts: Vec<ContextCounts>,
    /// Ratings of each day that has any, in days since 1970 (UTC), ascending.
    pub days: Vec<(i64, usize)>,
    /// Users × items: the share of pairs that are rated.
    pub rated: Grid,
    /// Features × items: the mean of each feature.
    pub features: Grid,
    /// The names of the features, one per row of `features`.
    pub feature_names: Vec<String>,
}

/// How often each value of a context occurs.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ContextCounts {
    /// The context.
    pub name: String,
    /// Value and ratings.
    pub values: Vec<(String, usize)>,
}

/// One user in detail.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct UserDetail {
    /// The id as the source file writes it.
    pub user: String,
    /// Ratings that the approaches knew of: in training, or given with the question.
    pub n_train: usize,
    /// What there is to show, approach by approach.
    pub lists: Vec<DetailList>,
}

/// A user's held-out items in the order that an approach gave them.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct DetailList {
    /// The approach.
    pub approach: String,
    /// The items, best first.
    pub rows: Vec<DetailRow>,
    /// Items in both lists, the best by rating and the best by prediction.
    pub n_hits: usize,
    /// The length of these lists: five, or fewer where fewer are held out.
    pub n_best: usize,
    /// Metrics of this user alone, by name.
    pub metrics: Vec<(String, f64)>,
}

/// One item of a [`DetailList`].
#[derive(Clone, Debug, Default, PartialEq)]
pub struct DetailRow {
    /// Its name.
    pub item: String,
    /// Its genres.
    pub genres: Vec<String>,
    /// Whether it counts as old, where the catalogue says.
    pub old: Option<bool>,
    /// The user's rating in stars, where it is held out.
    pub rating: Option<f64>,
    /// The target: that rating after scaling.
    pub y: f64,
    /// What the approach predicted.
    pub yhat: f64,
    /// Whether it is among the user's best.
    pub is_best: bool,
    /// Whether it is among the best predicted.
    pub is_predicted_best: bool,
}

/// What an approach recommends to one user of the data.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Recommended {
    /// The approach.
    pub approach: String,
    /// The user's id as the source file writes it.
    pub user: String,
    /// Items that this user has met.
    pub n_seen: usize,
    /// A few of them that the user liked best, with stars where they are rated.
    pub liked: Vec<(String, Option<f64>)>,
    /// The items, best first.
    pub items: Vec<RecommendedItem>,
}

/// One item of [`Recommended`].
#[derive(Clone, Debug, Default, PartialEq)]
pub struct RecommendedItem {
    /// Its name.
    pub item: String,
    /// Its year, where known.
    pub year: Option<i32>,
    /// Why, in words a person understands.
    pub because: String,
    /// Whether the user met it in the test, which no approach saw, and the stars that they gave it there.
    pub held_out: Option<Option<f64>>,
}

/// Something to try next.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Suggestion {
    /// Why.
    pub words: String,
    /// What to type; may be empty.
    pub command: String,
}

/// How to change a suggested command for a run in another folder.
pub(crate) const ELSEWHERE: &str = "These commands are for a run in the folder data. After --out FOLDER, use \
    --models FOLDER/models, and FOLDER instead of data.";

/// What it takes to repeat the run.
#[derive(Clone, Debug, Default)]
pub struct Provenance {
    /// The command line, where known.
    pub command: String,
    /// The whole experiment, every default filled in, as TOML.
    pub experiment: String,
    /// What computed it: name and version.
    pub versions: Vec<(String, String)>,
    /// What was done, and what it took.
    pub work: Vec<Work>,
}

/// A piece of work.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Work {
    /// What it left: `models/neural`.
    pub what: String,
    /// Where it computed, in words; empty for what needs no device.
    pub device: String,
    /// Wall time.
    pub seconds: f64,
    /// The largest resident memory, where the system tells.
    pub peak_memory_bytes: Option<u64>,
}
