//! Reads rows of any user's Parquet file as text fields.
//!
//! Does not know which columns matter, only their names.
//!
//! **Invariant**: a number is written so that reading it back gives the same number; a point in time becomes whole
//! seconds since 1970 (UTC), rounded down; a list of texts becomes one field.

use std::fmt::Write;
use std::fs::File;
use std::path::{Path, PathBuf};

use arrow::array::{Array, ArrayRef, AsArray, RecordBatch};
use arrow::datatypes::{
    DataType, Date32Type, Date64Type, Decimal32Type, Decimal64Type, Decimal128Type, Float16Type, Float32Type,
    Float64Type, Int8Type, Int16Type, Int32Type, Int64Type, TimeUnit, TimestampMicrosecondType,
    TimestampMillisecondType, TimestampNanosecondType, TimestampSecondType, UInt8Type, UInt16Type, UInt32Type,
    UInt64Type,
};
use parquet::arrow::ProjectionMask;
use parquet::arrow::arrow_reader::{ArrowReaderOptions, ParquetRecordBatchReader, ParquetRecordBatchReaderBuilder};

use super::{Records, Row, cut, places};
use crate::DataError;
use crate::border::guarded;

/// A reader of one file.
pub(crate) struct ParquetRows {
    path: PathBuf,
    reader: ParquetRecordBatchReader,
    batch: Option<RecordBatch>,
    /// The column of a batch for each wanted field.
    places: Vec<Option<usize>>,
    list_separator: String,
    next: usize,
    line: u64,
    field: String,
}

impl ParquetRows {
    /// Opens a file to read some of its columns. A list becomes one field, with `list_separator` between its values.
    pub(crate) fn open(path: &Path, wanted: &[String], list_separator: &str) -> Result<Self, DataError> {
        let file = File::open(path).map_err(DataError::io("read", path))?;
        // Without the embedded Arrow schema, pandas' categories are plain texts.
        let options = ArrowReaderOptions::new().with_skip_arrow_metadata(true);
        let builder = builder(path, file, options)?;
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
                    reason: format!("column `{}` holds {}", field.name(), kind(field.data_type())),
                    hint: "numbers, texts, times and lists of texts can be read".to_owned(),
                });
            }
        }
        let places = in_file.iter().map(|place| place.and_then(|place| kept.binary_search(&place).ok())).collect();
        let mask = ProjectionMask::roots(builder.parquet_schema(), kept);
        let reader = guarded(|| builder.with_projection(mask).build()).map_err(DataError::parquet(path))?;
        let reader = reader.map_err(DataError::parquet(path))?;
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

/// A column of a Parquet file.
#[derive(Clone, Debug)]
pub(crate) struct ParquetColumn {
    pub(crate) name: String,
    /// Whether it holds points in time.
    pub(crate) is_time: bool,
    /// What it holds, if that can't be read.
    pub(crate) unreadable: Option<String>,
}

/// The columns of a Parquet file, in order.
///
/// # Errors
/// A file that is not there, or is not a Parquet file.
pub(crate) fn parquet_columns(path: &Path) -> Result<Vec<ParquetColumn>, DataError> {
    let file = File::open(path).map_err(DataError::io("read", path))?;
    let options = ArrowReaderOptions::new().with_skip_arrow_metadata(true);
    let builder = builder(path, file, options)?;
    let is_time = |kind: &DataType| matches!(kind, DataType::Timestamp(..) | DataType::Date32 | DataType::Date64);
    let columns = builder.schema().fields().iter().map(|field| ParquetColumn {
        name: field.name().clone(),
        is_time: is_time(field.data_type()),
        unreadable: (!is_known(field.data_type())).then(|| kind(field.data_type())),
    });
    Ok(columns.collect())
}

fn builder(
    path: &Path,
    file: File,
    options: ArrowReaderOptions,
) -> Result<ParquetRecordBatchReaderBuilder<File>, DataError> {
    let builder = guarded(|| ParquetRecordBatchReaderBuilder::try_new_with_options(file, options));
    builder.map_err(DataError::parquet(path))?.map_err(DataError::parquet(path))
}

fn is_known(data_type: &DataType) -> bool {
    match data_type {
        DataType::List(item) | DataType::LargeList(item) => {
            matches!(item.data_type(), DataType::Utf8 | DataType::LargeUtf8)
        }
        DataType::Timestamp(..) | DataType::Date32 | DataType::Date64 => true,
        DataType::Utf8 | DataType::LargeUtf8 | DataType::Binary | DataType::Boolean => true,
        DataType::FixedSizeBinary(length) => *length == 16,
        DataType::Float16 | DataType::Float32 | DataType::Float64 => true,
        DataType::Decimal32(..) | DataType::Decimal64(..) | DataType::Decimal128(..) => true,
        other => other.is_integer(),
    }
}

/// What a column holds, in words.
fn kind(data_type: &DataType) -> String {
    match data_type {
        DataType::Struct(_) | DataType::Map(..) => "records".to_owned(),
        DataType::List(_) | DataType::LargeList(_) => "lists that are not of texts".to_owned(),
        DataType::Time32(_) | DataType::Time64(_) => "times of day without a date".to_owned(),
        DataType::Duration(_) | DataType::Interval(_) => "lengths of time".to_owned(),
        DataType::FixedSizeBinary(_) | DataType::LargeBinary => "bytes".to_owned(),
        other => format!("values of the kind `{other}`"),
    }
}

/// Appends the value at `row`, as text; nothing if it is missing.
///
/// # Errors
/// Bytes that are not text.
fn write(array: &ArrayRef, row: usize, separator: &str, out: &mut String) -> Result<(), String> {
    if array.is_null(row) {
        return Ok(());
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
        DataType::LargeUtf8 => out.push_str(array.as_string::<i64>().value(row)),
        // Writers that do not mark their bytes mean text.
        DataType::Binary => {
            let bytes = array.as_binary::<i32>().value(row);
            let refuse = |_| format!("`{}` is not UTF-8", cut(&bytes.escape_ascii().to_string()));
            out.push_str(std::str::from_utf8(bytes).map_err(refuse)?);
        }
        DataType::FixedSizeBinary(_) => {
            for (at, byte) in array.as_fixed_size_binary().value(row).iter().enumerate() {
                let dash = if matches!(at, 4 | 6 | 8 | 10) { "-" } else { "" };
                write!(out, "{dash}{byte:02x}").expect("a String takes all text");
            }
        }
        DataType::Decimal32(..) => out.push_str(&array.as_primitive::<Decimal32Type>().value_as_string(row)),
        DataType::Decimal64(..) => out.push_str(&array.as_primitive::<Decimal64Type>().value_as_string(row)),
        DataType::Decimal128(..) => out.push_str(&array.as_primitive::<Decimal128Type>().value_as_string(row)),
        DataType::Boolean => out.push_str(if array.as_boolean().value(row) { "1" } else { "0" }),
        DataType::Int8 => number!(Int8Type),
        DataType::Int16 => number!(Int16Type),
        DataType::Int32 => number!(Int32Type),
        DataType::Int64 => number!(Int64Type),
        DataType::UInt8 => number!(UInt8Type),
        DataType::UInt16 => number!(UInt16Type),
        DataType::UInt32 => number!(UInt32Type),
        DataType::UInt64 => number!(UInt64Type),
        DataType::Float16 => number!(Float16Type),
        DataType::Float32 => number!(Float32Type),
        DataType::Float64 => number!(Float64Type),
        DataType::Date32 => {
            write!(out, "{}", i64::from(array.as_primitive::<Date32Type>().value(row)) * 86_400)
                .expect("a String takes all text");
        }
        DataType::Date64 => seconds!(Date64Type, 1_000),
        DataType::Timestamp(TimeUnit::Second, _) => seconds!(TimestampSecondType, 1),
        DataType::Timestamp(TimeUnit::Millisecond, _) => seconds!(TimestampMillisecondType, 1_000),
        DataType::Timestamp(TimeUnit::Microsecond, _) => seconds!(TimestampMicrosecondType, 1_000_000),
        DataType::Timestamp(TimeUnit::Nanosecond, _) => seconds!(TimestampNanosecondType, 1_000_000_000),
        DataType::List(_) => push_list(&array.as_list::<i32>().value(row), separator, out),
        DataType::LargeList(_) => push_list(&array.as_list::<i64>().value(row), separator, out),
        _ => {}
    }
    Ok(())
}

fn push_list(list: &ArrayRef, separator: &str, out: &mut String) {
    let texts: Vec<&str> = match list.data_type() {
        DataType::Utf8 => list.as_string::<i32>().iter().flatten().collect(),
        _ => list.as_string::<i64>().iter().flatten().collect(),
    };
    out.push_str(&texts.join(separator));
}

impl Records for ParquetRows {
    fn read(&mut self, row: &mut Row) -> Result<bool, DataError> {
        while self.batch.as_ref().is_none_or(|batch| self.next == batch.num_rows()) {
            let batch = guarded(|| self.reader.next()).map_err(DataError::parquet(&self.path))?;
            let Some(batch) = batch else { return Ok(false) };
            self.batch = Some(batch.map_err(DataError::parquet(&self.path))?);
            self.next = 0;
        }
        let batch = self.batch.as_ref().expect("the loop ends only with a batch");
        self.line += 1;
        row.begin(self.line);
        for place in &self.places {
            self.field.clear();
            let Some(place) = place else {
                row.push("");
                continue;
            };
            let column = batch.column(*place);
            if let Err(problem) = write(column, self.next, &self.list_separator, &mut self.field) {
                row.fail(problem);
            }
            match column.data_type() {
                DataType::List(_) | DataType::LargeList(_) => row.push_list(&self.field),
                _ => row.push(&self.field),
            }
        }
        self.next += 1;
        Ok(true)
    }
}
