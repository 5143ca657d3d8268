//! How are small matrices multiplied as fast as a core can?
//!
//! Does not know networks. Row-major matrices whose rows begin at whole vectors; a tile of a few rows by a few vectors stays in
//! registers while a product is summed, so that memory is read once per tile. One binary serves every CPU: `pulp` picks the widest
//! vectors at run time.
//!
//! **Invariant**: numbers beyond the last column are 0; each number is one sum in one order, whatever the tiles.

use pulp::Simd;

/// Numbers that every row is padded to a multiple of: the widest vector of any CPU that is dispatched to (AVX2).
const LANES: usize = 8;

/// Rows of a tile. Three rows of four vectors, four vectors of the other matrix and one number fill sixteen registers.
const ROWS: usize = 3;

/// A matrix, each row padded with zeros.
#[derive(Clone, Debug, Default)]
pub(super) struct Padded {
    n_columns: usize,
    stride: usize,
    values: Vec<f32>,
}

impl Padded {
    /// Zeros, `[n_rows, n_columns]`.
    pub(super) fn zeros(n_rows: usize, n_columns: usize) -> Self {
        let stride = padded(n_columns);
        Self { n_columns, stride, values: vec![0.0; n_rows * stride] }
    }

    /// Those numbers, row by row.
    pub(super) fn of(values: &[f32], n_columns: usize) -> Self {
        let n_rows = values.len().checked_div(n_columns).unwrap_or(0);
        let mut matrix = Self::zeros(n_rows, n_columns);
        for row in 0..n_rows {
            matrix.row_mut(row)[..n_columns].copy_from_slice(&values[row * n_columns..][..n_columns]);
        }
        matrix
    }

    /// The numbers, row by row, without padding.
    pub(super) fn to_vec(&self) -> Vec<f32> {
        let rows = self.values.chunks(self.stride.max(1));
        rows.flat_map(|row| row[..self.n_columns].iter().copied()).collect()
    }

    pub(super) fn n_rows(&self) -> usize {
        self.values.len().checked_div(self.stride).unwrap_or(0)
    }

    pub(super) fn n_columns(&self) -> usize {
        self.n_columns
    }

    /// A row with its padding.
    #[inline(always)]
    pub(super) fn row(&self, row: usize) -> &[f32] {
        &self.values[row * self.stride..][..self.stride]
    }

    #[inline(always)]
    pub(super) fn row_mut(&mut self, row: usize) -> &mut [f32] {
        &mut self.values[row * self.stride..][..self.stride]
    }

    /// All rows with their padding.
    #[inline(always)]
    pub(super) fn values(&self) -> &[f32] {
        &self.values
    }

    #[inline(always)]
    pub(super) fn values_mut(&mut self) -> &mut [f32] {
        &mut self.values
    }

    /// Makes `of` this matrix's transpose.
    pub(super) fn transpose_into(&self, of: &mut Self) {
        for row in 0..self.n_rows() {
            for (column, value) in self.row(row)[..self.n_columns].iter().enumerate() {
                of.values[column * of.stride + row] = *value;
            }
        }
    }
}

/// `n` rounded up to whole vectors.
pub(super) fn padded(n: usize) -> usize {
    n.div_ceil(LANES) * LANES
}

/// Vectors that hold `n` numbers.
#[inline(always)]
pub(super) fn vectors<S: Simd>(n: usize) -> usize {
    n.div_ceil(S::F32_LANES)
}

/// `n` rows of a matrix, from the one numbered so.
#[derive(Clone, Copy)]
pub(super) struct Rows<M> {
    pub(super) matrix: M,
    pub(super) from: usize,
}

/// `out = start + a · b` for `n` rows: `a`: `[n, k]`; `b`: `[k, d]`; `start`: `[d]`, in every row; `out`: `[n, d]`.
#[inline(always)]
pub(super) fn product<S: Simd>(
    simd: S,
    n: usize,
    a: Rows<&Padded>,
    b: &Padded,
    start: &[f32],
    mut out: Rows<&mut Padded>,
) {
    let width = vectors::<S>(b.n_columns);
    let (start, _) = S::as_simd_f32s(start);
    let mut from = 0;
    while from < width {
        match width - from {
            1 => product_panel::<S, 1>(simd, n, a, b, start, &mut out, from),
            2 => product_panel::<S, 2>(simd, n, a, b, start, &mut out, from),
            3 => product_panel::<S, 3>(simd, n, a, b, start, &mut out, from),
            _ => product_panel::<S, 4>(simd, n, a, b, start, &mut out, from),
        }
        from += 4;
    }
}

#[inline(always)]
fn product_panel<S: Simd, const P: usize>(
    simd: S,
    n: usize,
    a: Rows<&Padded>,
    b: &Padded,
    start: &[S::f32s],
    out: &mut Rows<&mut Padded>,
    from: usize,
) {
    let start: [S::f32s; P] = std::array::from_fn(|p| start[from + p]);
    let mut row = 0;
    while row + ROWS <= n {
        product_tile::<S, ROWS, P>(simd, row, a, b, start, out, from);
        row += ROWS;
    }
    match n - row {
        0 => {}
        1 => product_tile::<S, 1, P>(simd, row, a, b, start, out, from),
        _ => product_tile::<S, 2, P>(simd, row, a, b, start, out, from),
    }
}

#[inline(always)]
fn product_tile<S: Simd, const R: usize, const P: usize>(
    simd: S,
    row: usize,
    a: Rows<&Padded>,
    b: &Padded,
    start: [S::f32s; P],
    out: &mut Rows<&mut Padded>,
    from: usize,
) {
    let (k, stride) = (a.matrix.n_columns, b.stride / S::F32_LANES);
    let (b, _) = S::as_simd_f32s(&b.values);
    let rows: [&[f32]; R] = std::array::from_fn(|r| &a.matrix.row(a.from + row + r)[..k]);
    let mut sums = [start; R];
    for at in 0..k {
        let weights = &b[at * stride + from..][..P];
        for r in 0..R {
            let x = simd.splat_f32s(rows[r][at]);
            for p in 0..P {
                sums[r][p] = simd.mul_add_e_f32s(x, weights[p], sums[r][p]);
            }
        }
    }
    for (r, sums) in sums.iter().enumerate() {
        let (out, _) = S::as_mut_simd_f32s(out.matrix.row_mut(out.from + row + r));
        out[from..][..P].copy_from_slice(sums);
    }
}

/// `out += aᵀ · b` over `n` rows of `a` and the first of `b`: `a`: `[n, k]`, `b`: `[n, d]`, `out`: `[k, d]`.
#[inline(always)]
pub(super) fn add_transposed_product<S: Simd>(simd: S, n: usize, a: Rows<&Padded>, b: &Padded, out: &mut Padded) {
    let width = vectors::<S>(b.n_columns);
    let mut from = 0;
    while from < width {
        match width - from {
            1 => transposed_panel::<S, 1>(simd, n, a, b, out, from),
            2 => transposed_panel::<S, 2>(simd, n, a, b, out, from),
            3 => transposed_panel::<S, 3>(simd, n, a, b, out, from),
            _ => transposed_panel::<S, 4>(simd, n, a, b, out, from),
        }
        from += 4;
    }
}

#[inline(always)]
fn transposed_panel<S: Simd, const P: usize>(
    simd: S,
    n: usize,
    a: Rows<&Padded>,
    b: &Padded,
    out: &mut Padded,
    from: usize,
) {
    let k = a.matrix.n_columns;
    let mut at = 0;
    while at < k {
        if at + ROWS <= k {
            transposed_tile::<S, ROWS, P>(simd, n, a, b, out, at, from);
            at += ROWS;
        } else {
            transposed_tile::<S, 1, P>(simd, n, a, b, out, at, from);
            at += 1;
        }
    }
}

#[inline(always)]
fn transposed_tile<S: Simd, const R: usize, const P: usize>(
    simd: S,
    n: usize,
    a: Rows<&Padded>,
    b: &Padded,
    out: &mut Padded,
    at: usize,
    from: usize,
) {
    let mut sums: [[S::f32s; P]; R] = std::array::from_fn(|r| {
        let (row, _) = S::as_simd_f32s(out.row(at + r));
        std::array::from_fn(|p| row[from + p])
    });
    let (b_vectors, _) = S::as_simd_f32s(&b.values);
    let stride = b.stride / S::F32_LANES;
    for row in 0..n {
        let xs = &a.matrix.row(a.from + row)[at..][..R];
        let others = &b_vectors[row * stride + from..][..P];
        for r in 0..R {
            let x = simd.splat_f32s(xs[r]);
            for p in 0..P {
                sums[r][p] = simd.mul_add_e_f32s(x, others[p], sums[r][p]);
            }
        }
    }
    for (r, sums) in sums.iter().enumerate() {
        let (row, _) = S::as_mut_simd_f32s(out.row_mut(at + r));
        row[from..][..P].copy_from_slice(sums);
    }
}

#[cfg(test)]
mod tests {
    use pulp::{Arch, WithSimd};

    use super::*;

    fn numbers(n: usize, seed: usize) -> Vec<f32> {
        (0..n).map(|at| (((at + seed) * 7919) % 23) as f32 / 11.0 - 1.0).collect()
    }

    struct Products<'a> {
        n: usize,
        a: &'a Padded,
        b: &'a Padded,
        start: &'a [f32],
        out: &'a mut Padded,
        transposed: bool,
    }

    impl WithSimd for Products<'_> {
        type Output = ();

        #[inline(always)]
        fn with_simd<S: Simd>(self, simd: S) {
            if self.transposed {
                add_transposed_product(simd, self.n, Rows { matrix: self.a, from: 0 }, self.b, self.out);
            } else {
                let out = Rows { matrix: self.out, from: 0 };
                product(simd, self.n, Rows { matrix: self.a, from: 0 }, self.b, self.start, out);
            }
        }
    }

    #[test]
    fn products_of_every_shape_are_those_of_three_loops() {
        for (n, k, d) in [(1, 1, 1), (2, 3, 5), (3, 7, 16), (4, 5, 17), (7, 100, 25), (32, 25, 100), (5, 2, 70)] {
            let (a, b, start) = (numbers(n * k, 1), numbers(k * d, 2), numbers(d, 3));
            let mut start_padded = start.clone();
            start_padded.resize(padded(d), 0.0);
            let mut out = Padded::zeros(n, d);
            let (pa, pb) = (Padded::of(&a, k), Padded::of(&b, d));
            let all = |arch: Arch, out: &mut Padded, transposed: bool, b: &Padded| {
                arch.dispatch(Products { n, a: &pa, b, start: &start_padded, out, transposed });
            };
            for arch in [Arch::new(), Arch::Scalar] {
                all(arch, &mut out, false, &pb);
                for (at, value) in out.to_vec().iter().enumerate() {
                    let (row, column) = (at / d, at % d);
                    let sum: f32 = (0..k).map(|i| a[row * k + i] * b[i * d + column]).sum();
                    assert!((value - sum - start[column]).abs() < 1e-4, "{n} {k} {d}: {value} and {sum}");
                }
                let c = numbers(n * d, 4);
                let mut sums = Padded::of(&numbers(k * d, 5), d);
                let before = sums.to_vec();
                all(arch, &mut sums, true, &Padded::of(&c, d));
                for (at, value) in sums.to_vec().iter().enumerate() {
                    let (row, column) = (at / d, at % d);
                    let sum: f32 = (0..n).map(|i| a[i * k + row] * c[i * d + column]).sum();
                    assert!((value - sum - before[at]).abs() < 1e-4, "transposed {n} {k} {d}");
                }
                assert!(sums.row(k - 1)[d..].iter().all(|pad| *pad == 0.0), "padding stays 0");
            }
        }
    }

    #[test]
    fn a_transpose_and_its_way_back() {
        let matrix = Padded::of(&numbers(3 * 20, 1), 20);
        let (mut there, mut back) = (Padded::zeros(20, 3), Padded::zeros(3, 20));
        matrix.transpose_into(&mut there);
        there.transpose_into(&mut back);
        assert_eq!(matrix.to_vec(), back.to_vec());
        assert_eq!((there.n_rows(), there.row(7)[2]), (20, matrix.row(2)[7]));
    }
}
