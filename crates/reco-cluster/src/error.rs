//! The errors of preparing a data set by an engine.
//!
//! Does not know how errors are printed.
//!
//! **Invariant**: each message names the thing and the value; a remedy stands on a line that begins with `hint:`.

use std::io;
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
    /// A step whose job the scheduler cancelled: it may be begun anew.
    #[error(
        "the engine failed in step `{step}`: an executor was lost, or someone cancelled its job\n\
         hint: the same command goes on from the finished steps"
    )]
    Lost {
        /// The step.
        step: String,
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
    #[error("cannot {action} `{path}`: {source}\nhint: {}", remedy(source))]
    Io {
        /// `read` or `write`.
        action: &'static str,
        /// Which.
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
    /// Threads or signals that the system does not give to a process.
    #[error(
        "cannot {action}: {source}\n\
         hint: the system bounds threads (`ulimit -u`) and open files (`ulimit -n`), and a container may bound both"
    )]
    System {
        /// `start threads`, `listen for ctrl-C`.
        action: &'static str,
        /// What the system says.
        source: io::Error,
    },
    /// Tables, as reco-data reads and writes them.
    #[error(transparent)]
    Data(#[from] Box<DataError>),
    /// Features and splits, as reco-features makes them.
    #[error(transparent)]
    Features(#[from] Box<FeaturesError>),
}

impl ClusterError {
    /// Whether what was read is wrong, so that the rows of finished steps may be; otherwise a file could not be read or
    /// written, a step failed, or the work never began, and finished steps are as good as before.
    pub fn is_of_content(&self) -> bool {
        let data = match self {
            Self::Data(error) => error,
            Self::Features(error) => match error.as_ref() {
                FeaturesError::Data(error) => error,
                error => return !matches!(error, FeaturesError::Interrupted),
            },
            _ => return false,
        };
        !matches!(**data, DataError::Io { .. } | DataError::Interrupted | DataError::Memory(_))
    }
}

/// What helps where the system refuses to read or write.
fn remedy(error: &io::Error) -> &'static str {
    match error.kind() {
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded | io::ErrorKind::FileTooLarge => {
            "make room on its disk; the same command goes on from the finished steps"
        }
        io::ErrorKind::PermissionDenied | io::ErrorKind::ReadOnlyFilesystem => {
            "let this user read and write there, or name another folder in `--out`"
        }
        io::ErrorKind::NotFound => "a path is taken from the folder in which the command is run; look what is there",
        _ => "look at the disk on which it lies; the same command goes on from the finished steps",
    }
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
pub(crate) fn io(action: &'static str, path: &Path) -> impl FnOnce(io::Error) -> ClusterError {
    let path = path.to_owned();
    move |source| ClusterError::Io { action, path, source }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_full_disk_says_nothing_against_finished_steps() {
        let full = || DataError::Io {
            action: "write",
            path: "features".into(),
            source: io::Error::from(io::ErrorKind::StorageFull),
        };
        let damaged = || DataError::Parquet { path: "train.parquet".into(), reason: "cut".to_owned() };
        for kept in [
            full().into(),
            FeaturesError::from(full()).into(),
            FeaturesError::Interrupted.into(),
            io("write", Path::new("features"))(io::Error::from(io::ErrorKind::StorageFull)),
            ClusterError::Lost { step: "rated".to_owned() },
            ClusterError::Interrupted,
        ] {
            assert!(!kept.is_of_content(), "{kept}");
        }
        let n_values = FeaturesError::TooManyValues { name: "device".to_owned(), n_values: 3, max: 2 };
        for forgotten in [damaged().into(), FeaturesError::from(damaged()).into(), n_values.into()] {
            let forgotten: ClusterError = forgotten;
            assert!(forgotten.is_of_content(), "{forgotten}");
        }
    }

    #[test]
    fn what_the_system_refuses_has_a_remedy() {
        use io::ErrorKind::{NotFound, Other, PermissionDenied, StorageFull};
        for (kind, remedy) in [
            (StorageFull, "make room on its disk; the same command goes on"),
            (PermissionDenied, "let this user read and write there"),
            (NotFound, "a path is taken from the folder in which the command is run"),
            (Other, "look at the disk on which it lies"),
        ] {
            let error = io("write", Path::new("data/features"))(kind.into()).to_string();
            assert!(error.starts_with("cannot write `data/features`: "), "{error}");
            assert!(error.contains(&format!("\nhint: {remedy}")), "{error}");
        }
        let threads = ClusterError::System { action: "start threads", source: io::ErrorKind::WouldBlock.into() };
        let threads = threads.to_string();
        assert!(
            threads.starts_with("cannot start threads: ") && threads.contains("\nhint: the system bounds"),
            "{threads}"
        );
    }
}
