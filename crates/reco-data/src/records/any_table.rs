//! Opens any user's table, however it is written: CSV and its relatives, JSON lines or Parquet.
//!
//! Does not know which columns matter.
//!
//! **Invariant**: a wanted column is there, or the error lists those that are.

use std::path::Path;

use super::Records;
use crate::DataError;
use crate::dialect::{Shape, TextKeys};

/// Opens a CSV, TSV, JSON lines or Parquet file to read some of its columns as text; a list becomes one field, with
/// `list_separator` between its values.
///
/// # Errors
/// A file that is not there, is damaged, or is written in a way that can't be detected; a column that it lacks.
pub fn open_table(path: &Path, wanted: &[String], list_separator: &str) -> Result<Box<dyn Records>, DataError> {
    let names: Vec<&str> = wanted.iter().map(String::as_str).filter(|name| !name.is_empty()).collect();
    shape(path, &names)?.open(path, wanted, list_separator)
}

/// The names of a table's columns, in order; of JSON lines, the keys of the first ones.
///
/// # Errors
/// As [`open_table`].
pub fn table_columns(path: &Path) -> Result<Vec<String>, DataError> {
    Ok(shape(path, &[])?.names().to_vec())
}

fn shape(path: &Path, wanted: &[&str]) -> Result<Shape, DataError> {
    let mut obstacles = Vec::new();
    match Shape::find(path, TextKeys::default(), wanted, &mut obstacles)? {
        Some(shape) if obstacles.is_empty() => Ok(shape),
        _ => Err(DataError::obstructed(path, obstacles)),
    }
}
