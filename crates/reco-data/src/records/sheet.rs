//! Reads rows of one sheet of an `.xlsx` workbook.
//!
//! Does not know which columns matter, only their names. Holds only the cells that exist: a sheet of two cells at
//! opposite ends has 17 billion places and two cells.
//!
//! **Invariant**: the first row names the columns; a row whose wanted cells are all empty is skipped.

use std::collections::BTreeMap;
use std::collections::btree_map::IntoIter;
use std::path::Path;

use calamine::{Data, DataRef, DataType, Reader, Xlsx, open_workbook};

use super::{Records, Row, places};
use crate::DataError;
use crate::border::guarded;

/// Cells of one row that are not empty, each with its column.
type Cells = Vec<(u32, Data)>;

/// A reader of one sheet.
pub(crate) struct Sheet {
    rows: IntoIter<u32, Cells>,
    /// The sheet's column of each wanted field.
    places: Vec<Option<u32>>,
}

impl Sheet {
    /// Opens a sheet to read some of its columns.
    pub(crate) fn open(path: &Path, sheet: &str, wanted: &[String]) -> Result<Self, DataError> {
        let refuse = |reason: String| DataError::Format {
            path: path.to_owned(),
            reason,
            hint: "save it again as an `.xlsx` workbook".to_owned(),
        };
        guarded(|| Self::read_all(path, sheet, wanted, &refuse)).map_err(&refuse)?
    }

    fn read_all(
        path: &Path,
        sheet: &str,
        wanted: &[String],
        refuse: &dyn Fn(String) -> DataError,
    ) -> Result<Self, DataError> {
        let mut workbook: Xlsx<_> = open_workbook(path).map_err(|error: calamine::XlsxError| match error {
            calamine::XlsxError::Io(error) => DataError::io("read", path)(error),
            error => refuse(error.to_string()),
        })?;
        let names = workbook.sheet_names();
        if !names.iter().any(|name| name == sheet) {
            return Err(refuse(format!("it has no sheet `{sheet}`, only `{}`", names.join("`, `"))));
        }
        let mut cells = workbook.worksheet_cells_reader(sheet).map_err(|error| refuse(error.to_string()))?;
        // Cells do not have to come in order.
        let mut rows: BTreeMap<u32, Cells> = BTreeMap::new();
        while let Some(cell) = cells.next_cell().map_err(|error| refuse(error.to_string()))? {
            let (row, column) = cell.get_position();
            match cell.get_value() {
                DataRef::Empty => {}
                value => rows.entry(row).or_default().push((column, value.clone().into())),
            }
        }
        let Some((_, header)) = rows.pop_first() else { return Err(DataError::Empty { path: path.to_owned() }) };
        let mut header: Vec<(u32, String)> =
            header.iter().map(|(column, cell)| (*column, text(cell).trim().to_owned())).collect();
        header.sort_by_key(|(column, _)| *column);
        let found: Vec<String> = header.iter().map(|(_, name)| name.clone()).collect();
        let places = places(path, &found, wanted)?;
        let places = places.into_iter().map(|place| place.map(|place| header[place].0)).collect();
        Ok(Self { rows: rows.into_iter(), places })
    }
}

fn text(cell: &Data) -> String {
    // A whole number in a sheet is a float; Rust writes 4.0 as `4`.
    cell.get_float().map_or_else(|| cell.to_string(), |number| number.to_string())
}

impl Records for Sheet {
    fn read(&mut self, row: &mut Row) -> Result<bool, DataError> {
        for (line, cells) in self.rows.by_ref() {
            row.begin(u64::from(line) + 1);
            for place in &self.places {
                // The last of several in one place, as spreadsheets take it.
                match place.and_then(|place| cells.iter().rfind(|(column, _)| *column == place)) {
                    Some((_, Data::String(text))) => row.push(text),
                    Some((_, cell)) => row.push(&text(cell)),
                    None => row.push(""),
                }
            }
            if (0..self.places.len()).any(|index| !row.get(index).is_empty()) {
                return Ok(true);
            }
        }
        Ok(false)
    }
}
