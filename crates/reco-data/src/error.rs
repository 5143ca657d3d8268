//! The errors of reading, checking and writing data.
//!
//! Does not know how an error is shown, nor what a caller does about it.
//!
//! **Invariant**: every message is lower case, names thing and value in backticks, and has its remedy on a `hint:`
//! line.

use std::fmt;
use std::path::{Path, PathBuf};

use reco_core::RatingError;
use reco_core::memory::MemoryError;

/// Why data could not be read, checked or written.
#[derive(Debug, thiserror::Error)]
pub enum DataError {
    /// The caller asked to stop.
    #[error("interrupted; nothing was written")]
    Interrupted,
    /// The file system reported an error.
    #[error("can't {action} `{}`: {source}", path.display())]
    Io {
        /// What was tried: `read`, `write`, `create`.
        action: &'static str,
        /// Where.
        path: PathBuf,
        /// What the system answered.
        source: std::io::Error,
    },
    /// The named output cannot be written.
    #[error("cannot write `{}`: {reason}\nhint: {hint}", path.display())]
    Output {
        /// As it was named.
        path: PathBuf,
        /// What lies there.
        reason: String,
        /// What to name instead.
        hint: String,
    },
    /// A file is damaged, or is not a Parquet file.
    #[error(
        "`{}` is not a readable Parquet file: {reason}\nhint: it may have been cut short; make or copy it again",
        path.display()
    )]
    Parquet {
        /// Which file.
        path: PathBuf,
        /// What the reader found.
        reason: String,
    },
    /// A table was asked for a column that it does not have, or that holds something else.
    #[error("no column `{column}` of {expected} in {table}\nhint: it has {found}")]
    NoColumn {
        /// Which table.
        table: String,
        /// Which column.
        column: String,
        /// What the column should hold.
        expected: &'static str,
        /// The columns that are there.
        found: String,
    },
    /// A column can't be added to a table, or can't be read from an Arrow record batch.
    #[error("column `{column}`: {reason}")]
    BadColumn {
        /// Which column.
        column: String,
        /// What is wrong.
        reason: String,
    },
    /// Rows that another program hands over, and that cannot be read to their end.
    #[error("the rows cannot be read: {reason}\nhint: what made the frame says why; collect it first, or make it anew")]
    Frame {
        /// What Arrow, or the other program, says.
        reason: String,
    },
    /// There is nothing at a path, or nothing that any source recognises.
    #[error("{what}\nhint: {hint}")]
    NotFound {
        /// What was looked for, and where.
        what: String,
        /// What to do.
        hint: String,
    },
    /// A name that no registry has.
    #[error("unknown {what} `{name}`\nhint: {hint}")]
    UnknownName {
        /// What kind of name.
        what: &'static str,
        /// The name.
        name: String,
        /// The nearest known one.
        hint: String,
    },
    /// Several ratings of one item by one user, where none are allowed.
    #[error(
        "`{}` rates `{n}` pairs of a user and an item again\n\
         hint: `data.duplicates` says which rating stays: `latest` or `first`",
        path.display()
    )]
    Duplicates {
        /// Which file.
        path: PathBuf,
        /// How many ratings are duplicates of another.
        n: u64,
    },
    /// A raw file has no data row.
    #[error("`{}` has no rows\nhint: it may have been cut short; fetch or copy it again", path.display())]
    Empty {
        /// Which file.
        path: PathBuf,
    },
    /// A raw file lacks a column that its format promises.
    #[error("`{}` has no column `{column}`\nhint: {hint}", path.display())]
    MissingColumn {
        /// Which file.
        path: PathBuf,
        /// Which column.
        column: String,
        /// The columns that are there.
        hint: String,
    },
    /// A raw file is UTF-16 where its format is UTF-8.
    #[error("`{}` is UTF-16 text, not UTF-8\nhint: convert it, e.g. `iconv -f UTF-16 -t UTF-8`", path.display())]
    Utf16 {
        /// Which file.
        path: PathBuf,
    },
    /// A raw file is not what its name promises.
    #[error("`{}` can't be read: {reason}\nhint: {hint}", path.display())]
    Format {
        /// Which file.
        path: PathBuf,
        /// What is wrong.
        reason: String,
        /// What to do.
        hint: String,
    },
    /// It can't be detected how a file of one's own is written, or the file lacks what is needed.
    #[error("`{}` can't be read as it is:{}", path.display(), shown(obstacles))]
    Obstacles {
        /// Which file.
        path: PathBuf,
        /// All obstacles to reading it.
        obstacles: Vec<Obstacle>,
    },
    /// More rows of a file were refused than the experiment allows.
    #[error(
        "{n_rejected} of {n_rows} rows of `{}` are bad, more than the share {max_share} that is allowed\n\
         {first}\nhint: mend the file, or raise `data.max_reject_share`",
        path.display()
    )]
    TooManyRejects {
        /// Which file.
        path: PathBuf,
        /// How many rows were refused.
        n_rejected: u64,
        /// How many rows there are.
        n_rows: u64,
        /// What was allowed.
        max_share: f64,
        /// The first ten, one a line.
        first: String,
    },
    /// The scale of the ratings is not known.
    #[error("the ratings have no scale: {0}\nhint: state `data.rating_scale = [min, max]`")]
    Scale(RatingError),
    /// All ratings are the same, so that the scale they are on is not known.
    #[error(
        "every rating is `{only}`, which says nothing of the scale that ratings are on\n\
         hint: state the lowest and the highest there are, e.g. `data.rating_scale = {example}`; \
         or leave `data.columns.rating` out, so that every row is an event"
    )]
    OneRating {
        /// The rating.
        only: f32,
        /// A scale that it lies on.
        example: String,
    },
    /// More memory than the machine has.
    #[error(transparent)]
    Memory(#[from] MemoryError),
    /// The generator can't produce what was asked.
    #[error("{reason}\nhint: {hint}")]
    Synth {
        /// What is wrong.
        reason: String,
        /// What to do.
        hint: String,
    },
    /// A value of the experiment's `[data]` table is invalid.
    #[error("`data.{key}`: {reason}\nhint: {hint}")]
    Config {
        /// Which key.
        key: &'static str,
        /// What is wrong.
        reason: String,
        /// What to do.
        hint: String,
    },
    /// A public dataset could not be fetched.
    #[error(transparent)]
    Fetch(#[from] crate::fetch::FetchError),
}

impl DataError {
    /// Adds the action and the path to an I/O error, for `map_err`.
    pub(crate) fn io(action: &'static str, path: &Path) -> impl FnOnce(std::io::Error) -> Self {
        let path = path.to_owned();
        move |source| Self::Io { action, path, source }
    }

    /// The error of a file with obstacles.
    pub(crate) fn obstructed(path: &Path, obstacles: Vec<Obstacle>) -> Self {
        Self::Obstacles { path: path.to_owned(), obstacles }
    }

    /// The error where all ratings are `only`; its example is a usual scale that contains them.
    pub(crate) fn one_rating(only: f32) -> Self {
        let example = match only {
            0.0..=1.0 => "[0, 1]".to_owned(),
            1.0..=5.0 => "[1, 5]".to_owned(),
            5.0..=10.0 => "[0, 10]".to_owned(),
            only => format!("[{}, {}]", only.min(0.0), only.max(0.0)),
        };
        Self::OneRating { only, example }
    }

    /// Adds the path to a Parquet error, for `map_err`.
    pub(crate) fn parquet<E: fmt::Display>(path: &Path) -> impl FnOnce(E) -> Self {
        let path = path.to_owned();
        move |error| Self::Parquet { path, reason: error.to_string() }
    }
}

/// An obstacle to reading a file, with its remedy.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Obstacle {
    /// What is wrong.
    pub what: String,
    /// What to do, mostly which key of `[data]` to state.
    pub hint: String,
}

impl Obstacle {
    /// The error of another file as an obstacle; `None` for one without a remedy.
    pub(crate) fn of(error: DataError) -> Option<Self> {
        let text = error.to_string();
        let (what, hint) = text.split_once("\nhint: ")?;
        Some(Self { what: what.split_whitespace().collect::<Vec<_>>().join(" "), hint: hint.to_owned() })
    }
}

/// Obstacles one a line, above one line of hints.
fn shown(obstacles: &[Obstacle]) -> String {
    let before = if obstacles.len() == 1 { " " } else { "\n  " };
    let what: Vec<&str> = obstacles.iter().map(|obstacle| obstacle.what.as_str()).collect();
    let hints: Vec<&str> = obstacles.iter().map(|obstacle| obstacle.hint.as_str()).collect();
    format!("{before}{}\nhint: {}", what.join("\n  "), hints.join("; "))
}
