//! Writes what was drawn: items and ratings as MovieLens' CSV or as Parquet, and the expected ratings.
//!
//! Does not know how anything is drawn.
//!
//! **Invariant**: CSV and Parquet have the same columns with the same values.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};

use super::planted::Described;
use super::rows::Row;
use crate::DataError;
use crate::table::{Column, Table, TableWriter};

/// How stars are written, by their number of halves.
const STARS: [&[u8]; 11] = [b"0.0", b"0.5", b"1.0", b"1.5", b"2.0", b"2.5", b"3.0", b"3.5", b"4.0", b"4.5", b"5.0"];

/// A file of ratings in one of the forms that data can have.
pub(super) trait Form: Sized + Send {
    /// How the names of its files end.
    const ENDING: &'static str;

    /// Rows in the form in which the file takes them.
    type Piece: Send;

    /// Writes the file of items.
    fn items(path: &Path, items: Vec<Described>) -> Result<(), DataError>;

    /// Starts the file.
    fn begin(path: &Path) -> Result<Self, DataError>;

    /// Rows as a piece; made on any thread.
    fn piece(rows: &[Row]) -> Result<Self::Piece, DataError>;

    /// Adds a piece.
    fn add(&mut self, piece: Self::Piece) -> Result<(), DataError>;

    /// Ends the file.
    fn end(self) -> Result<(), DataError>;
}

/// Text on its way to a file.
pub(super) struct Text {
    file: BufWriter<File>,
    path: PathBuf,
}

impl Text {
    fn create(path: &Path) -> Result<Self, DataError> {
        let file = File::create(path).map_err(DataError::io("create", path))?;
        Ok(Self { file: BufWriter::with_capacity(1 << 18, file), path: path.to_owned() })
    }

    fn write(&mut self, text: &[u8]) -> Result<(), DataError> {
        self.file.write_all(text).map_err(DataError::io("write", &self.path))
    }

    fn finish(mut self) -> Result<(), DataError> {
        self.file.flush().map_err(DataError::io("write", &self.path))
    }
}

/// MovieLens' CSV.
impl Form for Text {
    const ENDING: &'static str = "csv";

    type Piece = Vec<u8>;

    fn items(path: &Path, items: Vec<Described>) -> Result<(), DataError> {
        let mut file = Self::create(path)?;
        file.write(b"movieId,title,genres\n")?;
        for (number, Described { title, genres }) in (1..).zip(items) {
            let quote = if title.contains(',') { "\"" } else { "" };
            file.write(format!("{number},{quote}{title}{quote},{genres}\n").as_bytes())?;
        }
        file.finish()
    }

    fn begin(path: &Path) -> Result<Self, DataError> {
        let mut file = Self::create(path)?;
        file.write(b"userId,movieId,rating,timestamp\n")?;
        Ok(file)
    }

    fn piece(rows: &[Row]) -> Result<Vec<u8>, DataError> {
        // A line of a large data set has about 30 bytes.
        let mut text = Vec::with_capacity(32 * rows.len());
        for row in rows {
            push(&mut text, row.user.into());
            text.push(b',');
            push(&mut text, row.item.into());
            text.push(b',');
            text.extend_from_slice(STARS[usize::from(row.halves)]);
            text.push(b',');
            push(&mut text, row.time);
            text.push(b'\n');
        }
        Ok(text)
    }

    fn add(&mut self, piece: Vec<u8>) -> Result<(), DataError> {
        self.write(&piece)
    }

    fn end(self) -> Result<(), DataError> {
        self.finish()
    }
}

/// The numbers from 0 to 99 in two digits each.
const PAIRS: [[u8; 2]; 100] = {
    let mut pairs = [[b'0'; 2]; 100];
    let mut n = 0;
    while n < 100 {
        pairs[n] = [b'0' + n as u8 / 10, b'0' + n as u8 % 10];
        n += 1;
    }
    pairs
};

/// Adds `number` in decimal digits.
fn push(text: &mut Vec<u8>, mut number: u64) {
    let mut digits = [0; 20];
    let mut start = digits.len();
    loop {
        start -= 2;
        digits[start..start + 2].copy_from_slice(&PAIRS[(number % 100) as usize]);
        number /= 100;
        if number == 0 {
            break;
        }
    }
    // Of an odd number of digits, the first pair begins with one too many.
    start += usize::from(digits[start] == b'0');
    text.extend_from_slice(&digits[start..]);
}

/// Parquet.
impl Form for TableWriter {
    const ENDING: &'static str = "parquet";

    type Piece = Table;

    fn items(path: &Path, items: Vec<Described>) -> Result<(), DataError> {
        let mut table = Table::new();
        table.push("movieId", Column::I64((1..).map(Some).take(items.len()).collect()))?;
        let (titles, genres) = items.into_iter().map(|item| (Some(item.title), Some(item.genres))).unzip();
        table.push("title", Column::Text(titles))?;
        table.push("genres", Column::Text(genres))?;
        table.write(path)
    }

    fn begin(path: &Path) -> Result<Self, DataError> {
        Self::create(path, &Self::piece(&[])?)
    }

    fn piece(rows: &[Row]) -> Result<Table, DataError> {
        let mut table = Table::new();
        table.push("userId", integers(rows, |row| row.user.into()))?;
        table.push("movieId", integers(rows, |row| row.item.into()))?;
        table.push("rating", Column::F32(rows.iter().map(|row| Some(f32::from(row.halves) / 2.0)).collect()))?;
        // A time is far below the largest integer.
        table.push("timestamp", integers(rows, |row| row.time as i64))?;
        Ok(table)
    }

    fn add(&mut self, piece: Table) -> Result<(), DataError> {
        self.write(&piece)
    }

    fn end(self) -> Result<(), DataError> {
        self.finish(&BTreeMap::new())
    }
}

/// What is expected of each row, on the scale of the ratings, as `reco evaluate --scores --stars` reads it.
pub(super) fn truth(rows: &[Row]) -> Result<Table, DataError> {
    let mut table = Table::new();
    table.push("user", integers(rows, |row| row.user.into()))?;
    table.push("item", integers(rows, |row| row.item.into()))?;
    table.push("score", Column::F32(rows.iter().map(|row| Some(row.expected.clamp(0.5, 5.0))).collect()))?;
    Ok(table)
}

fn integers(rows: &[Row], of: impl Fn(&Row) -> i64) -> Column {
    Column::I64(rows.iter().map(|row| Some(of(row))).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn digits_are_those_of_the_standard_library() {
        for number in [0, 5, 9, 10, 42, 99, 100, 101, 1_000, 90_909, 820_454_400, 1_514_764_799, u64::MAX] {
            let mut text = b"x,".to_vec();
            push(&mut text, number);
            assert_eq!(String::from_utf8(text).unwrap(), format!("x,{number}"));
        }
    }
}
