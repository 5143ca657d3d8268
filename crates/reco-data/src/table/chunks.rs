//! Reads a Parquet file chunk by chunk, its columns on all cores.
//!
//! Does not know what is done with a chunk.
//!
//! **Invariant**: every row of the file is in one chunk, in the file's order; the columns of a chunk are equally long;
//! a file that is damaged is an error that names it.

use std::collections::BTreeMap;
use std::fs::File;
use std::path::{Path, PathBuf};

use parquet::arrow::ProjectionMask;
use parquet::arrow::arrow_reader::{
    ArrowReaderMetadata, ArrowReaderOptions, ParquetRecordBatchReader, ParquetRecordBatchReaderBuilder,
};
use rayon::prelude::*;

use super::{Column, Table, convert, guarded, of_other_lengths};
use crate::DataError;

/// How many rows a chunk has; the last one has fewer.
pub(super) const ROWS: usize = 1 << 16;

/// Reads a Parquet file that holds only the kinds of columns that a [`Column`] can be, without ever holding all of it.
pub struct TableReader {
    path: PathBuf,
    /// The columns without their rows, and the metadata.
    like: Table,
    n_rows: usize,
    columns: Vec<ParquetRecordBatchReader>,
    n_read: usize,
}

impl TableReader {
    /// Opens the file; no row is read yet.
    ///
    /// # Errors
    /// A file that is not there, is damaged, or holds other kinds of columns.
    pub fn open(path: &Path) -> Result<Self, DataError> {
        let opened = Opened::new(path)?;
        let like = Table { columns: opened.columns()?, metadata: opened.metadata() };
        let columns = (0..like.columns.len()).map(|at| opened.column(at, usize::MAX)).collect::<Result<_, _>>()?;
        let n_rows = usize::try_from(opened.n_rows()).unwrap_or(usize::MAX);
        Ok(Self { path: path.to_owned(), like, n_rows, columns, n_read: 0 })
    }

    /// The table without its rows: which columns there are, and the metadata.
    pub fn like(&self) -> &Table {
        &self.like
    }

    /// How many rows the file says that it has.
    pub fn n_rows(&self) -> usize {
        self.n_rows
    }

    /// Calls `work` with each chunk, in order, while the next one is read.
    ///
    /// # Errors
    /// A damaged file; those of `work`.
    pub fn each<E: From<DataError> + Send>(
        mut self,
        mut work: impl FnMut(&Table) -> Result<(), E> + Send,
    ) -> Result<(), E> {
        let (mut chunk, mut next) = (self.like.clone(), self.like.clone());
        self.read(&mut chunk)?;
        while chunk.n_rows() > 0 {
            let (done, read) = rayon::join(|| work(&chunk), || self.read(&mut next));
            done.and(read.map_err(E::from))?;
            std::mem::swap(&mut chunk, &mut next);
        }
        Ok(())
    }

    /// Replaces the rows of `chunk` by the next ones; there are none after the last.
    fn read(&mut self, chunk: &mut Table) -> Result<(), DataError> {
        let Self { path, n_rows, n_read, columns, .. } = self;
        let path: &Path = path;
        let expected = (*n_rows - *n_read).min(ROWS);
        let damaged = |reason: String| DataError::parquet(path)(reason);
        chunk.columns.par_iter_mut().zip(columns).try_for_each(|((_, column), batches)| {
            column.clear();
            let read = || -> Result<(), String> {
                // After the last chunk there is nothing, or the footer counted too few rows.
                while column.len() < expected.max(1) {
                    let Some(batch) = batches.next() else { break };
                    convert::append(column, batch.map_err(|error| error.to_string())?.column(0).as_ref())?;
                }
                Ok(())
            };
            guarded(read).flatten().map_err(damaged)?;
            if column.len() == expected { Ok(()) } else { Err(damaged(of_other_lengths(column.len(), expected))) }
        })?;
        *n_read += expected;
        Ok(())
    }
}

/// A file of which the footer is read.
pub(super) struct Opened<'a> {
    path: &'a Path,
    pub(super) known: ArrowReaderMetadata,
}

impl<'a> Opened<'a> {
    pub(super) fn new(path: &'a Path) -> Result<Self, DataError> {
        let file = File::open(path).map_err(DataError::io("read", path))?;
        let known = guarded(|| ArrowReaderMetadata::load(&file, ArrowReaderOptions::new()));
        let known = known.map_err(DataError::parquet(path))?.map_err(DataError::parquet(path))?;
        Ok(Self { path, known })
    }

    /// An empty column for each that the file has.
    pub(super) fn columns(&self) -> Result<Vec<(String, Column)>, DataError> {
        convert::empty(self.known.schema()).map_err(DataError::parquet(self.path))
    }

    pub(super) fn metadata(&self) -> BTreeMap<String, String> {
        let pairs = self.known.metadata().file_metadata().key_value_metadata().into_iter().flatten();
        pairs.filter_map(|pair| Some((pair.key.clone(), pair.value.clone()?))).collect()
    }

    pub(super) fn n_rows(&self) -> u64 {
        u64::try_from(self.known.metadata().file_metadata().num_rows()).unwrap_or_default()
    }

    /// The first `limit` rows of the column that stands at `at`, in batches.
    pub(super) fn column(&self, at: usize, limit: usize) -> Result<ParquetRecordBatchReader, DataError> {
        let file = File::open(self.path).map_err(DataError::io("read", self.path))?;
        let build = || {
            let one = ProjectionMask::roots(self.known.metadata().file_metadata().schema_descr(), [at]);
            let builder = ParquetRecordBatchReaderBuilder::new_with_metadata(file, self.known.clone());
            builder.with_projection(one).with_batch_size(limit.clamp(1, ROWS)).with_limit(limit).build()
        };
        guarded(build).map_err(DataError::parquet(self.path))?.map_err(DataError::parquet(self.path))
    }
}
