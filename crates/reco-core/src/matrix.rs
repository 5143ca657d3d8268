//! A dense matrix for features and contexts, named feature columns, and how a column was scaled to [0, 1].
//!
//! Does not know what a column means.
//!
//! **Invariant**: `values` has exactly `n_rows × n_columns` numbers, by row; a [`Features`] has one name per column.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// A dense matrix of `f32`, row-major.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Matrix {
    n_rows: usize,
    n_columns: usize,
    values: Vec<f32>,
}

impl Matrix {
    /// A matrix of zeros.
    pub fn zeros(n_rows: usize, n_columns: usize) -> Self {
        Self { n_rows, n_columns, values: vec![0.0; n_rows * n_columns] }
    }

    /// A matrix over `values`, row by row; `None` unless there are `n_rows × n_columns` of them.
    pub fn new(n_rows: usize, n_columns: usize, values: Vec<f32>) -> Option<Self> {
        (values.len() == n_rows * n_columns).then_some(Self { n_rows, n_columns, values })
    }

    /// Adds the rows of `other` below; a matrix without rows takes its width. Panics unless both are equally wide.
    pub fn append(&mut self, other: &Self) {
        if self.n_rows == 0 {
            self.n_columns = other.n_columns;
        }
        assert_eq!(self.n_columns, other.n_columns, "both have the same columns");
        self.n_rows += other.n_rows;
        self.values.extend_from_slice(&other.values);
    }

    /// Rows.
    pub fn n_rows(&self) -> usize {
        self.n_rows
    }

    /// Columns.
    pub fn n_columns(&self) -> usize {
        self.n_columns
    }

    /// All numbers, row by row.
    pub fn values(&self) -> &[f32] {
        &self.values
    }

    /// One row, `n_columns` long. Panics beyond the last.
    pub fn row(&self, row: usize) -> &[f32] {
        &self.values[row * self.n_columns..(row + 1) * self.n_columns]
    }

    /// One row, mutable.
    pub fn row_mut(&mut self, row: usize) -> &mut [f32] {
        &mut self.values[row * self.n_columns..(row + 1) * self.n_columns]
    }
}

/// Named columns over all users or all items.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Features {
    names: Vec<String>,
    matrix: Matrix,
    spans: BTreeMap<String, Span>,
}

/// The numbers of a column that was scaled to [0, 1], as the source file writes them.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Span {
    /// The number that became 0.
    pub low: f64,
    /// The number that became 1; where it equals `low`, every number becomes 0.
    pub high: f64,
}

impl Features {
    /// Features called `names`; `None` unless `matrix` has a column for each.
    pub fn new(names: Vec<String>, matrix: Matrix) -> Option<Self> {
        (names.len() == matrix.n_columns()).then(|| Self { names, matrix, spans: BTreeMap::new() })
    }

    /// No features for `n_rows` rows.
    pub fn none(n_rows: usize) -> Self {
        Self { names: Vec::new(), matrix: Matrix::zeros(n_rows, 0), spans: BTreeMap::new() }
    }

    /// The columns' names.
    pub fn names(&self) -> &[String] {
        &self.names
    }

    /// `[n_rows, n_features]`.
    pub fn matrix(&self) -> &Matrix {
        &self.matrix
    }

    /// The same features, with the spans from which the named columns were scaled to [0, 1].
    pub fn with_spans(self, spans: BTreeMap<String, Span>) -> Self {
        Self { spans, ..self }
    }

    /// Columns that were scaled to [0, 1], by name.
    pub fn spans(&self) -> &BTreeMap<String, Span> {
        &self.spans
    }

    /// Scales `number`, as the source file writes it, to what `column` holds: outside [0, 1] where it lies outside the
    /// data's span. `None` without such a column.
    pub fn scaled(&self, column: usize, number: f64) -> Option<f32> {
        let scaled = match self.spans.get(self.names.get(column)?) {
            None => number,
            Some(Span { low, high }) if low == high => 0.0,
            Some(Span { low, high }) => (number - low) / (high - low),
        };
        Some(scaled as f32)
    }

    /// Scales a value of `column` back to what the source file writes: the inverse of [`Features::scaled`].
    pub fn unscaled(&self, column: usize, value: f32) -> Option<f64> {
        let value = f64::from(value);
        Some(match self.spans.get(self.names.get(column)?) {
            None => value,
            Some(Span { low, high }) => low + value * (high - low),
        })
    }
}
