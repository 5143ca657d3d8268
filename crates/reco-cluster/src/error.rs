//! The errors of preparing a data set by an engine.
//!
//! Does not know how errors are printed.
//!
//! **Invariant**: each message names the thing and the value; a remedy stands on a line that begins with `hint:`.

use std::path::{Path, PathBuf};

use reco_core::options::OptionsError;
use reco_data::DataError;
use reco_features::FeaturesError;

/// Why a data set could not be prepared.
#[derive(Debug, thiserror::Error)]
pub enum ClusterError {
    /// An experiment that cannot be read.
    #[error("{place}: {reason}\nhint: {hint}")]
    Experiment {
        /// The file.
        place: String,
        /// What is wrong with it.
        reason: String,
        /// What helps.
        hint: String,
    },
    /// A key or a value that a table of the experiment cannot have.
    #[error("{place}: {error}")]
    Options {
        /// The file.
        place: String,
        /// What is wrong.
        error: OptionsError,
    },
    /// What no SQL states.
    #[error("{what} cannot be stated in SQL: {reason}\nhint: {hint}")]
    NotInSql {
        /// The key and its value.
        what: String,
        /// Why.
        reason: &'static str,
        /// What helps.
        hint: String,
    },
    /// Tables or events that are not there, or are not those of the experiment.
    #[error("{reason}\nhint: {hint}")]
    NotReady {
        /// What is missing.
        reason: String,
        /// What makes it.
        hint: String,
    },
    /// A folder that is there already.
    #[error("`{path}` is there already\nhint: move it elsewhere, or name another folder in `--out`")]
    InTheWay {
        /// The folder.
        path: PathBuf,
    },
    /// A step that the engine cannot run.
    #[error("the engine failed in step `{step}`: {reason}\nhint: {hint}")]
    Engine {
        /// The step.
        step: String,
        /// What it says.
        reason: String,
        /// What helps.
        hint: &'static str,
    },
    /// A scheduler or an executor that cannot start, or has broken down.
    #[error("the {part} ended: {reason}\nhint: `reco-cluster {part} --help` says where it listens and whom it calls")]
    Node {
        /// `scheduler` or `executor`.
        part: &'static str,
        /// What it says.
        reason: String,
    },
    /// Someone asked the work to stop.
    #[error("interrupted")]
    Interrupted,
    /// A file or folder that cannot be read or written.
    #[error("cannot {action} `{path}`: {source}")]
    Io {
        /// `read` or `write`.
        action: &'static str,
        /// Which.
        path: PathBuf,
        /// What the system says.
        source: std::io::Error,
    },
    /// Tables, as reco-data reads and writes them.
    #[error(transparent)]
    Data(#[from] Box<DataError>),
    /// Features and splits, as reco-features makes them.
    #[error(transparent)]
    Features(#[from] Box<FeaturesError>),
}

impl From<DataError> for ClusterError {
    fn from(error: DataError) -> Self {
        Self::Data(Box::new(error))
    }
}

impl From<FeaturesError> for ClusterError {
    fn from(error: FeaturesError) -> Self {
        Self::Features(Box::new(error))
    }
}

/// Adds the path to an error of the system, for `map_err`.
pub(crate) fn io(action: &'static str, path: &Path) -> impl FnOnce(std::io::Error) -> ClusterError {
    let path = path.to_owned();
    move |source| ClusterError::Io { action, path, source }
}
