//! Defines the errors of a comparison of runs.
//!
//! Does not know a table's own errors: those are passed on.
//!
//! **Invariant**: each says what to do instead.

/// Why there is no comparison.
#[derive(Debug, thiserror::Error)]
pub enum CompareError {
    /// A level that is no probability.
    #[error("`--alpha` is `{value}`\nhint: it lies between 0 and 1, such as 0.05")]
    Alpha {
        /// What was given.
        value: f64,
    },
    /// Events of a service without an A/B test.
    #[error(
        "`{path}` has no exposure\n\
         hint: `[ab]` in the file of `reco serve --config` makes them, and `reco retrain` or `POST /v1/events:export` \
         exports them"
    )]
    NoExposures {
        /// The folder.
        path: String,
    },
    /// One approach alone, or folders beside approaches.
    #[error("`{run}` cannot be compared: {reason}\nhint: {hint}")]
    Operands {
        /// What was given.
        run: String,
        /// Why not.
        reason: &'static str,
        /// What would do.
        hint: &'static str,
    },
    /// A folder without values of users.
    #[error(
        "there are no values of users in `{path}`\n\
         hint: `reco evaluate` makes them; of a repeated run, name one repetition, as in `OUT/seed=1`"
    )]
    NoValues {
        /// Where they would be.
        path: String,
    },
    /// No such approach in a run.
    #[error("`{run}` has no values of `{name}`\nhint: {hint}")]
    UnknownApproach {
        /// The run's folder.
        run: String,
        /// The approach.
        name: String,
        /// The nearest one.
        hint: String,
    },
    /// Runs without any approach that they share.
    #[error("`{a}` and `{b}` have no approach of the same name\nhint: name one of each: `{a}:NAME {b}:NAME`")]
    NoSharedApproach {
        /// The first run.
        a: String,
        /// The other one.
        b: String,
    },
    /// Runs without any user that they share.
    #[error("`{a}` and `{b}` share no user\nhint: compare runs on the same data")]
    NoSharedUsers {
        /// The first run.
        a: String,
        /// The other one.
        b: String,
    },
    /// Runs that were not measured on the same test.
    #[error(
        "`{a}` and `{b}` were not measured on the same test: `{n_different}` of `{n_users}` users have other test \
         rows\n\
         hint: evaluate both on the same split, with the same seed and threshold, or say `--different-tests`"
    )]
    DifferentTests {
        /// The first run.
        a: String,
        /// The other one.
        b: String,
        /// Users with other test rows.
        n_different: usize,
        /// Users that both have.
        n_users: usize,
    },
    /// No such metric, or none with values in both.
    #[error("no two runs have values of the metric `{name}`\nhint: {hint}")]
    UnknownMetric {
        /// The metric.
        name: String,
        /// The nearest one.
        hint: String,
    },
    /// Nothing of that name to part users by.
    #[error("users are not known by `{name}`\nhint: {hint}")]
    UnknownAttribute {
        /// The attribute.
        name: String,
        /// The nearest one.
        hint: String,
    },
    /// A file of values that is not what `reco evaluate` writes.
    #[error("`{path}` holds no values of users: {reason}\nhint: evaluate again: `reco evaluate`")]
    Foreign {
        /// The file.
        path: String,
        /// What is wrong.
        reason: String,
    },
}
