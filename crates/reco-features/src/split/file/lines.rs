//! Parses the lines of a split's file.
//!
//! Does not know the rows that are split: only which columns there are, and what may stand in them.
//!
//! **Invariant**: every line of the file is given out once, or is an error that names it.

use reco_data::{DataError, Records, Row, open_table, table_columns};

use super::super::Part;
use super::{COLUMNS, COUNTED};
use crate::{FeaturesError, SplitConfig};

/// One line of the file.
pub(super) struct Line<'a> {
    is_record: bool,
    number: u64,
    pub(super) key: Key<'a>,
    pub(super) place: Place,
}

impl Line<'_> {
    /// Its name in messages: `line 3`, or `record 3` for a Parquet file, which has no lines.
    pub(super) fn name(&self) -> String {
        name(self.is_record, self.number)
    }
}

fn name(is_record: bool, number: u64) -> String {
    format!("{} {number}", if is_record { "record" } else { "line" })
}

/// How a line names its row.
pub(super) enum Key<'a> {
    /// The data line of the raw ratings, from zero.
    Row(u64),
    /// The ids of the user and the item, as the raw ratings write them.
    Pair(&'a str, &'a str),
}

/// What a line says of its row.
pub(super) enum Place {
    Part(Part),
    Fold(u64),
}

/// The lines of the file, one after another.
pub(super) struct Lines<'a> {
    config: &'a SplitConfig,
    records: Box<dyn Records>,
    row: Row,
    is_parquet: bool,
    /// Where the row, or the user and the item, stand.
    key: (usize, Option<usize>),
    place: usize,
    is_fold: bool,
}

impl<'a> Lines<'a> {
    /// Opens the file of `config`, whose columns say how it names rows and what it says of them.
    ///
    /// # Errors
    /// A file that is not there or cannot be read; columns that are missing, or of which there are too many.
    pub(super) fn open(config: &'a SplitConfig) -> Result<Self, FeaturesError> {
        // `file` returns a path, since this is the configuration of this split.
        let path = config.file()?.unwrap_or_default();
        let hint = "`split.path` is relative to the folder that the command runs in";
        if !path.is_file() {
            return Err(config.refuse("there is no such file".to_owned(), hint));
        }
        let unread =
            |error: DataError| config.refuse(error.to_string().lines().collect::<Vec<_>>().join("; "), COLUMNS);
        let names = table_columns(&path).map_err(unread)?;
        let columns = Columns::of(&names, config)?;
        let wanted: Vec<String> = columns.all().map(|column| names[column].clone()).collect();
        let records = open_table(&path, &wanted, "|").map_err(unread)?;
        let is_parquet = path.extension().is_some_and(|extension| extension.eq_ignore_ascii_case("parquet"));
        // Each row has the wanted columns in this order, and no others.
        let key = (0, columns.key.1.map(|_| 1));
        let place = wanted.len() - 1;
        Ok(Self { config, records, row: Row::default(), is_parquet, key, place, is_fold: columns.is_fold })
    }

    /// Whether lines name rows by their users and items.
    pub(super) fn are_pairs(&self) -> bool {
        self.key.1.is_some()
    }

    /// The next line; `None` after the last.
    ///
    /// # Errors
    /// A line that cannot be read, or whose row, part or fold is invalid.
    pub(super) fn next(&mut self) -> Result<Option<Line<'_>>, FeaturesError> {
        let Self { config, key, place, is_fold, is_parquet: is_record, .. } = *self;
        if !self.records.read(&mut self.row)? {
            return Ok(None);
        }
        let number = self.row.line();
        let name = || name(is_record, number);
        if let Some(problem) = self.row.problem() {
            return Err(config.refuse(format!("{}: {problem}", name()), COLUMNS));
        }
        let cell = |column: usize| self.row.get(column);
        let count = |what: &str, column: usize| {
            let refuse = |_| {
                config.refuse(format!("{}: {what} `{}` is not a whole number from 0", name(), cell(column)), COUNTED)
            };
            cell(column).parse().map_err(refuse)
        };
        let key = match key {
            (user, Some(item)) => Key::Pair(cell(user), cell(item)),
            (row, None) => Key::Row(count("row", row)?),
        };
        let place = match (is_fold, cell(place)) {
            (true, _) => Place::Fold(count("fold", place)?),
            (false, "train") => Place::Part(Part::Train),
            (false, "validation" | "valid") => Place::Part(Part::Validation),
            (false, "fold-in") => Place::Part(Part::FoldIn),
            (false, "test") => Place::Part(Part::Test),
            (false, other) => {
                let hint = "a part is `train`, `validation`, `fold-in` or `test`";
                return Err(config.refuse(format!("{}: unknown part `{other}`", name()), hint));
            }
        };
        Ok(Some(Line { is_record, number, key, place }))
    }
}

/// Where the columns that are read stand.
struct Columns {
    key: (usize, Option<usize>),
    place: usize,
    is_fold: bool,
}

impl Columns {
    /// Those of a file with the columns `names`. Where it has `row`, it need not have `user` and `item`.
    fn of(names: &[String], config: &SplitConfig) -> Result<Self, FeaturesError> {
        let column = |name: &str| names.iter().position(|known| known == name);
        let missing =
            |name: &str| config.refuse(format!("it has no column {name}, and has `{}`", names.join("`, `")), COLUMNS);
        let key = match (column("row"), column("user"), column("item")) {
            (Some(row), _, _) => (row, None),
            (None, Some(user), Some(item)) => (user, Some(item)),
            (None, None, None) => return Err(missing("`row`, nor `user` and `item`")),
            (None, Some(_), None) => return Err(missing("`item`")),
            (None, None, Some(_)) => return Err(missing("`user`")),
        };
        let (place, is_fold) = match (column("part"), column("fold")) {
            (Some(place), None) => (place, false),
            (None, Some(place)) => (place, true),
            (None, None) => return Err(missing("`part` or `fold`")),
            (Some(_), Some(_)) => {
                return Err(config.refuse("it has both `part` and `fold`".to_owned(), "remove or rename one of them"));
            }
        };
        Ok(Self { key, place, is_fold })
    }

    /// All of these columns, that of the part or fold last.
    fn all(&self) -> impl Iterator<Item = usize> {
        [Some(self.key.0), self.key.1, Some(self.place)].into_iter().flatten()
    }
}
