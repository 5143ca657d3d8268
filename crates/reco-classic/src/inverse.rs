//! Inverts symmetric positive definite matrices in place, on all cores (the sweep operator: Goodnight 1979, "A Tutorial
//! on the SWEEP Operator", by blocks).
//!
//! A block of columns at a time: with `D` the inverse of the block on the diagonal and `W` the block's columns, all
//! other numbers become `A - W D Wᵀ`, the columns `W D`, and the diagonal `-D`; after all blocks the matrix is the
//! inverse with the sign turned. That is n³ multiplications and additions, almost all of them in one product that stays
//! in registers. Does not know what is inverted.
//!
//! **Invariant**: each number is one chain of fused multiply-adds in one order, so that neither threads nor the width
//! of vectors change a bit.

use std::ops::Range;

use pulp::{Simd, WithSimd};
use reco_core::lanes::arch;
use reco_core::{Progress, parallel};

use crate::error::Interrupted;

/// Columns that are swept at once.
const BLOCK: usize = 96;
/// Rows that a thread works on at once; small enough that the threads finish together.
const ROWS: usize = 48;
/// Rows and numbers of a tile of the product: twelve vectors of sums with AVX-512, the most that pays elsewhere, too.
const TILE_ROWS: usize = 6;
const TILE: usize = 16;

/// A square matrix of which the lower triangle counts.
pub(crate) struct Symmetric {
    n: usize,
    /// Rows are padded with zeros to whole tiles.
    stride: usize,
    values: Vec<f64>,
}

impl Symmetric {
    pub(crate) fn zeros(n: usize) -> Self {
        let stride = n.next_multiple_of(TILE);
        Self { n, stride, values: vec![0.0; n * stride] }
    }

    /// What `fill` makes of each row of zeros up to the diagonal; then what is on the diagonal grows by the share that
    /// `dropout` asks for, dropout / (1 - dropout), and by `reg`. Not whole if it is asked to stop.
    pub(crate) fn regularised(
        n: usize,
        reg: f64,
        dropout: f64,
        progress: &dyn Progress,
        fill: impl Fn(usize, &mut [f64]) + Sync,
    ) -> Self {
        let mut sums = Self::zeros(n);
        parallel::each(
            sums.rows_mut().collect(),
            || (),
            |(), (row, sums)| {
                // Whoever inverts asks again.
                if !progress.interrupted() {
                    fill(row, sums);
                    sums[row] += reg + dropout / (1.0 - dropout) * sums[row];
                }
            },
        );
        sums
    }

    /// The rows, each up to the diagonal.
    pub(crate) fn rows_mut(&mut self) -> impl Iterator<Item = (usize, &mut [f64])> {
        self.values.chunks_mut(self.stride.max(1)).enumerate().map(|(row, values)| (row, &mut values[..=row]))
    }

    pub(crate) fn at(&self, row: usize, column: usize) -> f64 {
        let (row, column) = (row.max(column), row.min(column));
        self.values[row * self.stride + column]
    }

    /// Inverts it; `None` where it is not positive definite, as far as numbers of 64 bits can tell.
    ///
    /// # Errors
    /// An interruption.
    pub(crate) fn inverted(mut self, progress: &dyn Progress) -> Result<Option<Self>, Interrupted> {
        for first in (0..self.n).step_by(BLOCK) {
            Interrupted::ask(progress)?;
            if !self.swept(first..(first + BLOCK).min(self.n)) {
                return Ok(None);
            }
        }
        self.rows_mut().for_each(|(_, row)| row.iter_mut().for_each(|value| *value = -*value));
        Ok(Some(self))
    }

    /// Sweeps the columns of `block`; `false` where they are not positive definite.
    fn swept(&mut self, block: Range<usize>) -> bool {
        let (n, stride, width, arch) = (self.n, self.stride, block.len(), arch());
        let at = |row: usize, column: usize| self.at(block.start + row, block.start + column);
        let mut diagonal: Vec<f64> = (0..width * width).map(|place| at(place / width, place % width)).collect();
        if !arch.dispatch(|| turned_inverse(&mut diagonal, width)) {
            return false;
        }
        // `-D`, padded as the tiles of a product have it.
        let wide = width.next_multiple_of(TILE);
        let mut padded = vec![0.0; width * wide];
        padded.chunks_mut(wide).zip(diagonal.chunks(width)).for_each(|(to, from)| to[..width].copy_from_slice(from));
        // `W`, `[n, width]`, and its transpose, `[width, stride]`, both 0 in the block itself.
        let (mut columns, mut across) = (vec![0.0; n * width], vec![0.0; width * stride]);
        for row in (0..n).filter(|row| !block.contains(row)) {
            for column in 0..width {
                let value = self.at(row, block.start + column);
                columns[row * width + column] = value;
                across[column * stride + row] = value;
            }
        }
        // `-W D`, `[n, wide]`
        let mut swept = vec![0.0; n * wide];
        let rows = self.values.chunks_mut(ROWS * stride).zip(columns.chunks(ROWS * width));
        let rows = rows.zip(swept.chunks_mut(ROWS * wide)).enumerate();
        parallel::each(rows.collect(), Vec::new, |left: &mut Vec<f64>, (at, ((values, columns), swept))| {
            let n_columns = at * ROWS + columns.len() / width;
            let product = Update { values: swept, stride: wide, n_columns: wide, left: columns, right: &padded, width };
            arch.dispatch(product);
            left.clear();
            left.extend(swept.chunks(wide).flat_map(|row| &row[..width]));
            arch.dispatch(Update { values, stride, n_columns, left, right: &across, width });
        });
        for (row, swept) in swept.chunks(wide).enumerate().filter(|(row, _)| !block.contains(row)) {
            for (column, value) in swept[..width].iter().enumerate() {
                let (row, column) = (row.max(block.start + column), row.min(block.start + column));
                self.values[row * stride + column] = -value;
            }
        }
        for row in 0..width {
            let own = &mut self.values[(block.start + row) * stride + block.start..][..=row];
            own.copy_from_slice(&diagonal[row * width..][..=row]);
        }
        true
    }
}

/// Makes a symmetric matrix of `n` rows its inverse with the sign turned, by the same sweep, a column at a time;
/// `false` where it is not positive definite.
#[inline(always)]
fn turned_inverse(a: &mut [f64], n: usize) -> bool {
    let mut pivot_row = vec![0.0; n];
    for k in 0..n {
        pivot_row.copy_from_slice(&a[k * n..][..n]);
        let pivot = pivot_row[k];
        // Written so that NaN is refused, too.
        if !(pivot > 0.0 && pivot.is_finite()) {
            return false;
        }
        for (row, values) in a.chunks_mut(n).enumerate().filter(|(row, _)| *row != k) {
            let factor = -pivot_row[row] / pivot;
            values.iter_mut().zip(&pivot_row).for_each(|(value, other)| *value = factor.mul_add(*other, *value));
            values[k] = -factor;
        }
        for (value, other) in a[k * n..][..n].iter_mut().zip(&pivot_row) {
            *value = other / pivot;
        }
        a[k * n + k] = -1.0 / pivot;
    }
    true
}

/// `values[row] += left[row] · right` for rows of the matrix, up to `n_columns`.
struct Update<'a> {
    /// `[n_rows, stride]`
    values: &'a mut [f64],
    stride: usize,
    n_columns: usize,
    /// `[n_rows, width]`
    left: &'a [f64],
    /// `[width, stride]`
    right: &'a [f64],
    width: usize,
}

impl WithSimd for Update<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(mut self, simd: S) {
        let n_rows = self.left.len() / self.width;
        for from in (0..self.n_columns).step_by(TILE) {
            let mut row = 0;
            while row + TILE_ROWS <= n_rows {
                self.tile::<S, TILE_ROWS>(simd, row, from);
                row += TILE_ROWS;
            }
            while row < n_rows {
                self.tile::<S, 1>(simd, row, from);
                row += 1;
            }
        }
    }
}

impl Update<'_> {
    #[inline(always)]
    fn tile<S: Simd, const R: usize>(&mut self, simd: S, row: usize, from: usize) {
        // Two vectors at a time, so that the sums of narrow vectors fit the registers as well.
        let step = (2 * S::F64_LANES).min(TILE);
        for from in (from..from + TILE).step_by(step) {
            match step / S::F64_LANES {
                2 => self.strip::<S, R, 2>(simd, row, from),
                _ => self.strip::<S, R, 1>(simd, row, from),
            }
        }
    }

    #[inline(always)]
    fn strip<S: Simd, const R: usize, const V: usize>(&mut self, simd: S, row: usize, from: usize) {
        let n = V * S::F64_LANES;
        let mut sums = [[simd.splat_f64s(0.0); V]; R];
        for (r, sums) in sums.iter_mut().enumerate() {
            sums.copy_from_slice(S::as_simd_f64s(&self.values[(row + r) * self.stride + from..][..n]).0);
        }
        for k in 0..self.width {
            let (right, _) = S::as_simd_f64s(&self.right[k * self.stride + from..][..n]);
            for (r, sums) in sums.iter_mut().enumerate() {
                let left = simd.splat_f64s(self.left[(row + r) * self.width + k]);
                for (sum, right) in sums.iter_mut().zip(right) {
                    *sum = simd.mul_add_f64s(left, *right, *sum);
                }
            }
        }
        for (r, sums) in sums.iter().enumerate() {
            let (vectors, _) = S::as_mut_simd_f64s(&mut self.values[(row + r) * self.stride + from..][..n]);
            vectors.copy_from_slice(sums);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use reco_core::Silent;
    use reco_core::random::normals;

    /// A positive definite matrix drawn by chance.
    fn drawn(n: usize) -> Symmetric {
        let rows: Vec<Vec<f64>> =
            (0..n).map(|row| normals(3, 0, row as u32).take(n).map(f64::from).collect()).collect();
        let mut matrix = Symmetric::zeros(n);
        for (at, row) in matrix.rows_mut() {
            for (column, value) in row.iter_mut().enumerate() {
                *value = rows[at].iter().zip(&rows[column]).map(|(a, b)| a * b).sum();
            }
            row[at] += 1.0;
        }
        matrix
    }

    #[test]
    fn the_product_with_the_inverse_is_the_identity() {
        for n in [1, 2, 5, 17, BLOCK, BLOCK + 1, 2 * BLOCK + 50] {
            let (matrix, inverse) = (drawn(n), drawn(n).inverted(&Silent).unwrap().unwrap());
            for row in 0..n {
                for column in 0..n {
                    let found: f64 = (0..n).map(|at| matrix.at(row, at) * inverse.at(at, column)).sum();
                    assert!((found - f64::from(u8::from(row == column))).abs() < 1e-8, "{n}: {row} {column} {found}");
                }
            }
        }
    }

    #[test]
    fn the_inverse_is_the_same_on_any_cpu() {
        let n = BLOCK + 50;
        reco_core::testing::same_on_any_cpu("an inverse", || {
            let inverse = drawn(n).inverted(&Silent).unwrap().unwrap();
            (0..n * n).map(|at| inverse.at(at / n, at % n).to_bits()).collect::<Vec<_>>()
        });
    }

    #[test]
    fn what_is_not_positive_definite_has_none() {
        let mut matrix = Symmetric::zeros(3);
        matrix.rows_mut().zip([1.0, -1.0, 1.0]).for_each(|((at, row), value)| row[at] = value);
        assert!(matrix.inverted(&Silent).unwrap().is_none());
        let mut matrix = drawn(4);
        matrix.rows_mut().for_each(|(_, row)| row[0] = f64::NAN);
        assert!(matrix.inverted(&Silent).unwrap().is_none());
    }
}
