//! How is a table written that is too large to hold?
//!
//! Does not know where its chunks come from.
//!
//! **Invariant**: the file's bytes depend on the rows alone, not on how they were cut into chunks of equal size.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::BufWriter;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use arrow::array::RecordBatch;
use arrow::datatypes::{Schema, SchemaRef};
use parquet::arrow::ArrowWriter;
use parquet::arrow::arrow_writer::ArrowWriterOptions;
use parquet::basic::{Compression, ZstdLevel};
use parquet::file::metadata::KeyValue;
use parquet::file::properties::{EnabledStatistics, WriterProperties};

use super::{Table, convert};
use crate::DataError;

/// Rows of one row group. A writer holds one row group in memory, encoded.
const ROW_GROUP: usize = 1 << 20;

/// Writes a Parquet file chunk by chunk.
pub(crate) struct TableWriter {
    path: PathBuf,
    schema: SchemaRef,
    writer: ArrowWriter<BufWriter<File>>,
}

impl TableWriter {
    /// Starts a file whose columns are those of `like`.
    pub(crate) fn create(path: &Path, like: &Table) -> Result<Self, DataError> {
        let fields: Vec<_> = like.columns().map(|(name, column)| convert::field(name, column)).collect();
        let schema = Arc::new(Schema::new(fields));
        let properties = WriterProperties::builder()
            .set_compression(Compression::ZSTD(ZstdLevel::default()))
            .set_statistics_enabled(EnabledStatistics::Chunk)
            .set_max_row_group_row_count(Some(ROW_GROUP))
            .set_created_by("reco".to_owned())
            .build();
        let file = File::create(path).map_err(DataError::io("create", path))?;
        // The Arrow schema is left out: the Parquet one says all of it, and the file's metadata stays our own.
        let options = ArrowWriterOptions::new().with_properties(properties).with_skip_arrow_metadata(true);
        let writer = ArrowWriter::try_new_with_options(BufWriter::new(file), schema.clone(), options)
            .map_err(cant_write(path))?;
        Ok(Self { path: path.to_owned(), schema, writer })
    }

    /// Adds the rows of `chunk`, whose columns are those that the file was started with.
    pub(crate) fn write(&mut self, chunk: &Table) -> Result<(), DataError> {
        if chunk.n_rows() == 0 {
            return Ok(());
        }
        let arrays = chunk.columns().map(|(_, column)| convert::array(column)).collect();
        let batch = RecordBatch::try_new(self.schema.clone(), arrays).map_err(cant_write(&self.path))?;
        self.writer.write(&batch).map_err(cant_write(&self.path))
    }

    /// Ends the file with its metadata, and makes sure that it is on disk.
    pub(crate) fn finish(mut self, metadata: &BTreeMap<String, String>) -> Result<(), DataError> {
        for (key, value) in metadata {
            self.writer.append_key_value_metadata(KeyValue::new(key.clone(), value.clone()));
        }
        let buffer = self.writer.into_inner().map_err(cant_write(&self.path))?;
        let file = buffer.into_inner().map_err(|error| DataError::io("write", &self.path)(error.into_error()))?;
        file.sync_all().map_err(DataError::io("write", &self.path))
    }
}

fn cant_write<E: std::error::Error + Send + Sync + 'static>(path: &Path) -> impl FnOnce(E) -> DataError {
    let path = path.to_owned();
    move |error| DataError::Io { action: "write", path, source: std::io::Error::other(error) }
}
