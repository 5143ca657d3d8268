//! The errors of building, reading and querying a data set.
//!
//! Does not know how errors are printed.
//!
//! **Invariant**: each message names the thing and the value; a remedy stands on a line that begins with `hint:`.

use std::path::PathBuf;

use reco_core::{ItemId, RatingError, VocabError};
use reco_data::DataError;

/// Why tables could not become a data set, or why a name is unknown in one.
#[derive(Debug, thiserror::Error)]
pub enum FeaturesError {
    /// An item to drop that is not in the table of items.
    #[error(
        "`features.drop_items` names the unknown item `{item}`\n\
         hint: ids are written as in the file of items"
    )]
    NothingToDrop {
        /// The id.
        item: ItemId,
    },
    /// A table could not be read or written.
    #[error(transparent)]
    Data(Box<DataError>),
    /// The users or the items of the tables do not make a vocabulary.
    #[error("the table of {table} cannot become a catalogue: {source}")]
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
        "source row `{source_row}`: {kind} `{id}` is not in the table of {kind}s\n\
         hint: make the tables again: `reco ingest`"
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
        "user `{user}` rated item `{item}` at source rows `{first}` and `{second}`\n\
         hint: make the tables again: `reco ingest` keeps the latest"
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
    /// More ratings than a row's place can count.
    #[error(
        "more than `{most}` ratings cannot be split\n\
         hint: keep fewer: `features.min_rating`, `features.drop_items`, or a part of the source file"
    )]
    TooManyRatings {
        /// As many can.
        most: u32,
    },
    /// Whoever asked for the work asks to stop.
    #[error("interrupted")]
    Interrupted,
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
    /// A value that a key cannot have.
    #[error("`{key}` is `{value}`\nhint: {hint}")]
    Value {
        /// The key, as `split.test`.
        key: &'static str,
        /// The value given.
        value: String,
        /// The values that it can have.
        hint: String,
    },
    /// A name that is not known: of a time zone, a split, a user, an item or a context.
    #[error("unknown {what} `{name}`{place}\nhint: {hint}")]
    Unknown {
        /// What kind of name.
        what: &'static str,
        /// The name given.
        name: String,
        /// The key that has it, as " in `split.kind`"; empty where a caller asked for it.
        place: &'static str,
        /// The nearest names, or examples.
        hint: String,
    },
    /// A time beyond the year 9999.
    #[error(
        "source row `{source_row}`: time `{seconds}` is beyond the year 9999\n\
         hint: times are seconds since 1970; divide milliseconds by 1000"
    )]
    Time {
        /// The time.
        seconds: i64,
        /// The data line of the raw file, from zero.
        source_row: u64,
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
        "context `{name}` has `{n_values}` different values, more than `{max}`\n\
         hint: group them into fewer, or leave the column out of `data.columns.context`"
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
        "column `{name}` holds `{value}`, which is not a finite number\n\
         hint: leave the cell empty where the value is unknown"
    )]
    NotFinite {
        /// The column.
        name: String,
        /// The number.
        value: f64,
    },
    /// A key of another split.
    #[error(
        "`{key}` is not read by `{kind}` in [split]\n\
         hint: leave the key out, or set `split.kind` to one that reads it: {readers}"
    )]
    UnreadKey {
        /// The key.
        key: &'static str,
        /// The split that does not read it.
        kind: String,
        /// The splits that read it.
        readers: String,
    },
    /// A split by time, without times.
    #[error(
        "split `{kind}` needs the time of every rating, and `{n_missing}` of `{n_rows}` ratings have none\n\
         hint: name the column of times in `data.columns.timestamp`, or use `split.kind = \"per-user-random\"`"
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
    /// A value that a context cannot have.
    #[error("context `{name}` cannot be `{value}`\nhint: {hint}")]
    ContextValue {
        /// The context.
        name: String,
        /// The value stated.
        value: String,
        /// The values that it can have.
        hint: String,
    },
    /// What an SQL engine left does not fit together.
    #[error("what the engine left cannot be used: {reason}\nhint: {hint}")]
    Engine {
        /// What is wrong with it.
        reason: String,
        /// What helps.
        hint: &'static str,
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
