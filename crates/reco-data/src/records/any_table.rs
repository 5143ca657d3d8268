//! Rows of a table that anyone brings, in whichever of four formats its name says.
//!
//! Does not guess columns, nor a format from what is in the file.
//!
//! **Invariant**: a column that is wanted is there, or the error lists those that are.

use std::path::Path;

use super::{Delimited, Dialect, JsonLines, Layout, ParquetRows, Records, Row, header, parquet_columns};
use crate::DataError;
use crate::source::has_extension;

/// Extensions, and what they say.
const EXTENSIONS: [(&str, Format); 6] = [
    ("csv", Format::Csv),
    ("tsv", Format::Tsv),
    ("tab", Format::Tsv),
    ("jsonl", Format::JsonLines),
    ("ndjson", Format::JsonLines),
    ("parquet", Format::Parquet),
];

#[derive(Clone, Copy)]
enum Format {
    Csv,
    Tsv,
    JsonLines,
    Parquet,
}

/// Whether a file's name ends as a table's does.
pub fn is_table(path: &Path) -> bool {
    format(path).is_ok()
}

/// Opens a CSV, TSV, JSON lines or Parquet file and wants some of its columns, as text; a list becomes one field, with
/// `list_separator` between its values.
///
/// # Errors
/// A name that does not end as a table's does; a file that is not there, or damaged; a column that it lacks.
pub fn open_table(path: &Path, wanted: &[String], list_separator: &str) -> Result<Box<dyn Records>, DataError> {
    Ok(match format(path)? {
        Format::Csv => Box::new(Delimited::with_header(path, Dialect::CSV, wanted, without_mark)?),
        Format::Tsv => Box::new(Delimited::with_header(path, Dialect::TSV, wanted, without_mark)?),
        Format::JsonLines => Box::new(JsonLines::open(path, wanted, list_separator)?),
        Format::Parquet => Box::new(ParquetRows::open(path, wanted, list_separator)?),
    })
}

/// The names of a table's columns, in order; `None` of JSON lines, each of which names its own.
///
/// # Errors
/// As [`open_table`].
pub fn table_columns(path: &Path) -> Result<Option<Vec<String>>, DataError> {
    let names = match format(path)? {
        Format::Csv => header(path, Dialect::CSV)?,
        Format::Tsv => header(path, Dialect::TSV)?,
        Format::Parquet => return parquet_columns(path).map(Some),
        Format::JsonLines => return Ok(None),
    };
    Ok(Some(names.iter().map(|name| without_mark(name).to_owned()).collect()))
}

/// Spreadsheets put a byte order mark before the first name.
fn without_mark(name: &str) -> &str {
    name.trim_start_matches('\u{feff}')
}

fn format(path: &Path) -> Result<Format, DataError> {
    let known = EXTENSIONS.iter().find(|(extension, _)| has_extension(path, extension));
    known.map(|(_, format)| *format).ok_or_else(|| {
        let known: Vec<&str> = EXTENSIONS.iter().map(|(extension, _)| *extension).collect();
        DataError::Format {
            path: path.to_owned(),
            reason: "its name does not end as a table's does".to_owned(),
            hint: format!("known endings are `{}`", known.join("`, `")),
        }
    })
}

impl Records for Box<dyn Records> {
    fn read(&mut self, row: &mut Row) -> Result<bool, DataError> {
        (**self).read(row)
    }

    fn position(&self) -> u64 {
        (**self).position()
    }

    fn layout(&self) -> Option<&Layout> {
        (**self).layout()
    }
}
