//! Rows of anyone's Parquet file.
//!
//! Does not know which columns matter, only their names.
//!
//! **Invariant**: a number is written so that reading it back gives the same number; a point in time becomes whole seconds
//! since 1970 (UTC), rounded down; a list of texts becomes one field.

use std::fmt::Write;
use std::fs::File;
use std::path::{Path, PathBuf};

use arrow::array::{Array, ArrayRef, AsArray, RecordBatch};
use arrow::datatypes::{
    DataType, Date32Type, Float32Type, Float64Type, Int8Type, Int16Type, Int32Type, Int64Type, TimeUnit,
    TimestampMicrosecondType, TimestampMillisecondType, TimestampNanosecondType, UInt8Type, UInt16Type, UInt32Type,
    UInt64Type,
};
use parquet::arrow::ProjectionMask;
use parquet::arrow::arrow_reader::{ArrowReaderOptions, ParquetRecordBatchReader, ParquetRecordBatchReaderBuilder};

use super::{Records, Row, places};
use crate::DataError;

/// A reader of one file.
pub(crate) struct ParquetRows {
    path: PathBuf,
    reader: ParquetRecordBatchReader,
    batch: Option<RecordBatch>,
    /// Which column of a batch each wanted field is.
    places: Vec<Option<usize>>,
    list_separator: String,
    next: usize,
    line: u64,
    field: String,
}

impl ParquetRows {
    /// Opens a file and wants some of its columns. A list becomes one field, with `list_separator` between its values.
    pub(crate) fn open(path: &Path, wanted: &[String], list_separator: &str) -> Result<Self, DataError> {
        let file = File::open(path).map_err(DataError::io("read", path))?;
        // Without the embedded Arrow schema, pandas' categories are plain texts.
        let options = ArrowReaderOptions::new().with_skip_arrow_metadata(true);
        let builder =
            ParquetRecordBatchReaderBuilder::try_new_with_options(file, options).map_err(DataError::parquet(path))?;
        let found: Vec<String> = builder.schema().fields().iter().map(|field| field.name().clone()).collect();
        let in_file = places(path, &found, wanted)?;
        let mut kept: Vec<usize> = in_file.iter().copied().flatten().collect();
        kept.sort_unstable();
        kept.dedup();
        for &column in &kept {
            let field = builder.schema().field(column);
            if !is_known(field.data_type()) {
                return Err(DataError::Format {
                    path: path.to_owned(),
                    reason: format!("column `{}` holds `{}`", field.name(), field.data_type()),
                    hint: "numbers, texts, times and lists of texts can be read".to_owned(),
                });
            }
        }
        let places = in_file.iter().map(|place| place.and_then(|place| kept.binary_search(&place).ok())).collect();
        let mask = ProjectionMask::roots(builder.parquet_schema(), kept);
        let reader = builder.with_projection(mask).build().map_err(DataError::parquet(path))?;
        Ok(Self {
            path: path.to_owned(),
            reader,
            batch: None,
            places,
            list_separator: list_separator.to_owned(),
            next: 0,
            line: 0,
            field: String::new(),
        })
    }
}

/// The names of a Parquet file's columns, in order.
///
/// # Errors
/// A file that is not there, or is no Parquet file.
pub(crate) fn parquet_columns(path: &Path) -> Result<Vec<String>, DataError> {
    let file = File::open(path).map_err(DataError::io("read", path))?;
    let options = ArrowReaderOptions::new().with_skip_arrow_metadata(true);
    let builder =
        ParquetRecordBatchReaderBuilder::try_new_with_options(file, options).map_err(DataError::parquet(path))?;
    Ok(builder.schema().fields().iter().map(|field| field.name().clone()).collect())
}

fn is_known(data_type: &DataType) -> bool {
    match data_type {
        DataType::List(item) => item.data_type() == &DataType::Utf8,
        DataType::Timestamp(_, _) => true,
        other => {
            other.is_integer()
                || matches!(
                    other,
                    DataType::Boolean | DataType::Float32 | DataType::Float64 | DataType::Utf8 | DataType::Date32
                )
        }
    }
}

/// Appends the value at `row`, as text; nothing if it is missing.
fn write(array: &ArrayRef, row: usize, separator: &str, out: &mut String) {
    if array.is_null(row) {
        return;
    }
    macro_rules! number {
        ($kind:ty) => {
            write!(out, "{}", array.as_primitive::<$kind>().value(row)).expect("a String takes all text")
        };
    }
    macro_rules! seconds {
        ($kind:ty, $per_second:expr) => {
            write!(out, "{}", i64::from(array.as_primitive::<$kind>().value(row)).div_euclid($per_second))
                .expect("a String takes all text")
        };
    }
    match array.data_type() {
        DataType::Utf8 => out.push_str(array.as_string::<i32>().value(row)),
        DataType::Boolean => out.push_str(if array.as_boolean().value(row) { "1" } else { "0" }),
        DataType::Int8 => number!(Int8Type),
        DataType::Int16 => number!(Int16Type),
        DataType::Int32 => number!(Int32Type),
        DataType::Int64 => number!(Int64Type),
        DataType::UInt8 => number!(UInt8Type),
        DataType::UInt16 => number!(UInt16Type),
        DataType::UInt32 => number!(UInt32Type),
        DataType::UInt64 => number!(UInt64Type),
        DataType::Float32 => number!(Float32Type),
        DataType::Float64 => number!(Float64Type),
        DataType::Date32 => {
            write!(out, "{}", i64::from(array.as_primitive::<Date32Type>().value(row)) * 86_400)
                .expect("a String takes all text");
        }
        DataType::Timestamp(TimeUnit::Millisecond, _) => seconds!(TimestampMillisecondType, 1_000),
        DataType::Timestamp(TimeUnit::Microsecond, _) => seconds!(TimestampMicrosecondType, 1_000_000),
        DataType::Timestamp(TimeUnit::Nanosecond, _) => seconds!(TimestampNanosecondType, 1_000_000_000),
        DataType::List(_) => {
            let list = array.as_list::<i32>().value(row);
            for (i, text) in list.as_string::<i32>().iter().flatten().enumerate() {
                if i > 0 {
                    out.push_str(separator);
                }
                out.push_str(text);
            }
        }
        _ => {}
    }
}

impl Records for ParquetRows {
    fn read(&mut self, row: &mut Row) -> Result<bool, DataError> {
        while self.batch.as_ref().is_none_or(|batch| self.next == batch.num_rows()) {
            let Some(batch) = self.reader.next() else { return Ok(false) };
            self.batch = Some(batch.map_err(DataError::parquet(&self.path))?);
            self.next = 0;
        }
        let batch = self.batch.as_ref().expect("the loop ends only with a batch");
        self.line += 1;
        row.begin(self.line);
        for place in &self.places {
            self.field.clear();
            if let Some(place) = place {
                write(batch.column(*place), self.next, &self.list_separator, &mut self.field);
            }
            row.push(&self.field);
        }
        self.next += 1;
        Ok(true)
    }

    fn position(&self) -> u64 {
        0
    }
}
