//! The errors of fetching a dataset.
//!
//! Does not know how each problem is handled: `fetch` goes on to the next mirror, or stops.
//!
//! **Invariant**: the reasons of single mirrors are one line each, so that they can be listed; remedies stand on the
//! error that ends the fetch.

use std::io;
use std::path::{Path, PathBuf};

/// Why a fetch failed.
#[derive(Debug, thiserror::Error)]
pub enum FetchError {
    /// Not a name in [`DATASETS`](super::DATASETS).
    #[error("there is no dataset `{name}` to fetch\nhint: {hint}")]
    UnknownDataset {
        /// The name given.
        name: String,
        /// The nearest names.
        hint: String,
    },
    /// A setting in the environment that is not a number of seconds.
    #[error("`RECO_MIRROR_TIMEOUT_SECONDS` is `{value}`\nhint: give whole seconds from 1 to 3600, or leave it out")]
    Timeout {
        /// Its value.
        value: String,
    },
    /// Another process is fetching the same dataset into the same folder.
    #[error("`{name}` is being fetched by another process\nhint: wait until it is done and try again")]
    Busy {
        /// The dataset.
        name: String,
    },
    /// A folder that is not known to hold the dataset.
    #[error(
        "`{}` is in the way: it is not empty and has no `{missing}`\n\
         hint: move it elsewhere, or fetch with `--again`, which sets it aside",
        folder.display()
    )]
    InTheWay {
        /// The folder.
        folder: PathBuf,
        /// The file that would have shown what it is.
        missing: &'static str,
    },
    /// The caller asked to stop.
    #[error("interrupted: `{name}` is not there\nhint: fetch again; a download goes on from where it stopped")]
    Interrupted {
        /// The dataset.
        name: String,
    },
    /// A local file that cannot be read or written.
    #[error("can't {action} `{}`: {source}", path.display())]
    Local {
        /// What was tried.
        action: &'static str,
        /// The file or folder.
        path: PathBuf,
        /// The reason.
        source: io::Error,
    },
    /// An archive placed by hand that is not what it should be.
    #[error(
        "`{}` lies there but can't be used: {reason}\nhint: move it elsewhere, or replace it: {remedy}",
        path.display()
    )]
    PlacedByHand {
        /// The archive.
        path: PathBuf,
        /// What is wrong with it.
        reason: Box<MirrorError>,
        /// Where to get it.
        remedy: String,
    },
    /// No mirror could give it.
    #[error("`{name}` could not be fetched{}\nhint: {remedy}", lines(failures))]
    AllMirrorsFailed {
        /// The dataset.
        name: String,
        /// Each mirror with its reason, in the order they were tried.
        failures: Vec<MirrorFailed>,
        /// Which file to put where by hand.
        remedy: String,
    },
}

/// A mirror that could not give a dataset.
#[derive(Debug, thiserror::Error)]
#[error("{mirror}: {reason}")]
pub struct MirrorFailed {
    /// The mirror, in words.
    pub mirror: String,
    /// Its reason.
    pub reason: MirrorError,
}

/// Why a single mirror or archive is of no use.
#[derive(Debug, thiserror::Error)]
pub enum MirrorError {
    /// No connection, or one that does not last.
    #[error("{reason}")]
    Connection {
        /// What the network says.
        reason: String,
    },
    /// The server has no such file, or does not give it.
    #[error("the server answers with status `{status}`")]
    Status {
        /// The HTTP status.
        status: u16,
    },
    /// The connection broke and going on did not help.
    #[error("the connection broke after {bytes} bytes{}", of_total(*total))]
    Cut {
        /// Bytes that arrived; they are kept.
        bytes: u64,
        /// Bytes that were promised.
        total: Option<u64>,
    },
    /// A digest that differs.
    #[error("checksum mismatch: the sha256 of `{file}` is `{found}`, and `{pinned}` is pinned")]
    Checksum {
        /// The file.
        file: String,
        /// What it is.
        found: String,
        /// What it should be.
        pinned: String,
    },
    /// An archive that ends early or is broken.
    #[error("`{archive}` is truncated or damaged: {reason}")]
    Damaged {
        /// The archive.
        archive: String,
        /// What the reader says.
        reason: String,
    },
    /// An archive that would write outside its folder.
    #[error("`{archive}` is refused: its entry `{entry}` would not stay inside the folder, or is not a plain file")]
    UnsafeEntry {
        /// The archive.
        archive: String,
        /// The entry.
        entry: String,
    },
    /// An archive without ratings.
    #[error("`{archive}` holds no `{file}`")]
    NoRatings {
        /// The archive.
        archive: String,
        /// The file looked for.
        file: &'static str,
    },
    /// pip is not there or gives nothing.
    #[error("{reason}")]
    Pip {
        /// What it says.
        reason: String,
    },
}

/// Why an attempt failed: a problem of the mirror, after which the next one is tried, or one that ends the fetch.
#[derive(Debug)]
pub(super) enum Stop {
    Mirror(MirrorError),
    Fetch(FetchError),
}

impl Stop {
    /// The error where the archive at `path` was placed by hand.
    pub(super) fn by_hand(self, path: &Path, remedy: String) -> FetchError {
        match self {
            Self::Fetch(error) => error,
            Self::Mirror(reason) => {
                FetchError::PlacedByHand { path: path.to_owned(), reason: Box::new(reason), remedy }
            }
        }
    }
}

impl From<MirrorError> for Stop {
    fn from(error: MirrorError) -> Self {
        Self::Mirror(error)
    }
}

impl From<FetchError> for Stop {
    fn from(error: FetchError) -> Self {
        Self::Fetch(error)
    }
}

/// Names the file in an error of the file system.
pub(super) trait Locally<T> {
    fn locally(self, action: &'static str, path: &Path) -> Result<T, FetchError>;
}

impl<T> Locally<T> for io::Result<T> {
    fn locally(self, action: &'static str, path: &Path) -> Result<T, FetchError> {
        self.map_err(|source| FetchError::Local { action, path: path.to_owned(), source })
    }
}

fn lines(failures: &[MirrorFailed]) -> String {
    failures.iter().map(|failure| format!("\n  {failure}")).collect()
}

fn of_total(total: Option<u64>) -> String {
    total.map(|total| format!(" of {total}")).unwrap_or_default()
}
