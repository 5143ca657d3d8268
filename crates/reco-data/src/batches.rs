//! Takes ratings or events out of Arrow record batches, and writes batches as a file that `ingest` reads.
//!
//! Does not know where the batches come from.
//!
//! **Invariant**: a row gives one interaction, or an error that names it; rows keep their order.

use std::path::Path;

use arrow::array::{Array, ArrayRef, AsArray, RecordBatch, RecordBatchReader};
use arrow::compute::cast;
use arrow::datatypes::{DataType, Float32Type, Schema};
use arrow::error::ArrowError;
use parquet::arrow::ArrowWriter;
use parquet::arrow::arrow_writer::ArrowWriterOptions;
use parquet::basic::Compression;
use parquet::errors::ParquetError;
use parquet::file::properties::{EnabledStatistics, WriterProperties};
use reco_core::RawInteraction;

use crate::{DataError, Output};

/// The columns of a record batch that hold users, items and ratings.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BatchColumns<'a> {
    /// Ids of users: integers or text.
    pub user: &'a str,
    /// Ids of items: integers or text.
    pub item: &'a str,
    /// Numbers of stars; `None` where rows are events.
    pub rating: Option<&'a str>,
}

fn refuse(column: &str, reason: String) -> DataError {
    DataError::BadColumn { column: column.to_owned(), reason }
}

/// The place of the column `name`.
fn place(schema: &Schema, name: &str) -> Result<usize, DataError> {
    schema.index_of(name).map_err(|_| {
        let names: Vec<String> = schema.fields().iter().map(|field| format!("`{}`", field.name())).collect();
        refuse(name, format!("the record batch has no such column, only {}", names.join(", ")))
    })
}

/// The column at `place` as values of one kind, none of them missing.
fn full(batch: &RecordBatch, place: usize, kind: &DataType) -> Result<ArrayRef, DataError> {
    let (found, schema) = (batch.column(place), batch.schema());
    let refuse = |reason: String| refuse(schema.field(place).name(), reason);
    if let Some(row) = (0..found.len()).find(|row| found.is_null(*row)) {
        return Err(refuse(format!("row `{row}` has no value")));
    }
    let cast = cast(found, kind).map_err(|error| refuse(error.to_string()))?;
    // A cast makes null of what it cannot read.
    match (0..cast.len()).find(|row| cast.is_null(*row)) {
        Some(row) => Err(refuse(format!("row `{row}` has no number"))),
        None => Ok(cast),
    }
}

/// The rows of `batch`, for [`Train::builder`](reco_core::Train::builder).
///
/// # Errors
/// A column that is not there, that cannot be read as ids or numbers, or that lacks a value.
pub fn interactions(batch: &RecordBatch, columns: BatchColumns<'_>) -> Result<Vec<RawInteraction>, DataError> {
    let column = |name: &str, kind: &DataType| full(batch, place(&batch.schema(), name)?, kind);
    let users = column(columns.user, &DataType::Utf8)?;
    let items = column(columns.item, &DataType::Utf8)?;
    let ratings = columns.rating.map(|name| column(name, &DataType::Float32)).transpose()?;
    let (users, items) = (users.as_string::<i32>(), items.as_string::<i32>());
    let ratings = ratings.as_ref().map(|ratings| ratings.as_primitive::<Float32Type>());
    let row = |row: usize| {
        let event = RawInteraction::event(users.value(row), items.value(row));
        RawInteraction { stars: ratings.map(|ratings| ratings.value(row)), ..event }
    };
    Ok((0..batch.num_rows()).map(row).collect())
}

/// The first two columns of `batches` as ids of users and items.
///
/// # Errors
/// Fewer columns than two; one that cannot be read as ids, or that lacks a value.
pub fn pairs(batches: &[RecordBatch]) -> Result<Vec<(String, String)>, DataError> {
    let mut pairs = Vec::with_capacity(batches.iter().map(RecordBatch::num_rows).sum());
    for batch in batches {
        if batch.num_columns() < 2 {
            return Err(refuse("1", "pairs need two columns, of users and of items".to_owned()));
        }
        let [users, items] = [full(batch, 0, &DataType::Utf8)?, full(batch, 1, &DataType::Utf8)?];
        let (users, items) = (users.as_string::<i32>(), items.as_string::<i32>());
        pairs.extend((0..batch.num_rows()).map(|row| (users.value(row).to_owned(), items.value(row).to_owned())));
    }
    Ok(pairs)
}

/// Writes `columns` of `batches` as the Parquet file `path`, batch by batch; how many rows there are. The source
/// `table` of [`ingest`](crate::ingest) reads it.
///
/// # Errors
/// A column that is not there or is of a kind that Parquet does not have; batches that fail; a file that cannot be
/// written.
pub fn write_batches(batches: &mut dyn RecordBatchReader, columns: &[String], path: &Path) -> Result<u64, DataError> {
    let schema = batches.schema();
    let mut places: Vec<usize> = columns.iter().map(|name| place(&schema, name)).collect::<Result<_, _>>()?;
    places.sort_unstable();
    places.dedup();
    let unread = |error: ArrowError| DataError::Frame { reason: error.to_string() };
    let failed = |error: ParquetError| DataError::Io {
        action: "write",
        path: path.to_owned(),
        source: std::io::Error::other(error),
    };
    let schema = schema.project(&places).map_err(unread)?;
    // It is read once, on this machine: time counts, and not size.
    let properties = WriterProperties::builder()
        .set_compression(Compression::UNCOMPRESSED)
        .set_statistics_enabled(EnabledStatistics::None)
        .build();
    let options = ArrowWriterOptions::new().with_properties(properties).with_skip_arrow_metadata(true);
    Output::at(path)?.write(|file| {
        let mut writer = ArrowWriter::try_new_with_options(file, schema.into(), options).map_err(failed)?;
        let mut n_rows = 0;
        for batch in batches {
            let batch = batch.and_then(|batch| batch.project(&places)).map_err(unread)?;
            n_rows += batch.num_rows() as u64;
            writer.write(&batch).map_err(failed)?;
        }
        writer.close().map_err(failed)?;
        Ok(n_rows)
    })
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use arrow::array::{Float64Array, Int64Array, RecordBatchIterator, StringArray};

    use super::*;

    fn batch(stars: Vec<Option<f64>>) -> RecordBatch {
        let columns: [(&str, ArrayRef); 3] = [
            ("customer", Arc::new(Int64Array::from(vec![7, 7, 8]))),
            ("film", Arc::new(StringArray::from(vec!["Alien", "12", "Alien"]))),
            ("stars", Arc::new(Float64Array::from(stars))),
        ];
        RecordBatch::try_from_iter(columns).unwrap()
    }

    const COLUMNS: BatchColumns<'_> = BatchColumns { user: "customer", item: "film", rating: Some("stars") };

    #[test]
    fn rows_are_interactions_in_their_order() {
        let rows = interactions(&batch(vec![Some(4.5), Some(1.0), Some(3.0)]), COLUMNS).unwrap();
        let expected = [(7, "Alien", 4.5), (7, "12", 1.0), (8, "Alien", 3.0)];
        assert_eq!(rows, expected.map(|(user, item, stars)| RawInteraction::rating(user, item, stars)));
        let events = interactions(&batch(vec![None; 3]), BatchColumns { rating: None, ..COLUMNS }).unwrap();
        assert_eq!(events[2], RawInteraction::event(8, "Alien"));
    }

    #[test]
    fn batches_become_a_file_of_the_columns_that_are_wanted() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("frame.parquet");
        let batch = batch(vec![Some(4.5), None, Some(3.0)]);
        let reader = || RecordBatchIterator::new([Ok(batch.clone()), Ok(batch.clone())], batch.schema());
        let names = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>();
        assert_eq!(write_batches(&mut reader(), &names(&["stars", "film", "stars"]), &path).unwrap(), 6);
        let table = crate::table::Table::read(&path).unwrap();
        assert_eq!(table.names().collect::<Vec<_>>(), ["film", "stars"]);
        // What fails leaves the file as it was.
        let broken = [Ok(batch.clone()), Err(ArrowError::ComputeError("gone".to_owned()))];
        let broken = &mut RecordBatchIterator::new(broken, batch.schema());
        let error = write_batches(broken, &names(&["stars"]), &path).unwrap_err().to_string();
        assert!(error.starts_with("the rows cannot be read: ") && error.contains("gone"), "{error}");
        assert_eq!(crate::table::Table::read(&path).unwrap().n_rows(), 6);
        let missing = write_batches(&mut reader(), &names(&["movie"]), &path).unwrap_err().to_string();
        assert!(missing.starts_with("column `movie`: the record batch has no such column"), "{missing}");
    }

    #[test]
    fn the_first_two_columns_are_pairs() {
        let of = pairs(&[batch(vec![None; 3])]).unwrap();
        assert_eq!(of[1], ("7".to_owned(), "12".to_owned()));
        let narrow = batch(vec![None; 3]).project(&[0]).unwrap();
        assert!(pairs(&[narrow]).unwrap_err().to_string().contains("pairs need two columns"));
    }

    #[test]
    fn what_cannot_be_read_is_named() {
        let refuse = |columns, stars| interactions(&batch(stars), columns).unwrap_err().to_string();
        let full = || vec![Some(1.0); 3];
        let missing = refuse(BatchColumns { item: "movie", ..COLUMNS }, full());
        assert!(missing.starts_with("column `movie`: the record batch has no such column, only `customer`, `film`"));
        assert_eq!(refuse(COLUMNS, vec![Some(1.0), None, Some(2.0)]), "column `stars`: row `1` has no value");
        let text = refuse(BatchColumns { rating: Some("film"), ..COLUMNS }, full());
        assert_eq!(text, "column `film`: row `0` has no number");
    }
}
