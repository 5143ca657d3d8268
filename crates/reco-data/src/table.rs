//! Writes a table of named columns to disk as Parquet, and reads it back.
//!
//! The only writer of Parquet in the workspace; Parquet of others is read by `records/parquet_rows.rs`. Does not know
//! what a column means.
//!
//! **Invariant**: all columns of a [`Table`] are equally long and differently named; the same table always gives the
//! same bytes; what is written is read back equal.
//!
//! Files are compressed with zstd, carry statistics for every column chunk, and hold the table's metadata as the file's
//! key-value metadata, so that DuckDB, polars and pandas read them as they are.

mod chunks;
mod convert;
mod csv;
mod files;
mod groups;
mod stream;

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use arrow::array::{RecordBatch, RecordBatchOptions};
use arrow::datatypes::Schema;
use rayon::prelude::*;
use reco_core::RawId;

use crate::DataError;
use crate::border::guarded;
pub use chunks::TableReader;
pub(crate) use csv::CsvWriter;
pub use files::{SortedChunks, TableChunks};
pub use groups::TableGroups;
pub use stream::{ROW_GROUP, TableWriter};

/// One column.
#[derive(Clone, Debug, PartialEq)]
pub enum Column {
    /// Integers, some perhaps missing.
    I64(Vec<Option<i64>>),
    /// Unsigned integers, row numbers mostly; none missing.
    U32(Vec<u32>),
    /// Single-precision numbers, some perhaps missing.
    F32(Vec<Option<f32>>),
    /// Double-precision numbers, some perhaps missing.
    F64(Vec<Option<f64>>),
    /// Text, some perhaps missing.
    Text(Vec<Option<String>>),
    /// Lists of texts, none missing.
    TextList(Vec<Vec<String>>),
    /// Lists of texts, some perhaps missing: a missing list is not an empty one.
    OptionalTextList(Vec<Option<Vec<String>>>),
    /// Lists of single-precision numbers, none missing.
    NumberList(Vec<Vec<f32>>),
}

impl Column {
    /// Ids as integers if all are, else as texts.
    pub fn of_ids<'a>(ids: impl Iterator<Item = &'a RawId> + Clone) -> Self {
        let integer = |id: &RawId| if let RawId::Integer(number) = id { Some(Some(*number)) } else { None };
        let integers: Option<Vec<_>> = ids.clone().map(integer).collect();
        integers.map_or_else(|| Self::Text(ids.map(|id| Some(id.to_string())).collect()), Self::I64)
    }

    /// How many rows.
    pub fn len(&self) -> usize {
        match self {
            Self::I64(values) => values.len(),
            Self::U32(values) => values.len(),
            Self::F32(values) => values.len(),
            Self::F64(values) => values.len(),
            Self::Text(values) => values.len(),
            Self::TextList(values) => values.len(),
            Self::OptionalTextList(values) => values.len(),
            Self::NumberList(values) => values.len(),
        }
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Removes all rows, and keeps their memory for others.
    fn clear(&mut self) {
        match self {
            Self::I64(values) => values.clear(),
            Self::U32(values) => values.clear(),
            Self::F32(values) => values.clear(),
            Self::F64(values) => values.clear(),
            Self::Text(values) => values.clear(),
            Self::TextList(values) => values.clear(),
            Self::OptionalTextList(values) => values.clear(),
            Self::NumberList(values) => values.clear(),
        }
    }

    /// What it holds, as error messages say it.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::I64(_) => "integers",
            Self::U32(_) => "row numbers",
            Self::F32(_) => "single-precision numbers",
            Self::F64(_) => "double-precision numbers",
            Self::Text(_) => "texts",
            Self::TextList(_) => "lists of texts",
            Self::OptionalTextList(_) => "optional lists of texts",
            Self::NumberList(_) => "lists of numbers",
        }
    }
}

/// Named columns of equal length, and metadata about them.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Table {
    columns: Vec<(String, Column)>,
    metadata: BTreeMap<String, String>,
}

impl Table {
    /// No columns yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// The same table, with a key and a value that its file carries.
    #[must_use]
    pub fn with_metadata(mut self, key: &str, value: &str) -> Self {
        self.metadata.insert(key.to_owned(), value.to_owned());
        self
    }

    /// The same table, with that metadata and no other.
    #[must_use]
    pub fn with_all_metadata(mut self, metadata: BTreeMap<String, String>) -> Self {
        self.metadata = metadata;
        self
    }

    /// Adds a column.
    ///
    /// # Errors
    /// A name that is taken; a length that differs from that of the columns before.
    pub fn push(&mut self, name: &str, column: Column) -> Result<(), DataError> {
        let refuse = |reason| Err(DataError::BadColumn { column: name.to_owned(), reason });
        if self.columns.iter().any(|(taken, _)| taken == name) {
            return refuse("the table has a column of that name already".to_owned());
        }
        if !self.columns.is_empty() && column.len() != self.n_rows() {
            return refuse(format!("it has `{}` rows, the others have `{}`", column.len(), self.n_rows()));
        }
        self.columns.push((name.to_owned(), column));
        Ok(())
    }

    /// The column called `name`.
    ///
    /// # Errors
    /// If there is none.
    pub fn column(&self, name: &str) -> Result<&Column, DataError> {
        self.get(name).ok_or_else(|| self.no_column(name, "any kind"))
    }

    /// The integers of the column called `name`.
    ///
    /// # Errors
    /// If there is no such column of integers.
    pub fn integers(&self, name: &str) -> Result<&[Option<i64>], DataError> {
        let Column::I64(values) = self.column(name)? else { return Err(self.no_column(name, "integers")) };
        Ok(values)
    }

    /// The row numbers of the column called `name`.
    ///
    /// # Errors
    /// If there is no such column of row numbers.
    pub fn row_numbers(&self, name: &str) -> Result<&[u32], DataError> {
        let Column::U32(values) = self.column(name)? else { return Err(self.no_column(name, "row numbers")) };
        Ok(values)
    }

    /// The single-precision numbers of the column called `name`.
    ///
    /// # Errors
    /// If there is no such column of single-precision numbers.
    pub fn numbers(&self, name: &str) -> Result<&[Option<f32>], DataError> {
        let expected = "single-precision numbers";
        let Column::F32(values) = self.column(name)? else { return Err(self.no_column(name, expected)) };
        Ok(values)
    }

    /// The texts of the column called `name`.
    ///
    /// # Errors
    /// If there is no such column of texts.
    pub fn texts(&self, name: &str) -> Result<&[Option<String>], DataError> {
        let Column::Text(values) = self.column(name)? else { return Err(self.no_column(name, "texts")) };
        Ok(values)
    }

    /// The ids in the column called `name`, which are integers or texts.
    ///
    /// # Errors
    /// If there is no such column, or an id is missing.
    pub fn ids(&self, name: &str) -> Result<Vec<RawId>, DataError> {
        let ids: Option<Vec<RawId>> = match self.column(name)? {
            Column::I64(values) => values.iter().map(|id| id.map(RawId::Integer)).collect(),
            Column::Text(values) => values.iter().map(|id| id.as_deref().map(RawId::parse)).collect(),
            _ => None,
        };
        ids.ok_or_else(|| self.no_column(name, "ids, none missing"))
    }

    /// The column called `name`, if there is one.
    pub fn get(&self, name: &str) -> Option<&Column> {
        self.columns.iter().find(|(known, _)| known == name).map(|(_, column)| column)
    }

    /// The error of a column that is missing, or does not hold what is `expected`.
    pub fn no_column(&self, name: &str, expected: &'static str) -> DataError {
        let found: Vec<String> =
            self.columns.iter().map(|(name, column)| format!("`{name}` of {}", column.kind())).collect();
        DataError::NoColumn {
            table: self.metadata("table").map_or_else(|| "a table".to_owned(), |table| format!("table `{table}`")),
            column: name.to_owned(),
            expected,
            found: if found.is_empty() { "none".to_owned() } else { found.join(", ") },
        }
    }

    /// The columns' names, in order.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.columns.iter().map(|(name, _)| name.as_str())
    }

    /// The columns, in order.
    pub fn columns(&self) -> impl Iterator<Item = (&str, &Column)> {
        self.columns.iter().map(|(name, column)| (name.as_str(), column))
    }

    /// How many rows each column has.
    pub fn n_rows(&self) -> usize {
        self.columns.first().map_or(0, |(_, column)| column.len())
    }

    /// The value that the metadata has for `key`.
    pub fn metadata(&self, key: &str) -> Option<&str> {
        self.metadata.get(key).map(String::as_str)
    }

    /// All of the metadata.
    pub fn all_metadata(&self) -> &BTreeMap<String, String> {
        &self.metadata
    }

    /// The same as Arrow's, for other programs in this process.
    pub fn into_batch(self) -> RecordBatch {
        let fields: Vec<_> = self.columns().map(|(name, column)| convert::field(name, column)).collect();
        let arrays = self.columns().map(|(_, column)| convert::array(column)).collect();
        let options = RecordBatchOptions::new().with_row_count(Some(self.n_rows()));
        let batch = RecordBatch::try_new_with_options(Arc::new(Schema::new(fields)), arrays, &options);
        batch.expect("all columns have as many rows, and the kinds of their fields")
    }

    /// Writes a Parquet file.
    ///
    /// # Errors
    /// If the file can't be written.
    pub fn write(&self, path: &Path) -> Result<(), DataError> {
        let mut writer = TableWriter::create(path, self)?;
        writer.write(self)?;
        writer.finish(&self.metadata)
    }

    /// Reads a Parquet file that holds only the kinds of columns that a [`Column`] can be.
    ///
    /// # Errors
    /// A file that is not there, is damaged, or holds other kinds of columns.
    pub fn read(path: &Path) -> Result<Self, DataError> {
        Self::read_first(path, usize::MAX).map(|(table, _)| table)
    }

    /// Reads no more than the first `limit` rows of a Parquet file, and says how many it has.
    ///
    /// # Errors
    /// As [`Table::read`].
    pub fn read_first(path: &Path, limit: usize) -> Result<(Self, u64), DataError> {
        let opened = chunks::Opened::new(path)?;
        let mut columns = opened.columns()?;
        let damaged = |reason: String| DataError::parquet(path)(reason);
        let expected = usize::try_from(opened.n_rows()).unwrap_or(usize::MAX).min(limit);
        // Each column by itself, on all cores.
        columns.par_iter_mut().enumerate().try_for_each(|(at, (_, column))| {
            let batches = opened.column(at, limit)?;
            let read = || -> Result<(), String> {
                convert::reserve(column, expected);
                for batch in batches {
                    convert::append(column, batch.map_err(|error| error.to_string())?.column(0).as_ref())?;
                }
                Ok(())
            };
            guarded(read).flatten().map_err(damaged)?;
            if column.len() == expected { Ok(()) } else { Err(damaged(of_other_lengths(column.len(), expected))) }
        })?;
        Ok((Self { columns, metadata: opened.metadata() }, opened.n_rows()))
    }
}

/// The error of a column with another number of rows than the file states, which a damaged file may have.
fn of_other_lengths(found: usize, expected: usize) -> String {
    format!("a column has `{found}` rows where the file has `{expected}`")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::records::{ParquetRows, Records, Row};

    fn example() -> Table {
        let mut table = Table::new().with_metadata("table", "example").with_metadata("source", "test");
        table.push("i", Column::I64(vec![Some(i64::MIN), None, Some(7)])).unwrap();
        table.push("u", Column::U32(vec![0, u32::MAX, 3])).unwrap();
        table.push("f", Column::F32(vec![Some(0.1), None, Some(-0.0)])).unwrap();
        table.push("d", Column::F64(vec![None, Some(f64::MAX), Some(0.1)])).unwrap();
        table.push("t", Column::Text(vec![Some("é".to_owned()), Some(String::new()), None])).unwrap();
        let list = |items: &[&str]| items.iter().map(|item| (*item).to_owned()).collect::<Vec<_>>();
        table.push("l", Column::TextList(vec![list(&["a", "b"]), list(&[]), list(&["c"])])).unwrap();
        table.push("n", Column::NumberList(vec![vec![0.1, -0.0], vec![], vec![f32::MAX]])).unwrap();
        table.push("o", Column::OptionalTextList(vec![Some(list(&["a"])), Some(list(&[])), None])).unwrap();
        table
    }

    #[test]
    fn what_is_written_is_read_back_and_bytes_repeat() {
        let dir = tempfile::tempdir().unwrap();
        let (one, two) = (dir.path().join("1.parquet"), dir.path().join("2.parquet"));
        example().write(&one).unwrap();
        example().write(&two).unwrap();
        assert_eq!(Table::read(&one).unwrap(), example());
        assert_eq!(std::fs::read(&one).unwrap(), std::fs::read(&two).unwrap());
        assert_eq!(Table::read(&one).unwrap().metadata("source"), Some("test"));
        let (first, n_rows) = Table::read_first(&one, 2).unwrap();
        assert_eq!((first.n_rows(), n_rows), (2, 3));
        assert_eq!(first.column("u").unwrap(), &Column::U32(vec![0, u32::MAX]));
        assert_eq!(Table::read_first(&one, 0).unwrap().0.n_rows(), 0);
    }

    #[test]
    fn empty_tables_keep_their_columns() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("empty.parquet");
        let mut table = Table::new();
        table.push("i", Column::I64(vec![])).unwrap();
        table.push("l", Column::TextList(vec![])).unwrap();
        table.write(&path).unwrap();
        assert_eq!(Table::read(&path).unwrap(), table);
    }

    #[test]
    fn says_what_is_wrong() {
        let mut table = example();
        let taken = table.push("i", Column::U32(vec![0, 0, 0])).unwrap_err().to_string();
        assert_eq!(taken, "column `i`: the table has a column of that name already");
        let short = table.push("j", Column::U32(vec![0])).unwrap_err().to_string();
        assert_eq!(short, "column `j`: it has `1` rows, the others have `3`");
        let missing = table.column("z").unwrap_err().to_string();
        assert!(
            missing.starts_with(
                "no column `z` of any kind in table `example`\nhint: it has `i` of integers, `u` of row numbers"
            ),
            "{missing}"
        );
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("cut.parquet");
        example().write(&path).unwrap();
        let bytes = std::fs::read(&path).unwrap();
        std::fs::write(&path, &bytes[..bytes.len() - 9]).unwrap();
        let damaged = Table::read(&path).unwrap_err().to_string();
        assert!(
            damaged.contains("cut.parquet` is not a readable Parquet file: ") && damaged.contains("hint: "),
            "{damaged}"
        );
    }

    /// Every byte of a file changed, and the file cut short: what is read is a table, or an error that names the file.
    #[test]
    fn no_byte_of_a_damaged_file_makes_it_panic_or_give_columns_of_different_lengths() {
        let dir = tempfile::tempdir().unwrap();
        let (whole, path) = (dir.path().join("whole.parquet"), dir.path().join("damaged.parquet"));
        let mut table = Table::new();
        table.push("u", Column::U32(vec![0, 7, 3])).unwrap();
        table.push("t", Column::Text(vec![Some("é".to_owned()), None, Some("é".to_owned())])).unwrap();
        table.write(&whole).unwrap();
        let whole = std::fs::read(&whole).unwrap();
        let mut n_refused = 0;
        let mut hold = |bytes: &[u8]| {
            std::fs::write(&path, bytes).unwrap();
            match Table::read(&path) {
                Ok(table) => assert!(table.columns().all(|(_, column)| column.len() == table.n_rows())),
                Err(error) => {
                    n_refused += 1;
                    assert!(error.to_string().contains("damaged.parquet"), "{error}");
                }
            }
            let chunks = |reader: TableReader| {
                let mut n = 0;
                let read = reader.each(|chunk| -> Result<(), DataError> {
                    assert!(chunk.columns().all(|(_, column)| column.len() == chunk.n_rows()));
                    n += chunk.n_rows();
                    Ok(())
                });
                read.map(|()| n)
            };
            match TableReader::open(&path).and_then(chunks) {
                Ok(n) => assert_eq!(n, Table::read(&path).unwrap().n_rows()),
                Err(error) => assert!(error.to_string().contains("damaged.parquet"), "{error}"),
            }
            // The file is also read like any user's table, whatever its columns have become.
            let wanted = ["u".to_owned(), "t".to_owned()];
            if let Ok(mut rows) = ParquetRows::open(&path, &wanted, "|") {
                let mut row = Row::default();
                while rows.read(&mut row).unwrap_or(false) && row.line() < 100 {}
            }
        };
        for at in 0..whole.len() {
            for flip in [0x01, 0x40, 0xff] {
                let mut bytes = whole.clone();
                bytes[at] ^= flip;
                hold(&bytes);
            }
        }
        hold(&whole[..whole.len() / 2]);
        assert!(n_refused > whole.len(), "{n_refused}");
    }
}
