//! Asks a model about the validation rows of users that training knows: what a choice between models goes by.
//!
//! The rows are ranked as test rows are, with train rows as what was met. Training may have been stopped by these rows;
//! nothing else was fitted to them. Does not know what is chosen.
//!
//! **Invariant**: it is made of train and validation rows, and never holds a test row.

use reco_core::{Interactions, Progress, Recommender, Seen, TestUser};
use reco_eval::{Ask, Column, EvalError, Evaluation, METRICS, Protocol, Task, TrainingCounts, evaluate_watched};
use reco_features::SplitConfig;

/// The validation rows, and what is measured on them.
pub(crate) struct Validation {
    pub(crate) test_users: Vec<TestUser>,
    seen: Vec<Seen>,
    config: Protocol,
    /// The metric that decides.
    pub(crate) column: Column,
}

/// What is the same of every model that is asked.
#[derive(Clone, Copy)]
pub(crate) struct Asked<'a> {
    pub(crate) known: &'a TrainingCounts,
    pub(crate) moment: &'a [f32],
    pub(crate) seed: u64,
    pub(crate) progress: &'a dyn Progress,
}

impl Validation {
    /// The validation rows `rows` beside the train rows `fit`, measured by `chosen`; or why there is nothing to
    /// measure.
    ///
    /// # Errors
    /// No rows, none of a user that `known` knows, or no metric.
    pub(crate) fn new(
        rows: Option<&Interactions>,
        fit: &Interactions,
        known: &TrainingCounts,
        split: &SplitConfig,
        chosen: Option<(Protocol, Column)>,
    ) -> Result<Self, String> {
        let Some(rows) = rows else {
            return Err(if split.refit { REFITTED } else { NO_VALIDATION }.to_owned());
        };
        let Some((config, column)) = chosen else { return Err("`evaluate.k` names no length of a list".to_owned()) };
        let n_users = known.n_users();
        let is_known = |test_user: &TestUser| !known.profile(test_user.user()).is_empty();
        let test_users: Vec<TestUser> = TestUser::group(rows, n_users).into_iter().filter(is_known).collect();
        if test_users.is_empty() {
            return Err("training knows none of the validation rows' users".to_owned());
        }
        Ok(Self { test_users, seen: Seen::by_user(n_users, [fit]), config, column })
    }

    /// Measures `model` on the rows of all users.
    ///
    /// # Errors
    /// As [`evaluate_watched`].
    pub(crate) fn measure(&self, model: &dyn Recommender, asked: &Asked<'_>) -> Result<Evaluation, EvalError> {
        self.measure_of(&self.test_users, model, asked)
    }

    /// The same for the rows of some of its users.
    ///
    /// # Errors
    /// As [`evaluate_watched`].
    pub(crate) fn measure_of(
        &self,
        test_users: &[TestUser],
        model: &dyn Recommender,
        asked: &Asked<'_>,
    ) -> Result<Evaluation, EvalError> {
        let (Self { seen, config, .. }, Asked { known, moment, seed, progress }) = (self, *asked);
        let (metrics, held_out) = (METRICS, Ask::AsVisitors);
        evaluate_watched(
            model,
            &Task { test_users, seen, known, metrics, config, context: moment, seed, held_out },
            progress,
        )
    }
}

const NO_VALIDATION: &str = "the split has no validation part";

const REFITTED: &str = "`split.refit` adds the validation rows to training";
