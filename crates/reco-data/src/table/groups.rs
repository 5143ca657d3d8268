//! Reads any row group of a Parquet file.
//!
//! Does not know in which order groups are read.
//!
//! **Invariant**: the rows of a group are those that the footer counts for it, in the file's order, in columns of one
//! length; a file that is damaged is an error that names it.

use std::fs::File;
use std::path::{Path, PathBuf};

use parquet::arrow::ProjectionMask;
use parquet::arrow::arrow_reader::{ArrowReaderMetadata, ParquetRecordBatchReaderBuilder};

use super::chunks::{Opened, ROWS};
use super::{Table, convert, guarded, of_other_lengths};
use crate::DataError;

/// Reads a Parquet file that holds only the kinds of columns that a [`Column`](super::Column) can be, one row group at
/// a time. Nothing of the rows is kept.
pub struct TableGroups {
    path: PathBuf,
    known: ArrowReaderMetadata,
    /// The columns that are read, without their rows, and the metadata.
    like: Table,
    /// Where these columns stand in the file.
    places: Vec<usize>,
}

impl TableGroups {
    /// Opens the file; of its columns those are read whose names are `wanted`.
    ///
    /// # Errors
    /// A file that is not there, is damaged, or holds other kinds of columns.
    pub fn open(path: &Path, wanted: impl Fn(&str) -> bool) -> Result<Self, DataError> {
        let opened = Opened::new(path)?;
        let columns = opened.columns()?.into_iter().enumerate().filter(|(_, (name, _))| wanted(name));
        let (places, columns) = columns.unzip();
        let like = Table { columns, metadata: opened.metadata() };
        Ok(Self { path: path.to_owned(), known: opened.known, like, places })
    }

    /// The table without its rows: the columns that are read, and the metadata.
    pub fn like(&self) -> &Table {
        &self.like
    }

    /// How many row groups the file has.
    pub fn n_groups(&self) -> usize {
        self.known.metadata().num_row_groups()
    }

    /// How many rows the file says that `group` has. Panics beyond the last.
    pub fn n_rows(&self, group: usize) -> usize {
        usize::try_from(self.known.metadata().row_group(group).num_rows()).unwrap_or_default()
    }

    /// The rows of `group`. Panics beyond the last.
    ///
    /// # Errors
    /// A damaged file.
    pub fn read(&self, group: usize) -> Result<Table, DataError> {
        let damaged = |reason: String| DataError::parquet(&self.path)(format!("row group `{group}`: {reason}"));
        let file = File::open(&self.path).map_err(DataError::io("read", &self.path))?;
        let n = self.n_rows(group);
        let mut table = self.like.clone();
        let read = || -> Result<(), String> {
            let of_columns = ProjectionMask::roots(
                self.known.metadata().file_metadata().schema_descr(),
                self.places.iter().copied(),
            );
            let builder = ParquetRecordBatchReaderBuilder::new_with_metadata(file, self.known.clone());
            let builder = builder.with_projection(of_columns).with_row_groups(vec![group]).with_batch_size(ROWS);
            for (_, column) in &mut table.columns {
                convert::reserve(column, n);
            }
            for batch in builder.build().map_err(|error| error.to_string())? {
                let batch = batch.map_err(|error| error.to_string())?;
                for ((_, column), array) in table.columns.iter_mut().zip(batch.columns()) {
                    convert::append(column, array.as_ref())?;
                }
            }
            Ok(())
        };
        guarded(read).flatten().map_err(damaged)?;
        match table.columns.iter().find(|(_, column)| column.len() != n) {
            Some((_, column)) => Err(damaged(of_other_lengths(column.len(), n))),
            None => Ok(table),
        }
    }
}
