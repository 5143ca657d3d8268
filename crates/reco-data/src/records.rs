//! Reads the lines of any text, sheet or column file as rows of wanted fields.
//!
//! Does not know what a field means: no ids, no ratings.
//!
//! **Invariant**: every data line gives exactly one [`Row`], in order, good or bad, so that the n-th row is the n-th
//! data line each time a file is read.

mod any_table;
mod delimited;
mod double_colon;
mod json_lines;
mod parquet_rows;
mod sheet;
mod splitter;
mod text;

use std::borrow::Cow;
use std::path::Path;

use crate::DataError;

pub use any_table::{open_table, table_columns};
pub use delimited::Layout;
pub(crate) use delimited::{Bytes, Delimited, Dialect, Quotes, header};
pub(crate) use double_colon::DoubleColon;
pub(crate) use json_lines::JsonLines;
pub(crate) use parquet_rows::{ParquetColumn, ParquetRows, parquet_columns};
pub(crate) use sheet::Sheet;
pub(crate) use splitter::{Splitter, Unread};
pub(crate) use text::Text;

/// A reader of rows.
pub trait Records {
    /// Reads the next row's wanted fields; `false` at the end.
    ///
    /// # Errors
    /// If the file can't be read further; a bad row is not an error but a [`Row::problem`].
    fn read(&mut self, row: &mut Row) -> Result<bool, DataError>;

    /// How many bytes of the file have been read, for a progress bar; 0 where that is not known.
    fn position(&self) -> u64 {
        0
    }

    /// The layout of the file, if it is text with one character between fields and no row of it has been read: such
    /// text can be read by many threads at once.
    fn layout(&self) -> Option<&Layout> {
        None
    }
}

/// The wanted fields of one line. Its memory is reused for the next.
#[derive(Debug, Default)]
pub struct Row {
    line: u64,
    /// Line feeds within it.
    n_feeds: u64,
    problem: Option<String>,
    text: String,
    ends: Vec<usize>,
    /// Fields that are lists.
    lists: Vec<usize>,
}

impl Row {
    /// The line in the file, from 1.
    pub fn line(&self) -> u64 {
        self.line
    }

    /// How many lines it spans beyond its first, within quotes.
    pub(crate) fn n_feeds(&self) -> u64 {
        self.n_feeds
    }

    /// Whether the field numbered `index` was made of a list.
    pub(crate) fn is_list(&self, index: usize) -> bool {
        self.lists.contains(&index)
    }

    /// Why the line can't be split into fields, if it can't.
    pub fn problem(&self) -> Option<&str> {
        self.problem.as_deref()
    }

    /// How many fields there are.
    pub(crate) fn len(&self) -> usize {
        self.ends.len()
    }

    /// The field numbered `index` in the order in which fields were wanted, trimmed; empty if it is missing.
    pub fn get(&self, index: usize) -> &str {
        let Some(&end) = self.ends.get(index) else { return "" };
        let start = if index == 0 { 0 } else { self.ends[index - 1] };
        self.text[start..end].trim()
    }

    /// Forgets the fields and begins `line`.
    pub(crate) fn begin(&mut self, line: u64) {
        self.line = line;
        self.n_feeds = 0;
        self.problem = None;
        self.text.clear();
        self.ends.clear();
        self.lists.clear();
    }

    /// Notes the line feeds within the record.
    pub(crate) fn spans(&mut self, n_feeds: u64) {
        self.n_feeds = n_feeds;
    }

    /// Adds a field that was made of a list.
    pub(crate) fn push_list(&mut self, field: &str) {
        self.lists.push(self.ends.len());
        self.push(field);
    }

    /// Adds a field.
    pub(crate) fn push(&mut self, field: &str) {
        self.text.push_str(field);
        self.ends.push(self.text.len());
    }

    /// Marks the line as bad.
    pub(crate) fn fail(&mut self, problem: String) {
        self.problem = Some(problem);
    }
}

/// The places of the `wanted` columns among those that are `found`. An empty name selects no column and gives empty
/// fields.
pub(crate) fn places(path: &Path, found: &[String], wanted: &[String]) -> Result<Vec<Option<usize>>, DataError> {
    let place = |name: &String| found.iter().position(|column| column == name);
    let missing: Vec<&str> =
        wanted.iter().filter(|name| !name.is_empty() && place(name).is_none()).map(String::as_str).collect();
    if !missing.is_empty() {
        return Err(DataError::MissingColumn {
            path: path.to_owned(),
            column: missing.join("`, nor `"),
            hint: format!("it has {}", listed(found)),
        });
    }
    Ok(wanted.iter().map(|name| place(name).filter(|_| !name.is_empty())).collect())
}

/// Names of columns as messages show them: the first of many, the beginning of long ones.
pub(crate) fn listed(names: &[String]) -> String {
    reco_core::options::listed(names.iter().map(String::as_str))
}

/// A value as messages show it: the beginning of a long one.
pub(crate) fn cut(text: &str) -> Cow<'_, str> {
    /// Characters that are shown.
    const MOST: usize = 120;
    match text.char_indices().nth(MOST) {
        Some((end, _)) => format!("{}…", &text[..end]).into(),
        None => text.into(),
    }
}
