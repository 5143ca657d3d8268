//! What does each line of a split's file say?
//!
//! Does not know the rows that are split: only which columns there are, and what may stand in them.
//!
//! **Invariant**: every line of the file is given out once, or is an error that names it.

use std::fs::File;
use std::io::{self, Read as _};
use std::path::Path;

use reco_data::{Records, Row, parquet_columns, parquet_rows};

use super::super::Part;
use super::{COLUMNS, COUNTED};
use crate::{FeaturesError, SplitConfig};

/// One line of the file.
pub(super) struct Line<'a> {
    /// As messages name it: `line 3`, and for a Parquet file, which has no lines, `record 3`.
    pub(super) name: String,
    pub(super) key: Key<'a>,
    pub(super) place: Place,
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
    cells: Cells,
    /// Where the row, or the user and the item, stand.
    key: (usize, Option<usize>),
    place: usize,
    is_fold: bool,
}

/// The cells of either kind of file.
enum Cells {
    Csv { reader: csv::Reader<File>, record: csv::StringRecord },
    Parquet { records: Box<dyn Records>, row: Row },
}

impl<'a> Lines<'a> {
    /// Opens the file of `config`, whose columns say how it names rows and what it says of them.
    ///
    /// # Errors
    /// A file that is not there or cannot be read; columns that are missing, or of which there are too many.
    pub(super) fn open(config: &'a SplitConfig) -> Result<Self, FeaturesError> {
        // `file` answers with a path for this split, whose configuration this is.
        let path = config.file()?.unwrap_or_default();
        let is_parquet = is_parquet(&path).map_err(|error| {
            let hint = "`split.path` is relative to the folder that the command runs in";
            match error.kind() {
                io::ErrorKind::NotFound => config.refuse("there is no such file".to_owned(), hint),
                _ => config.refuse(format!("it cannot be read: {error}"), hint),
            }
        })?;
        if is_parquet {
            let names = parquet_columns(&path)?;
            let columns = Columns::of(&names, config)?;
            let wanted: Vec<String> = columns.all().map(|column| names[column].clone()).collect();
            let cells = Cells::Parquet { records: parquet_rows(&path, &wanted)?, row: Row::default() };
            // What is wanted stands in this order in each row, and nothing else does.
            let key = (0, columns.key.1.map(|_| 1));
            return Ok(Self { config, cells, key, place: wanted.len() - 1, is_fold: columns.is_fold });
        }
        let unread = |error: csv::Error| config.refuse(error.to_string(), COLUMNS);
        let mut reader = csv::ReaderBuilder::new().trim(csv::Trim::All).from_path(&path).map_err(unread)?;
        // Spreadsheets put a byte order mark before the first name.
        let bare = |name: &str| name.trim_start_matches('\u{feff}').to_owned();
        let names: Vec<String> = reader.headers().map_err(unread)?.iter().map(bare).collect();
        let Columns { key, place, is_fold } = Columns::of(&names, config)?;
        Ok(Self { config, cells: Cells::Csv { reader, record: csv::StringRecord::new() }, key, place, is_fold })
    }

    /// Whether lines name rows by their users and items.
    pub(super) fn are_pairs(&self) -> bool {
        self.key.1.is_some()
    }

    /// The next line; `None` after the last.
    ///
    /// # Errors
    /// A line that cannot be read, or says what is no row, part or fold.
    pub(super) fn next(&mut self) -> Result<Option<Line<'_>>, FeaturesError> {
        let Self { config, key, place, is_fold, .. } = *self;
        let Some(name) = self.cells.advance(config)? else { return Ok(None) };
        let cell = |column: usize| self.cells.get(column);
        let count = |what: &str, column: usize| {
            let refuse =
                |_| config.refuse(format!("{name}: {what} `{}` is no whole number from 0", cell(column)), COUNTED);
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
                return Err(config.refuse(format!("{name}: unknown part `{other}`"), hint));
            }
        };
        Ok(Some(Line { name, key, place }))
    }
}

impl Cells {
    /// Reads the next line and says how messages name it.
    fn advance(&mut self, config: &SplitConfig) -> Result<Option<String>, FeaturesError> {
        match self {
            Self::Csv { reader, record } => {
                let more = reader.read_record(record).map_err(|error| config.refuse(error.to_string(), COLUMNS))?;
                let line = record.position().map_or(0, csv::Position::line);
                Ok(more.then(|| format!("line {line}")))
            }
            Self::Parquet { records, row } => Ok(records.read(row)?.then(|| format!("record {}", row.line()))),
        }
    }

    fn get(&self, column: usize) -> &str {
        match self {
            Self::Csv { record, .. } => record.get(column).unwrap_or_default(),
            Self::Parquet { row, .. } => row.get(column),
        }
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

    /// All of them, that of the place last.
    fn all(&self) -> impl Iterator<Item = usize> {
        [Some(self.key.0), self.key.1, Some(self.place)].into_iter().flatten()
    }
}

/// Whether the file says so by its name or by its first bytes.
fn is_parquet(path: &Path) -> io::Result<bool> {
    let mut first = Vec::new();
    File::open(path)?.take(4).read_to_end(&mut first)?;
    Ok(first == b"PAR1" || path.extension().is_some_and(|extension| extension.eq_ignore_ascii_case("parquet")))
}
