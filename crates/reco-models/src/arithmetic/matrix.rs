//! Products of small matrices by SIMD, in tiles that stay in registers.
//!
//! Does not know networks. Matrices are row-major, and rows begin at whole vectors; a tile of a few rows by a few
//! vectors stays in registers while a product is summed, so that memory is read once per tile. One binary serves every
//! CPU: `pulp` picks the widest vectors at run time.
//!
//! **Invariant**: numbers beyond the last column are 0; each number is one sum in one order, whatever the tiles.

use pulp::Simd;
use reco_core::lanes::{mul_add, padded, vectors};

/// A matrix, each row padded with zeros.
#[derive(Clone, Debug, Default)]
pub(crate) struct Padded {
    n_columns: usize,
    stride: usize,
    values: Vec<f32>,
}

impl Padded {
    /// Zeros, `[n_rows, n_columns]`.
    pub(crate) fn zeros(n_rows: usize, n_columns: usize) -> Self {
        let stride = padded(n_columns);
        Self { n_columns, stride, values: vec![0.0; n_rows * stride] }
    }

    /// A matrix of these numbers, row by row.
    pub(crate) fn of(values: &[f32], n_columns: usize) -> Self {
        let n_rows = values.len().checked_div(n_columns).unwrap_or(0);
        let mut matrix = Self::zeros(n_rows, n_columns);
        for row in 0..n_rows {
            matrix.row_mut(row)[..n_columns].copy_from_slice(&values[row * n_columns..][..n_columns]);
        }
        matrix
    }

    /// The numbers, row by row, without padding.
    pub(crate) fn to_vec(&self) -> Vec<f32> {
        let rows = self.values.chunks(self.stride.max(1));
        rows.flat_map(|row| row[..self.n_columns].iter().copied()).collect()
    }

    pub(crate) fn n_rows(&self) -> usize {
        self.values.len().checked_div(self.stride).unwrap_or(0)
    }

    pub(crate) fn n_columns(&self) -> usize {
        self.n_columns
    }

    /// A row with its padding.
    #[inline(always)]
    pub(crate) fn row(&self, row: usize) -> &[f32] {
        &self.values[row * self.stride..][..self.stride]
    }

    #[inline(always)]
    pub(crate) fn row_mut(&mut self, row: usize) -> &mut [f32] {
        &mut self.values[row * self.stride..][..self.stride]
    }

    /// All rows with their padding.
    #[inline(always)]
    pub(crate) fn values(&self) -> &[f32] {
        &self.values
    }

    #[inline(always)]
    pub(crate) fn values_mut(&mut self) -> &mut [f32] {
        &mut self.values
    }

    /// Writes this matrix's transpose into `of`.
    pub(crate) fn transpose_into(&self, of: &mut Self) {
        for row in 0..self.n_rows() {
            for (column, value) in self.row(row)[..self.n_columns].iter().enumerate() {
                of.values[column * of.stride + row] = *value;
            }
        }
    }
}

/// Rows of a matrix, from row `from` on.
#[derive(Clone, Copy)]
pub(crate) struct Rows<M> {
    pub(crate) matrix: M,
    pub(crate) from: usize,
}

/// How many vectors the next panel of a matrix has, of `rest` that are left: three, or two where a single one would be
/// left over.
#[inline(always)]
fn panel(rest: usize) -> usize {
    match rest {
        1 => 1,
        2 | 4 => 2,
        _ => 3,
    }
}

/// `out = start + a · b` for `n` rows: `a`: `[n, k]`; `b`: `[k, d]`; `start`: `[d]`, in every row; `out`: `[n, d]`.
#[inline(always)]
pub(crate) fn product<S: Simd>(
    simd: S,
    n: usize,
    a: Rows<&Padded>,
    b: &Padded,
    start: &[f32],
    mut out: Rows<&mut Padded>,
) {
    let width = vectors::<S>(b.n_columns);
    assert!(b.n_rows() >= a.matrix.n_columns && out.matrix.stride == b.stride, "shapes fit");
    let mut from = 0;
    while from < width {
        let n_vectors = panel(width - from);
        let factors = Factors { a, b, start, from };
        // Sums, vectors of `b` and one number fill sixteen registers at most; fewer sums than eight would wait for each
        // other.
        match n_vectors {
            1 => product_panel::<S, 8, 1>(simd, n, factors, &mut out),
            2 => product_panel::<S, 6, 2>(simd, n, factors, &mut out),
            _ => product_panel::<S, 4, 3>(simd, n, factors, &mut out),
        }
        from += n_vectors;
    }
}

/// What a panel of a product is made of.
#[derive(Clone, Copy)]
struct Factors<'a> {
    a: Rows<&'a Padded>,
    b: &'a Padded,
    start: &'a [f32],
    /// The first vector of the panel.
    from: usize,
}

/// `P` vectors of every row, by tiles of `R` rows while there are enough.
#[inline(always)]
fn product_panel<S: Simd, const R: usize, const P: usize>(
    simd: S,
    n: usize,
    factors: Factors<'_>,
    out: &mut Rows<&mut Padded>,
) {
    let row = product_tiles::<S, R, P>(simd, 0, n, factors, out);
    let row = product_tiles::<S, 2, P>(simd, row, n, factors, out);
    product_tiles::<S, 1, P>(simd, row, n, factors, out);
}

/// Tiles of `R` rows from `row` on, as many as fit into `n`; returns the row after them.
#[inline(always)]
fn product_tiles<S: Simd, const R: usize, const P: usize>(
    simd: S,
    mut row: usize,
    n: usize,
    Factors { a, b, start, from }: Factors<'_>,
    out: &mut Rows<&mut Padded>,
) -> usize {
    let (k, stride) = (a.matrix.n_columns, b.stride / S::F32_LANES);
    let start: &[S::f32s; P] = first(&S::as_simd_f32s(start).0[from..]);
    let b = &S::as_simd_f32s(&b.values).0[from..];
    while row + R <= n {
        let rows: [&[f32]; R] = std::array::from_fn(|r| &a.matrix.row(a.from + row + r)[..k]);
        let mut sums = [*start; R];
        // Nothing in here can panic, or else sums would be kept in memory.
        for (at, weights) in (0..k).zip(b.chunks(stride)) {
            let Some(weights) = weights.first_chunk::<P>() else { break };
            for (sums, row) in sums.iter_mut().zip(&rows) {
                let Some(x) = row.get(at) else { break };
                add_times(simd, sums, *x, weights);
            }
        }
        let stride = out.matrix.stride / S::F32_LANES;
        let to = &mut S::as_mut_simd_f32s(&mut out.matrix.values).0[(out.from + row) * stride + from..];
        store(to, stride, &sums);
        row += R;
    }
    row
}

/// `out += aᵀ · b` over `n` rows of `a` and the first of `b`: `a`: `[n, k]`, `b`: `[n, d]`, `out`: `[k, d]`.
#[inline(always)]
pub(crate) fn add_transposed_product<S: Simd>(simd: S, n: usize, a: Rows<&Padded>, b: &Padded, out: &mut Padded) {
    let width = vectors::<S>(b.n_columns);
    assert!(b.n_rows() >= n && a.matrix.n_rows() >= a.from + n && out.stride == b.stride, "shapes fit");
    let mut from = 0;
    while from < width {
        let n_vectors = panel(width - from);
        match n_vectors {
            1 => transposed_panel::<S, 8, 1>(simd, n, a, b, out, from),
            2 => transposed_panel::<S, 6, 2>(simd, n, a, b, out, from),
            _ => transposed_panel::<S, 4, 3>(simd, n, a, b, out, from),
        }
        from += n_vectors;
    }
}

/// `P` vectors of every row of the product, by tiles of `R` rows while there are enough.
#[inline(always)]
fn transposed_panel<S: Simd, const R: usize, const P: usize>(
    simd: S,
    n: usize,
    a: Rows<&Padded>,
    b: &Padded,
    out: &mut Padded,
    from: usize,
) {
    let at = transposed_tiles::<S, R, P>(simd, n, a, b, out, 0, from);
    let at = transposed_tiles::<S, 2, P>(simd, n, a, b, out, at, from);
    transposed_tiles::<S, 1, P>(simd, n, a, b, out, at, from);
}

/// Tiles of `R` rows of the product from `at` on, as many as there are; returns the row after them.
#[inline(always)]
fn transposed_tiles<S: Simd, const R: usize, const P: usize>(
    simd: S,
    n: usize,
    a: Rows<&Padded>,
    b: &Padded,
    out: &mut Padded,
    mut at: usize,
    from: usize,
) -> usize {
    let (k, stride) = (a.matrix.n_columns, b.stride / S::F32_LANES);
    let b = &S::as_simd_f32s(&b.values).0[from..];
    while at + R <= k {
        let to = &mut S::as_mut_simd_f32s(&mut out.values).0[at * stride + from..];
        let mut sums = [[simd.splat_f32s(0.0); P]; R];
        for (sums, vectors) in sums.iter_mut().zip(to.chunks(stride)) {
            sums.iter_mut().zip(vectors).for_each(|(sum, vector)| *sum = *vector);
        }
        let xs = a.matrix.values[a.from * a.matrix.stride + at..].chunks(a.matrix.stride);
        // Nothing in here can panic, or else sums would be kept in memory.
        for ((xs, others), _) in xs.zip(b.chunks(stride)).zip(0..n) {
            let (Some(xs), Some(others)) = (xs.first_chunk::<R>(), others.first_chunk::<P>()) else { break };
            for (sums, x) in sums.iter_mut().zip(xs) {
                add_times(simd, sums, *x, others);
            }
        }
        store(to, stride, &sums);
        at += R;
    }
    at
}

/// `sums += x · others`
#[inline(always)]
fn add_times<S: Simd, const P: usize>(simd: S, sums: &mut [S::f32s; P], x: f32, others: &[S::f32s; P]) {
    let x = simd.splat_f32s(x);
    for (sum, other) in sums.iter_mut().zip(others) {
        *sum = mul_add(simd, x, *other, *sum);
    }
}

/// Writes sums into rows that begin with `to` and every `stride` vectors.
#[inline(always)]
fn store<V: Copy, const R: usize, const P: usize>(to: &mut [V], stride: usize, sums: &[[V; P]; R]) {
    for (vectors, sums) in to.chunks_mut(stride).zip(sums) {
        vectors.iter_mut().zip(sums).for_each(|(vector, sum)| *vector = *sum);
    }
}

/// The first `P` of `vectors`, which has at least as many.
#[inline(always)]
fn first<V, const P: usize>(vectors: &[V]) -> &[V; P] {
    vectors.first_chunk().expect("a matrix has whole vectors")
}

#[cfg(test)]
mod tests {
    use pulp::WithSimd;
    use reco_core::lanes::arch;
    use reco_core::testing::same_on_any_cpu;

    use super::*;

    fn numbers(n: usize, seed: usize) -> Vec<f32> {
        (0..n).map(|at| (((at + seed) * 7919) % 23) as f32 / 11.0 - 1.0).collect()
    }

    struct Products<'a> {
        n: usize,
        a: Rows<&'a Padded>,
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
                add_transposed_product(simd, self.n, self.a, self.b, self.out);
            } else {
                let out = Rows { matrix: self.out, from: 0 };
                product(simd, self.n, self.a, self.b, self.start, out);
            }
        }
    }

    #[test]
    fn products_of_every_shape_are_those_of_three_loops() {
        let shapes = [
            (1, 1, 1),
            (2, 3, 5),
            (3, 7, 16),
            (4, 5, 17),
            (7, 100, 25),
            (32, 25, 100),
            (5, 2, 70),
            (19, 20, 9),
            (9, 9, 1),
        ];
        same_on_any_cpu("products of matrices", || {
            let shapes = shapes.into_iter().flat_map(|shape| [(shape, 0), (shape, 3)]);
            shapes.map(|((n, k, d), from)| products(n, k, d, from)).collect::<Vec<_>>()
        });
    }

    /// Compares both products with three loops, and returns their bits.
    fn products(n: usize, k: usize, d: usize, from: usize) -> Vec<u32> {
        let (a, b, start) = (numbers((from + n) * k, 1), numbers(k * d, 2), numbers(d, 3));
        let mut start_padded = start.clone();
        start_padded.resize(padded(d), 0.0);
        let mut out = Padded::zeros(n, d);
        let (pa, pb) = (Padded::of(&a, k), Padded::of(&b, d));
        let all = |out: &mut Padded, transposed: bool, b: &Padded| {
            let a = Rows { matrix: &pa, from };
            arch().dispatch(Products { n, a, b, start: &start_padded, out, transposed });
        };
        let a = &a[from * k..];
        all(&mut out, false, &pb);
        for (at, value) in out.to_vec().iter().enumerate() {
            let (row, column) = (at / d, at % d);
            let sum: f32 = (0..k).map(|i| a[row * k + i] * b[i * d + column]).sum();
            assert!((value - sum - start[column]).abs() < 1e-4, "{n} {k} {d}: {value} and {sum}");
        }
        let c = numbers(n * d, 4);
        let mut sums = Padded::of(&numbers(k * d, 5), d);
        let before = sums.to_vec();
        all(&mut sums, true, &Padded::of(&c, d));
        for (at, value) in sums.to_vec().iter().enumerate() {
            let (row, column) = (at / d, at % d);
            let sum: f32 = (0..n).map(|i| a[i * k + row] * c[i * d + column]).sum();
            assert!((value - sum - before[at]).abs() < 1e-4, "transposed {n} {k} {d}");
        }
        assert!(sums.row(k - 1)[d..].iter().all(|pad| *pad == 0.0), "padding stays 0");
        [out, sums].iter().flat_map(Padded::to_vec).map(f32::to_bits).collect()
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
