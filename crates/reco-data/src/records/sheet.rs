//! Rows of one sheet of an `.xlsx` workbook.
//!
//! Does not know which columns matter, only their names. Holds the whole sheet: a workbook has a million rows at most.
//!
//! **Invariant**: the first row names the columns; a row whose wanted cells are all empty is no row.

use std::path::Path;

use calamine::{Data, DataType, Range, Reader, Xlsx, open_workbook};

use super::{Records, Row, places};
use crate::DataError;

/// A reader of one sheet.
pub(crate) struct Sheet {
    cells: Range<Data>,
    places: Vec<Option<usize>>,
    next: usize,
}

impl Sheet {
    /// Opens a sheet and wants some of its columns.
    pub(crate) fn open(path: &Path, sheet: &str, wanted: &[String]) -> Result<Self, DataError> {
        let refuse = |reason: String| DataError::Format {
            path: path.to_owned(),
            reason,
            hint: "save it again as an `.xlsx` workbook".to_owned(),
        };
        let mut workbook: Xlsx<_> = open_workbook(path).map_err(|error: calamine::XlsxError| match error {
            calamine::XlsxError::Io(error) => DataError::io("read", path)(error),
            error => refuse(error.to_string()),
        })?;
        let names = workbook.sheet_names();
        if !names.iter().any(|name| name == sheet) {
            return Err(refuse(format!("it has no sheet `{sheet}`, only `{}`", names.join("`, `"))));
        }
        let cells = workbook.worksheet_range(sheet).map_err(|error| refuse(error.to_string()))?;
        let Some(header) = cells.rows().next() else { return Err(DataError::Empty { path: path.to_owned() }) };
        let found: Vec<String> = header.iter().map(|cell| text(cell).trim().to_owned()).collect();
        let places = places(path, &found, wanted)?;
        Ok(Self { cells, places, next: 1 })
    }
}

fn text(cell: &Data) -> String {
    // A whole number in a sheet is a float; Rust writes 4.0 as `4`.
    cell.get_float().map_or_else(|| cell.to_string(), |number| number.to_string())
}

impl Records for Sheet {
    fn read(&mut self, row: &mut Row) -> Result<bool, DataError> {
        let first_line = u64::from(self.cells.start().map_or(0, |(line, _)| line)) + 1;
        while self.next < self.cells.height() {
            let cells = &self.cells[self.next];
            row.begin(first_line + self.next as u64);
            self.next += 1;
            let mut empty = true;
            for place in &self.places {
                match place.and_then(|place| cells.get(place)) {
                    Some(Data::String(text)) => row.push(text),
                    Some(Data::Empty) | None => row.push(""),
                    Some(cell) => row.push(&text(cell)),
                }
            }
            for index in 0..self.places.len() {
                empty &= row.get(index).is_empty();
            }
            if !empty {
                return Ok(true);
            }
        }
        Ok(false)
    }

    fn position(&self) -> u64 {
        0
    }
}
