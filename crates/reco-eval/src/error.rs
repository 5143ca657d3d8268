//! The errors that stop an evaluation.
//!
//! Does not know files: the code that reads them has errors of its own.
//!
//! **Invariant**: an evaluation that stops has no numbers; none is guessed.

use reco_core::ScoreError;

/// Why there is no evaluation.
#[derive(Debug, thiserror::Error)]
pub enum EvalError {
    /// A name that no column of results can have.
    #[error("`{name}` is not a column of results\nhint: a column is `rmse`, `ndcg@10` or `sampled99_ndcg@10`")]
    Column {
        /// The name.
        name: String,
    },
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
    /// More sampled candidates than there are items.
    #[error(
        "`sampled_negatives` in [evaluate] is `{n}`, and the catalogue has `{n_items}` items\n\
         hint: 0 ranks all of them; the protocols that sample take 99 or 100"
    )]
    Sampled {
        /// How many are to be drawn.
        n: usize,
        /// How many items there are.
        n_items: usize,
    },
    /// A context in the protocol of an evaluation that asks in the average moment.
    #[error(
        "the context `{name}` of the protocol is not read by `evaluate`\n\
         hint: state it as numbers: `Task::context` of `evaluate_task`"
    )]
    ContextNotRead {
        /// Its name.
        name: String,
    },
    /// A model whose users or items are not those of the test.
    #[error("the model and the test are of different catalogues\nhint: make both from one `Train`")]
    OtherCatalogue,
    /// No held-out rows.
    #[error("there are no test rows to evaluate on\nhint: check the split: it left nothing in test")]
    NoTestUsers,
    /// Seen items or training rows of another catalogue.
    #[error("{what} are given for `{given}` {of} and the catalogue has `{expected}`")]
    OtherSize {
        /// `seen items` or `training rows`.
        what: &'static str,
        /// `users` or `items`.
        of: &'static str,
        /// For how many they are given.
        given: usize,
        /// How many there are.
        expected: usize,
    },
    /// Buckets that do not ascend.
    #[error(
        "`buckets` in [evaluate] has `{second}` after `{first}`\n\
         hint: they ascend, as in `[1, 5, 10, 50]`; leave them empty for none"
    )]
    Buckets {
        /// One start.
        first: usize,
        /// The next one.
        second: usize,
    },
    /// A user to show in detail who has nothing to show.
    #[error("user `{user}` has no rated test row to show in detail\nhint: {hint}")]
    DetailUser {
        /// The id.
        user: String,
        /// A user who has some.
        hint: String,
    },
    /// It was asked to stop.
    #[error("interrupted; nothing was written")]
    Interrupted,
    /// The recommender failed, or answered with a number that cannot be ranked.
    #[error(transparent)]
    Score(#[from] ScoreError),
}
