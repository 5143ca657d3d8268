//! The errors of building, reading and querying a data set.
//!
//! Does not know how errors are printed.
//!
//! **Invariant**: each message names the thing and the value; where there is a remedy, it stands on a `hint:` line.

use std::path::PathBuf;

use reco_core::{ItemId, RatingError, VocabError};
use reco_data::DataError;

/// Why tables could not become a data set, or why a name is unknown in one.
#[derive(Debug, thiserror::Error)]
pub enum FeaturesError {
    /// An item to drop that no table has.
    #[error(
        "`features.drop_items` names `{item}`, which the items do not have\nhint: it lists ids as the items file writes them"
    )]
    NothingToDrop {
        /// The id.
        item: ItemId,
    },
    /// A table could not be read or written.
    #[error(transparent)]
    Data(Box<DataError>),
    /// The users or the items of the tables do not make a vocabulary.
    #[error("the table of {table} is no catalogue: {source}")]
    Vocab {
        /// `users` or `items`.
        table: &'static str,
        /// What is wrong with it.
        source: VocabError,
    },
    /// A rating beyond the scale of its tables.
    #[error("source row `{source_row}`: {source}")]
    Rating {
        /// The data line of the raw file, from zero.
        source_row: u64,
        /// What is wrong with it.
        source: RatingError,
    },
    /// A rating of someone or something that the tables do not list.
    #[error(
        "source row `{source_row}`: {kind} `{id}` is not in the table of {kind}s\nhint: make the tables again: `reco ingest`"
    )]
    NotListed {
        /// `user` or `item`.
        kind: &'static str,
        /// The id.
        id: String,
        /// The data line of the raw file, from zero.
        source_row: u64,
    },
    /// One user rated one item twice.
    #[error(
        "user `{user}` rated item `{item}` at source rows `{first}` and `{second}`\nhint: make the tables again: `reco ingest` keeps the latest"
    )]
    PairTwice {
        /// The user's id.
        user: String,
        /// The item's id.
        item: String,
        /// The data line of the first rating, from zero.
        first: u64,
        /// The data line of the second.
        second: u64,
    },
    /// No row is left to split.
    #[error(
        "the tables hold no rating of a kept item: `{n_ratings}` ratings, `{n_dropped}` of dropped items\nhint: {hint}"
    )]
    NoRatings {
        /// Ratings in the tables.
        n_ratings: usize,
        /// Those whose item was dropped.
        n_dropped: usize,
        /// What helps.
        hint: &'static str,
    },
    /// No rating passes a filter.
    #[error("`{filter}` leaves none of `{n_ratings}` ratings\nhint: {hint}")]
    FilteredAway {
        /// The key and its value.
        filter: String,
        /// The ratings that it was applied to.
        n_ratings: usize,
        /// What helps.
        hint: &'static str,
    },
    /// A bound that no rating can be compared with.
    #[error("`features.min_rating` is `{value}`\nhint: it is a number of stars, as in `4`")]
    MinRating {
        /// The bound given.
        value: f32,
    },
    /// A time zone that the bundled time-zone data does not have.
    #[error("unknown time zone `{name}` in `features.time_zone`\nhint: {hint}")]
    TimeZone {
        /// The name given.
        name: String,
        /// The nearest name, or an example.
        hint: String,
    },
    /// A time beyond the year 9999.
    #[error(
        "source row `{source_row}`: time `{seconds}` is beyond the year 9999\nhint: times are seconds since 1970; divide milliseconds by 1000"
    )]
    Time {
        /// The time.
        seconds: i64,
        /// The data line of the raw file, from zero.
        source_row: u64,
    },
    /// Ends of a scaling that are not finite and ascending.
    #[error(
        "`features.scaling.to` is `[{from}, {to}]`\nhint: both ends are finite and the first is the smaller, as in `[0.5, 1.0]`"
    )]
    ScalingEnds {
        /// The lower end given.
        from: f32,
        /// The upper end given.
        to: f32,
    },
    /// A column that is there already.
    #[error("column `{name}` would stand twice among the {among}\nhint: rename the column in the source file")]
    ColumnTwice {
        /// The name.
        name: String,
        /// Where: `item features`, `user features`, `contexts`.
        among: &'static str,
    },
    /// A text column with too many values to be a category.
    #[error(
        "context `{name}` has `{n_values}` different values, more than `{max}`\nhint: group them into fewer, or leave the column out of `data.columns.context`"
    )]
    TooManyValues {
        /// The column.
        name: String,
        /// How many values it has.
        n_values: usize,
        /// How many it may have.
        max: usize,
    },
    /// A number that is NaN or infinite.
    #[error(
        "column `{name}` holds `{value}`, which is no finite number\nhint: leave the cell empty where the value is unknown"
    )]
    NotFinite {
        /// The column.
        name: String,
        /// The number.
        value: f64,
    },
    /// A split that is not in the registry.
    #[error("unknown split `{kind}` in `split.kind`\nhint: {hint}")]
    UnknownSplit {
        /// The name given.
        kind: String,
        /// The nearest name, or all of them.
        hint: String,
    },
    /// A key of another split.
    #[error(
        "`{key}` is not read by `{kind}` in [split]\nhint: leave the key out, or set `split.kind` to one that reads it: {readers}"
    )]
    UnreadKey {
        /// The key.
        key: &'static str,
        /// The split that does not read it.
        kind: String,
        /// Those that do.
        readers: String,
    },
    /// A share outside its bounds.
    #[error("`split.{key}` is `{value}`\nhint: {hint}")]
    Share {
        /// `test`, `validation` or `fold_in`.
        key: &'static str,
        /// The number given.
        value: f64,
        /// The bounds.
        hint: &'static str,
    },
    /// A number or count of folds outside its bounds.
    #[error("`split.{key}` is `{value}`\nhint: {hint}")]
    Fold {
        /// `fold` or `folds`.
        key: &'static str,
        /// The number given.
        value: u64,
        /// The bounds.
        hint: String,
    },
    /// A split by time, without times.
    #[error(
        "split `{kind}` needs the time of every rating, and `{n_missing}` of `{n_rows}` ratings have none\nhint: name the column of times in `data.columns.timestamp`, or use `split.kind = \"per-user-random\"`"
    )]
    NoTimes {
        /// The split.
        kind: &'static str,
        /// Rows without a time.
        n_missing: usize,
        /// All rows.
        n_rows: usize,
    },
    /// A file that does not say where each row goes.
    #[error("the split's file `{path}`: {reason}\nhint: {hint}")]
    SplitFile {
        /// The file.
        path: String,
        /// What is wrong with it.
        reason: String,
        /// What helps.
        hint: String,
    },
    /// A part without rows.
    #[error("split `{kind}` leaves the {part} part of `{n_rows}` ratings empty\nhint: {hint}")]
    EmptyPart {
        /// The split.
        kind: &'static str,
        /// `train`, `validation` or `test`.
        part: &'static str,
        /// All rows.
        n_rows: usize,
        /// What helps.
        hint: &'static str,
    },
    /// A user that the catalogue does not have.
    #[error("unknown user `{id}`\nhint: {hint}")]
    UnknownUser {
        /// The id asked for.
        id: String,
        /// The nearest id, or the first and the last.
        hint: String,
    },
    /// An item that the catalogue does not have.
    #[error("unknown item `{id}`\nhint: {hint}")]
    UnknownItem {
        /// The id asked for.
        id: String,
        /// The id of the item of that name, the nearest id, or the first and the last.
        hint: String,
    },
    /// A context that the catalogue does not have.
    #[error("unknown context `{name}`\nhint: {hint}")]
    UnknownContext {
        /// The name stated.
        name: String,
        /// The nearest name, or all of them.
        hint: String,
    },
    /// A value that a context does not take.
    #[error("context `{name}` cannot be `{value}`\nhint: {hint}")]
    ContextValue {
        /// The context.
        name: String,
        /// The value stated.
        value: String,
        /// The values it takes.
        hint: String,
    },
    /// A file that could not be read or written.
    #[error("`{path}`: {source}")]
    Io {
        /// The file.
        path: PathBuf,
        /// The system's reason.
        source: std::io::Error,
    },
    /// A file of another version, or one that was changed.
    #[error("`{path}` is not what `reco features` writes: {reason}\nhint: make it again: `reco features`")]
    Damaged {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
}

impl From<DataError> for FeaturesError {
    fn from(error: DataError) -> Self {
        Self::Data(Box::new(error))
    }
}
