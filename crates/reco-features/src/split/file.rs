//! How does somebody else's split become ours?
//!
//! Does not know how the file came to be. A CSV file with a column `row`, the data line of the raw ratings from zero, and
//! either `part` (`train`, `validation` or `valid`, `test`) or `fold`, a number: the rows of the fold `split.fold` test, all
//! others train. Further columns are not read.
//!
//! **Invariant**: the file names each row of the tables once and no other; a row that it forgets would be dropped in
//! silence, and is an error.

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::path::PathBuf;

use super::{Assignment, Part, SplitEntry, SplitRows};
use crate::{FeaturesError, SplitConfig};

pub(super) const ENTRY: SplitEntry = SplitEntry {
    name: "file",
    about: "as the file `split.path` says, row by row: its column `part`, or its column `fold`, of which `split.fold` tests",
    validates: false,
    assign,
};

const COLUMNS: &str = "it is a CSV file with the columns `row` and `part`, or `row` and `fold`";
const COUNTED: &str = "rows are counted from 0, after the header of the raw ratings; rejected rows, duplicates and ratings of dropped items have no place in it";

impl SplitConfig {
    /// The file that the split reads, variables expanded; `None` for a split that reads none.
    ///
    /// # Errors
    /// No file named, or a variable that is not set.
    pub fn file(&self) -> Result<Option<PathBuf>, FeaturesError> {
        if self.kind != ENTRY.name {
            return Ok(None);
        }
        if self.path.is_empty() {
            let hint = format!("name it: `split.path = \"folds.csv\"`; {COLUMNS}");
            return Err(self.refuse("none is named".to_owned(), hint));
        }
        let expanded = reco_data::expand(&self.path).map_err(|unset| {
            self.refuse(format!("${unset} is not set"), format!("set it, or write the path out: `export {unset}=…`"))
        })?;
        Ok(Some(PathBuf::from(expanded)))
    }

    fn refuse(&self, reason: String, hint: impl Into<String>) -> FeaturesError {
        FeaturesError::SplitFile { path: self.path.clone(), reason, hint: hint.into() }
    }
}

fn assign(rows: &SplitRows<'_>, config: &SplitConfig) -> Result<Assignment, FeaturesError> {
    let places: BTreeMap<u64, usize> = rows.rows.iter().enumerate().map(|(at, row)| (row.source_row, at)).collect();
    let mut parts: Vec<Option<Part>> = vec![None; rows.rows.len()];
    let mut lines = Lines::open(config)?;
    let mut folds = BTreeSet::new();
    while let Some(line) = lines.next()? {
        let part = match line.place {
            Place::Part(part) => part,
            Place::Fold(fold) => {
                folds.insert(fold);
                if fold == config.fold { Part::Test } else { Part::Train }
            }
        };
        let Some(&at) = places.get(&line.row) else {
            let reason = format!(
                "line {}: row `{}` is not among the `{}` of the tables",
                line.number,
                line.row,
                rows.rows.len()
            );
            return Err(config.refuse(reason, COUNTED));
        };
        if parts[at].replace(part).is_some() {
            let reason = format!("line {}: row `{}` stands there twice", line.number, line.row);
            return Err(config.refuse(reason, "keep one line for each row"));
        }
    }
    if let (Some(first), Some(last)) = (folds.first(), folds.last())
        && !folds.contains(&config.fold)
    {
        let reason = format!("no row is of fold `{}`", config.fold);
        return Err(config.refuse(reason, format!("`split.fold` is one of its folds, `{first}` to `{last}`")));
    }
    let forgotten = || rows.rows.iter().zip(&parts).filter(|(_, part)| part.is_none()).map(|(row, _)| row.source_row);
    if let Some(first) = forgotten().min() {
        let reason = format!(
            "it says nothing of `{}` of `{}` rows, the first of them row `{first}`",
            forgotten().count(),
            rows.rows.len()
        );
        return Err(config.refuse(reason, "say of each row where it goes; none is dropped in silence"));
    }
    let parts: Vec<Part> = parts.into_iter().flatten().collect();
    for (part, name) in [(Part::Test, "test"), (Part::Train, "train")] {
        if !parts.contains(&part) {
            return Err(FeaturesError::EmptyPart {
                kind: ENTRY.name,
                part: name,
                n_rows: rows.rows.len(),
                hint: "the file `split.path` has to name rows for training and rows for the test",
            });
        }
    }
    Ok(Assignment::without_cuts(parts))
}

/// One line of the file.
struct Line {
    number: u64,
    row: u64,
    place: Place,
}

/// What a line says of its row.
enum Place {
    Part(Part),
    Fold(u64),
}

/// The lines of the file, one after another.
struct Lines<'a> {
    config: &'a SplitConfig,
    reader: csv::Reader<std::fs::File>,
    record: csv::StringRecord,
    row: usize,
    place: usize,
    is_fold: bool,
}

impl<'a> Lines<'a> {
    fn open(config: &'a SplitConfig) -> Result<Self, FeaturesError> {
        // `file` answers with a path for this split, whose configuration this is.
        let path = config.file()?.unwrap_or_default();
        let file = std::fs::File::open(&path).map_err(|error| {
            let hint = "`split.path` is relative to the folder that the command runs in";
            match error.kind() {
                io::ErrorKind::NotFound => config.refuse("there is no such file".to_owned(), hint),
                _ => config.refuse(format!("it cannot be read: {error}"), hint),
            }
        })?;
        let mut reader = csv::ReaderBuilder::new().trim(csv::Trim::All).from_reader(file);
        let header = reader.headers().map_err(|error| config.refuse(error.to_string(), COLUMNS))?.clone();
        // Spreadsheets put a byte order mark before the first name.
        let column = |name: &str| header.iter().position(|cell| cell.trim_start_matches('\u{feff}') == name);
        let missing = |name: &str| {
            let known = header.iter().collect::<Vec<_>>().join("`, `");
            config.refuse(format!("it has no column {name}, and has `{known}`"), COLUMNS)
        };
        let row = column("row").ok_or_else(|| missing("`row`"))?;
        let (place, is_fold) = match (column("part"), column("fold")) {
            (Some(place), None) => (place, false),
            (None, Some(place)) => (place, true),
            (None, None) => return Err(missing("`part` or `fold`")),
            (Some(_), Some(_)) => {
                return Err(config.refuse("it has both `part` and `fold`".to_owned(), "remove or rename one of them"));
            }
        };
        Ok(Self { config, reader, record: csv::StringRecord::new(), row, place, is_fold })
    }

    fn next(&mut self) -> Result<Option<Line>, FeaturesError> {
        let config = self.config;
        let more = self.reader.read_record(&mut self.record);
        if !more.map_err(|error| config.refuse(error.to_string(), COLUMNS))? {
            return Ok(None);
        }
        let number = self.record.position().map_or(0, csv::Position::line);
        let cell = |column: usize| self.record.get(column).unwrap_or_default();
        let count = |name: &str, column: usize| {
            cell(column).parse().map_err(|_| {
                config.refuse(format!("line {number}: {name} `{}` is no whole number from 0", cell(column)), COUNTED)
            })
        };
        let row = count("row", self.row)?;
        let place = match (self.is_fold, cell(self.place)) {
            (true, _) => Place::Fold(count("fold", self.place)?),
            (false, "train") => Place::Part(Part::Train),
            (false, "validation" | "valid") => Place::Part(Part::Validation),
            (false, "test") => Place::Part(Part::Test),
            (false, other) => {
                let reason = format!("line {number}: unknown part `{other}`");
                return Err(config.refuse(reason, "a part is `train`, `validation` or `test`"));
            }
        };
        Ok(Some(Line { number, row, place }))
    }
}
