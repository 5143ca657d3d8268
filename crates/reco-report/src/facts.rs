//! What does a report tell beyond results.json?
//!
//! Does not know who found it out: whoever joins the crates fills this in.
//!
//! **Invariant**: labels and values are plain text; a report escapes them.

use reco_core::TrainingLog;
use serde::{Deserialize, Serialize};

/// The `[report]` part of an experiment.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReportConfig {
    /// At most so many rows of each list of the user shown in detail.
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
    /// What each metric means, by its name.
    pub metrics: Vec<(String, String)>,
    /// How each training by epochs went, by the approach's name.
    pub training: Vec<(String, TrainingLog)>,
    /// sha256 of files, by their path.
    pub checksums: Vec<(String, String)>,
    /// One user, looked at closely.
    pub detail: Option<UserDetail>,
}

/// One user, looked at closely.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct UserDetail {
    /// The id as the source file writes it.
    pub user: String,
    /// Items that this user rated in training.
    pub n_seen: usize,
    /// What there is to show, approach by approach.
    pub lists: Vec<DetailList>,
}

/// Items in some order that an approach gave them.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct DetailList {
    /// The heading: `neural: recommended`.
    pub title: String,
    /// The items, best first.
    pub rows: Vec<DetailRow>,
}

/// One item of a [`DetailList`].
#[derive(Clone, Debug, Default, PartialEq)]
pub struct DetailRow {
    /// Its name.
    pub item: String,
    /// Its genres.
    pub genres: Vec<String>,
    /// What the user gave it, in stars, where that is held out.
    pub rating: Option<f64>,
    /// What the approach gave it.
    pub score: f64,
}
