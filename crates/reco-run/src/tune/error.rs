//! Defines the errors of a search for options.
//!
//! Does not know how a search is made.
//!
//! **Invariant**: each names what it is about, and is found before anything is trained, except that a metric does not
//! apply.

use reco_core::options::OptionsError;

/// Why options cannot be searched for.
#[derive(Debug, thiserror::Error)]
pub enum TuneError {
    /// Nothing to choose by.
    #[error(
        "options are chosen on validation rows, and there are none: {why}\n\
         hint: hold some out of training: `--set split.validation=0.1`, or another split that can"
    )]
    NoValidation {
        /// Why there are none.
        why: String,
    },
    /// A repeated experiment: what is validation in one repetition may be test in another.
    #[error(
        "`{experiment}` is repeated over `{over}`, and options are chosen on one split\n\
         hint: `--set repeat.over= --set 'repeat.values=[]'` takes the experiment once"
    )]
    Repeated {
        /// The experiment.
        experiment: String,
        /// What its repetitions differ in.
        over: String,
    },
    /// No approach with something to try.
    #[error("there is nothing to tune: {}\nhint: state values to try: `[tune.space.{}]`, `reg = {{ from = 1, to = 100, \
             scale = \"log\" }}`; built-in ones have `{known}`", why.join("; "), example)]
    Nothing {
        /// Why, approach by approach.
        why: Vec<String>,
        /// One of them.
        example: String,
        /// The approaches that have built-in spaces.
        known: String,
    },
    /// A space that cannot be.
    #[error(transparent)]
    Space(#[from] OptionsError),
    /// A metric that cannot decide.
    #[error("`{metric}` cannot decide in [tune]: {reason}\nhint: {hint}")]
    Metric {
        /// Its name.
        metric: String,
        /// What is wrong with it.
        reason: String,
        /// The way out.
        hint: String,
    },
}
