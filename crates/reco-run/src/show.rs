//! Reads the first rows of a Parquet table.
//!
//! Does not know what a column means.
//!
//! **Invariant**: no more rows are read than are shown.

use std::collections::BTreeMap;
use std::path::Path;

use reco_data::table::{Column, Table};
use serde::Serialize;
use serde_json::Value;

use crate::RunError;

/// The first rows of a Parquet file.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Shown {
    /// The file.
    pub path: String,
    /// The number of all its rows.
    pub n_rows: u64,
    /// The columns' names.
    pub columns: Vec<String>,
    /// Whether each column holds numbers.
    pub numbers: Vec<bool>,
    /// The first rows, one value per column; `null` for what is missing.
    pub rows: Vec<Vec<Value>>,
    /// What the file says of itself.
    pub metadata: BTreeMap<String, String>,
}

/// The first `n` rows of the Parquet file at `path`.
///
/// # Errors
/// A file that is not there, is damaged, or holds kinds of columns that no stage writes.
pub fn show(path: &Path, n: usize) -> Result<Shown, RunError> {
    let (table, n_rows) = Table::read_first(path, n)?;
    let columns: Vec<(&str, &Column)> = table.columns().collect();
    Ok(Shown {
        path: path.display().to_string(),
        n_rows,
        columns: columns.iter().map(|(name, _)| (*name).to_owned()).collect(),
        numbers: columns
            .iter()
            .map(|(_, column)| matches!(column, Column::I64(_) | Column::U32(_) | Column::F32(_) | Column::F64(_)))
            .collect(),
        rows: (0..table.n_rows()).map(|row| columns.iter().map(|(_, column)| value(column, row)).collect()).collect(),
        metadata: table.all_metadata().clone(),
    })
}

/// The double-precision number with the same shortest text: 0.8, and not 0.800000011920929.
pub(crate) fn decimal(number: f32) -> f64 {
    number.to_string().parse().unwrap_or_else(|_| f64::from(number))
}

fn value(column: &Column, row: usize) -> Value {
    match column {
        Column::I64(values) => values[row].into(),
        Column::U32(values) => values[row].into(),
        Column::F32(values) => values[row].map(decimal).into(),
        Column::F64(values) => values[row].into(),
        Column::Text(values) => values[row].clone().into(),
        Column::TextList(values) => values[row].clone().into(),
        Column::OptionalTextList(values) => values[row].clone().into(),
        Column::NumberList(values) => values[row].clone().into(),
    }
}
