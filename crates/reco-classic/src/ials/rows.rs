//! Rows of users or items, and the equations that a row solves, by conjugate gradients over vectors.
//!
//! Does not know which rows met, nor in which order users and items take turns.
//!
//! **Invariant**: sums run in one order, on any number of threads and any width of vectors; rows are padded with zeros.

use pulp::{Simd, WithSimd};
use reco_core::lanes::{arch, dots, mul_add, padded};
use reco_core::random::normals;
use reco_core::{Matrix, Run, parallel};

use super::Ials;
use crate::error::Interrupted;

/// A row for each user, or for each item.
#[derive(Clone)]
pub(super) struct Rows {
    pub(super) size: usize,
    /// Padded with zeros to whole vectors.
    pub(super) stride: usize,
    pub(super) values: Vec<f32>,
}

impl Rows {
    pub(super) fn zeros(n: usize, size: usize) -> Self {
        let stride = padded(size);
        Self { size, stride, values: vec![0.0; n * stride] }
    }

    /// Rows of normal numbers, and zeros for those whose list in `met` is empty.
    pub(super) fn drawn(met: &[Vec<u32>], options: Ials, seed: u64, table: u32) -> Self {
        let mut rows = Self::zeros(met.len(), options.embedding_size.get());
        let Self { size, stride, values } = &mut rows;
        for ((row, values), _) in (0..).zip(values.chunks_mut(*stride)).zip(met).filter(|(_, met)| !met.is_empty()) {
            let drawn = values[..*size].iter_mut().zip(normals(seed, table, row));
            drawn.for_each(|(value, drawn)| *value = options.init_std * drawn);
        }
        rows
    }

    /// These numbers, row by row.
    pub(super) fn of(numbers: &[f32], size: usize) -> Self {
        let mut rows = Self::zeros(numbers.len() / size, size);
        for (row, numbers) in rows.values.chunks_mut(rows.stride).zip(numbers.chunks(size)) {
            row[..size].copy_from_slice(numbers);
        }
        rows
    }

    pub(super) fn row(&self, row: usize) -> &[f32] {
        &self.values[row * self.stride..][..self.stride]
    }

    pub(super) fn to_matrix(&self) -> Matrix {
        let values = self.values.chunks(self.stride).flat_map(|row| &row[..self.size]).copied().collect();
        Matrix::new(self.values.len() / self.stride, self.size, values).expect("rows are of one size")
    }

    /// `Σ row rowᵀ` over all rows.
    pub(super) fn gram(&self) -> Self {
        let mut sums = Self::zeros(self.size, self.size);
        let arch = arch();
        parallel::each(
            sums.values.chunks_mut(self.stride).enumerate().collect(),
            || (),
            |(), (at, sums)| arch.dispatch(GramRow { rows: self, at, sums }),
        );
        sums
    }

    /// Solves the equations of every row whose list in `met` is not empty, with `others` fixed, some steps further.
    pub(super) fn solve(
        &mut self,
        others: &Self,
        met: &[Vec<u32>],
        options: Ials,
        run: &Run<'_>,
    ) -> Result<(), Interrupted> {
        let gram = others.gram();
        let n_others = others.values.len() / others.stride;
        let mean_weight = options.mean_weight(met, n_others);
        let arch = arch();
        let rows = self.values.chunks_mut(self.stride).zip(met).filter(|(_, met)| !met.is_empty());
        parallel::each(
            rows.collect(),
            || Scratch::new(self.stride),
            |scratch, (row, met)| {
                if !run.progress.interrupted() {
                    let reg = options.reg_of(met.len(), n_others, mean_weight);
                    let steps = options.steps.get();
                    let equations = Equations { met, others, gram: &gram, alpha: options.alpha, reg };
                    arch.dispatch(Solve { equations, row, steps, scratch });
                }
            },
        );
        Interrupted::ask(run.progress)
    }
}

/// Memory that a thread uses again and again.
pub(super) struct Scratch {
    residual: Vec<f32>,
    direction: Vec<f32>,
    product: Vec<f32>,
}

impl Scratch {
    pub(super) fn new(stride: usize) -> Self {
        let zeros = || vec![0.0; stride];
        Self { residual: zeros(), direction: zeros(), product: zeros() }
    }
}

/// One row of a Gram matrix.
struct GramRow<'a> {
    rows: &'a Rows,
    at: usize,
    sums: &'a mut [f32],
}

impl WithSimd for GramRow<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        for row in self.rows.values.chunks_exact(self.rows.stride) {
            add(simd, row[self.at], row, self.sums);
        }
    }
}

/// The equations of a row: `(gram + reg · I + alpha · Σ q qᵀ) row = (1 + alpha) · Σ q`, over the rows `q` of `others`
/// that were met.
pub(super) struct Equations<'a> {
    pub(super) met: &'a [u32],
    pub(super) others: &'a Rows,
    pub(super) gram: &'a Rows,
    pub(super) alpha: f32,
    pub(super) reg: f32,
}

/// Steps of conjugate gradients from `row` towards the solution.
pub(super) struct Solve<'a> {
    pub(super) equations: Equations<'a>,
    pub(super) row: &'a mut [f32],
    pub(super) steps: usize,
    pub(super) scratch: &'a mut Scratch,
}

impl WithSimd for Solve<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        let Self { equations, row, steps, scratch } = self;
        let Scratch { residual, direction, product } = scratch;
        equations.times(simd, row, product);
        residual.fill(0.0);
        for &other in equations.met {
            add(simd, 1.0 + equations.alpha, equations.others.row(other as usize), residual);
        }
        add(simd, -1.0, product, residual);
        direction.copy_from_slice(residual);
        let mut length = dot(simd, residual, residual);
        for _ in 0..steps {
            // So near the solution that 32-bit numbers go no further.
            if length < 1e-20 {
                break;
            }
            equations.times(simd, direction, product);
            let step = length / dot(simd, direction, product);
            add(simd, step, direction, row);
            add(simd, -step, product, residual);
            let next = dot(simd, residual, residual);
            let turn = next / length;
            length = next;
            for (direction, residual) in direction.iter_mut().zip(&*residual) {
                *direction = turn * *direction + residual;
            }
        }
    }
}

impl Equations<'_> {
    /// Writes the left side's matrix times `vector` into `out`.
    #[inline(always)]
    fn times<S: Simd>(&self, simd: S, vector: &[f32], out: &mut [f32]) {
        let mut from = 0;
        while from < out.len() {
            from += match (out.len() - from) / S::F32_LANES {
                0 => unreachable!("rows are whole vectors"),
                1 => times_gram::<S, 1>(simd, self.gram, vector, from, out),
                2 | 3 => times_gram::<S, 2>(simd, self.gram, vector, from, out),
                4..8 => times_gram::<S, 4>(simd, self.gram, vector, from, out),
                _ => times_gram::<S, 8>(simd, self.gram, vector, from, out),
            };
        }
        add(simd, self.reg, vector, out);
        for &other in self.met {
            let other = self.others.row(other as usize);
            add(simd, self.alpha * dot(simd, other, vector), other, out);
        }
    }
}

/// Writes `V` vectors of `gram · vector` into `out`, from the number at `from`; returns how many numbers these are.
///
/// The sums stay in registers over all rows of the matrix, which is symmetric.
#[inline(always)]
fn times_gram<S: Simd, const V: usize>(simd: S, gram: &Rows, vector: &[f32], from: usize, out: &mut [f32]) -> usize {
    let n = V * S::F32_LANES;
    let mut sums = [simd.splat_f32s(0.0); V];
    for (factor, row) in vector[..gram.size].iter().zip(gram.values.chunks_exact(gram.stride)) {
        let (row, factor) = (S::as_simd_f32s(&row[from..from + n]).0, simd.splat_f32s(*factor));
        for v in 0..V {
            sums[v] = mul_add(simd, factor, row[v], sums[v]);
        }
    }
    S::as_mut_simd_f32s(&mut out[from..from + n]).0.copy_from_slice(&sums);
    n
}

/// `to += factor · from`
#[inline(always)]
fn add<S: Simd>(simd: S, factor: f32, from: &[f32], to: &mut [f32]) {
    let (from, _) = S::as_simd_f32s(from);
    let (to, _) = S::as_mut_simd_f32s(to);
    let factor = simd.splat_f32s(factor);
    for (to, from) in to.iter_mut().zip(from) {
        *to = mul_add(simd, factor, *from, *to);
    }
}

#[inline(always)]
fn dot<S: Simd>(simd: S, a: &[f32], b: &[f32]) -> f32 {
    let [sum] = dots(simd, [[S::as_simd_f32s(a).0, S::as_simd_f32s(b).0]]);
    sum
}
