//! What stops an evaluation?
//!
//! Does not know files: whoever reads them has errors of their own.
//!
//! **Invariant**: an evaluation that stops has no numbers; none is guessed.

use reco_core::ScoreError;

/// Why there is no evaluation.
#[derive(Debug, thiserror::Error)]
pub enum EvalError {
    /// A name in `metrics` that no metric has.
    #[error("unknown metric `{name}` in [evaluate]\nhint: {hint}")]
    UnknownMetric {
        /// The name.
        name: String,
        /// The nearest known name, or all of them.
        hint: String,
    },
    /// A threshold that no number of stars can be compared with.
    #[error("`relevance_threshold` in [evaluate] is `{value}`\nhint: state a finite number of stars, such as 4.0")]
    Threshold {
        /// The threshold.
        value: f32,
    },
    /// No held-out rows.
    #[error("there are no test rows to evaluate on\nhint: check the split: it left nothing in test")]
    NoCases,
    /// Seen items that do not belong to the catalogue's users.
    #[error("seen items are given for `{given}` users and the catalogue has `{expected}`")]
    Seen {
        /// For how many users they are given.
        given: usize,
        /// How many users there are.
        expected: usize,
    },
    /// A user to show in detail who has nothing to show.
    #[error("user `{user}` has no rated test row to show in detail\nhint: {hint}")]
    DetailUser {
        /// The id.
        user: String,
        /// Someone who has.
        hint: String,
    },
    /// The recommender failed, or answered with a number that cannot be ranked.
    #[error(transparent)]
    Score(#[from] ScoreError),
}
