//! How are features and contexts held?
//!
//! Does not know what a column means.
//!
//! **Invariant**: `values` has exactly `n_rows × n_columns` numbers, row by row; a [`Features`] has one name per column.

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

    /// One row, to be written.
    pub fn row_mut(&mut self, row: usize) -> &mut [f32] {
        &mut self.values[row * self.n_columns..(row + 1) * self.n_columns]
    }
}

/// Named columns over all users or all items.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Features {
    names: Vec<String>,
    matrix: Matrix,
}

impl Features {
    /// Features called `names`; `None` unless `matrix` has a column for each.
    pub fn new(names: Vec<String>, matrix: Matrix) -> Option<Self> {
        (names.len() == matrix.n_columns()).then_some(Self { names, matrix })
    }

    /// No features for `n_rows` rows.
    pub fn none(n_rows: usize) -> Self {
        Self { names: Vec::new(), matrix: Matrix::zeros(n_rows, 0) }
    }

    /// The columns' names.
    pub fn names(&self) -> &[String] {
        &self.names
    }

    /// `[n_rows, n_features]`.
    pub fn matrix(&self) -> &Matrix {
        &self.matrix
    }
}
