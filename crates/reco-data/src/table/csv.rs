//! Writes a table as CSV, for spreadsheets and for programs that do not read Parquet.
//!
//! Does not know where it goes.
//!
//! **Invariant**: one line per row under a line of names; missing values are empty, and lists are joined by `|`, as
//! in ratings files.

use std::fs::File;
use std::io;

use super::{Column, Table};

/// Writes a table piece by piece, with quotes where they are needed.
pub(crate) struct CsvWriter(csv::Writer<File>);

impl CsvWriter {
    /// Starts a table in `file` with the names of the columns of `like`.
    pub(crate) fn new(file: File, like: &Table) -> io::Result<Self> {
        let mut writer = csv::Writer::from_writer(file);
        writer.write_record(like.names()).map_err(of_system)?;
        Ok(Self(writer))
    }

    /// Adds the rows of `piece`.
    pub(crate) fn write(&mut self, piece: &Table) -> io::Result<()> {
        for row in 0..piece.n_rows() {
            self.0.write_record(piece.columns().map(|(_, column)| cell(column, row))).map_err(of_system)?;
        }
        Ok(())
    }

    /// Ends the table.
    pub(crate) fn finish(mut self) -> io::Result<()> {
        self.0.flush()
    }
}

/// The system's own error, so that its kind is kept: a caller can tell a closed pipe from a failure.
fn of_system(error: csv::Error) -> io::Error {
    match error.into_kind() {
        csv::ErrorKind::Io(error) => error,
        other => io::Error::other(format!("{other:?}")),
    }
}

fn cell(column: &Column, row: usize) -> String {
    fn shown<T: ToString>(value: Option<&T>) -> String {
        value.map(T::to_string).unwrap_or_default()
    }
    match column {
        Column::I64(values) => shown(values[row].as_ref()),
        Column::U32(values) => values[row].to_string(),
        Column::F32(values) => shown(values[row].as_ref()),
        Column::F64(values) => shown(values[row].as_ref()),
        Column::Text(values) => values[row].clone().unwrap_or_default(),
        Column::TextList(values) => values[row].join("|"),
        Column::OptionalTextList(values) => values[row].as_ref().map(|list| list.join("|")).unwrap_or_default(),
        Column::NumberList(values) => values[row].iter().map(f32::to_string).collect::<Vec<_>>().join("|"),
    }
}
