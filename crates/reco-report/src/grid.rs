//! Reduces a table that is too large to draw to the cells of a picture.
//!
//! Does not know what its rows and columns are.
//!
//! **Invariant**: memory is that of the cells, never of the table; each cell is the mean of what lies in it, so that a
//! share stays a share however many rows and columns share a cell.

/// A table of `n_rows × n_columns` numbers, most of them zero, seen through fewer cells.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Grid {
    /// Rows of the table.
    pub n_rows: usize,
    /// Columns of the table.
    pub n_columns: usize,
    /// Cells downwards.
    pub height: usize,
    /// Cells across.
    pub width: usize,
    sums: Vec<f64>,
}

impl Grid {
    /// A table of zeros, seen through at most `height × width` cells.
    pub fn new(n_rows: usize, n_columns: usize, height: usize, width: usize) -> Self {
        let (height, width) = (n_rows.min(height), n_columns.min(width));
        Self { n_rows, n_columns, height, width, sums: vec![0.0; height * width] }
    }

    /// Adds a number of the table. Panics beyond its last row or column.
    pub fn add(&mut self, row: usize, column: usize, value: f64) {
        assert!(row < self.n_rows && column < self.n_columns, "row {row} and column {column} are within the table");
        self.sums[cell(row, self.n_rows, self.height) * self.width + cell(column, self.n_columns, self.width)] += value;
    }

    /// The mean of one cell. Panics beyond the last.
    pub fn mean(&self, down: usize, across: usize) -> f64 {
        let n = spread(down, self.n_rows, self.height) * spread(across, self.n_columns, self.width);
        self.sums[down * self.width + across] / n as f64
    }

    /// The greatest mean of any cell; 0 without cells.
    pub fn greatest(&self) -> f64 {
        let cells = (0..self.height).flat_map(|down| (0..self.width).map(move |across| (down, across)));
        cells.map(|(down, across)| self.mean(down, across)).fold(0.0, f64::max)
    }

    /// The mean of the whole table; 0 for one without numbers.
    pub fn overall(&self) -> f64 {
        self.sums.iter().sum::<f64>() / ((self.n_rows * self.n_columns).max(1) as f64)
    }
}

/// The cell that position `at` of `n` falls into, of `cells`.
fn cell(at: usize, n: usize, cells: usize) -> usize {
    at * cells / n
}

/// How many of `n` positions fall into cell `at` of `cells`.
fn spread(at: usize, n: usize, cells: usize) -> usize {
    let first = |at: usize| (at * n).div_ceil(cells);
    first(at + 1) - first(at)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_small_table_is_seen_as_it_is() {
        let mut grid = Grid::new(2, 3, 100, 100);
        grid.add(0, 1, 1.0);
        grid.add(1, 2, 0.5);
        assert_eq!((grid.height, grid.width), (2, 3));
        assert_eq!((grid.mean(0, 1), grid.mean(1, 2), grid.mean(0, 0)), (1.0, 0.5, 0.0));
        assert_eq!((grid.greatest(), grid.overall()), (1.0, 0.25));
    }

    #[test]
    fn a_full_table_is_full_in_every_cell_however_it_is_cut() {
        for (n_rows, n_columns, height, width) in [(7, 5, 3, 2), (100, 9, 7, 9), (1, 1, 5, 5), (13, 64, 13, 10)] {
            let mut grid = Grid::new(n_rows, n_columns, height, width);
            for row in 0..n_rows {
                (0..n_columns).for_each(|column| grid.add(row, column, 1.0));
            }
            for down in 0..grid.height {
                (0..grid.width).for_each(|across| assert_eq!(grid.mean(down, across), 1.0));
            }
            assert_eq!(grid.overall(), 1.0);
        }
    }

    #[test]
    fn nothing_is_drawn_of_nothing() {
        let grid = Grid::new(0, 5, 3, 3);
        assert_eq!((grid.height, grid.greatest(), grid.overall()), (0, 0.0, 0.0));
    }
}
