//! Sums a hidden layer of rectified units for every pair of a user and an item, by SIMD on all cores.
//!
//! `out[u, i] = Σ_d w_d relu(a[u, d] + b[i, d])`: three instructions for a vector of items and a hidden unit, and only
//! the result is held in memory. Does not know networks.
//!
//! **Invariant**: each number is one sum over the hidden units in their order, whatever else is asked and on however
//! many threads.

use burn::tensor::{Device, Tensor, TensorData};
use pulp::{Simd, WithSimd};
use rayon::prelude::*;
use reco_core::lanes::{arch, mul_add, vectors};

use super::matrix::Padded;

/// Users that a thread works on together, so that a few vectors of items are read once for all of them.
const USERS: usize = 8;

/// Vectors of items that are summed at once.
const VECTORS: usize = 4;

/// For every pair of a row of `a` and a row of `b`: `relu(a + b) · weights`, summed over the last axis; on the CPU's
/// device.
///
/// # Shapes
/// - a: `[q, d]`, b: `[n, d]`, weights: `[d, 1]`
/// - output: `[q, n]`
pub(crate) fn pairwise_relu(a: Tensor<2>, b: Tensor<2>, weights: Tensor<2>) -> Tensor<2> {
    let ([q, d], [n, _]) = (a.dims(), b.dims());
    let numbers = |tensor: Tensor<2>| tensor.into_data().try_into_vec::<f32>().expect("networks are of f32 on the CPU");
    let (a, weights) = (numbers(a), numbers(weights));
    // Items side by side.
    let b = Padded::of(&numbers(b.transpose()), n);
    let mut out = vec![0.0; q * n];
    if d > 0 && n > 0 {
        let arch = arch();
        out.par_chunks_mut(USERS * n)
            .zip(a.par_chunks(USERS * d))
            .for_each(|(out, a)| arch.dispatch(Pairs { a, b: &b, weights: &weights, out }));
    }
    Tensor::from_data(TensorData::new(out, [q, n]), &Device::flex())
}

/// Some users and all items.
struct Pairs<'a> {
    /// `[users, d]`
    a: &'a [f32],
    /// `[d, n]`
    b: &'a Padded,
    /// `[d]`
    weights: &'a [f32],
    /// `[users, n]`
    out: &'a mut [f32],
}

impl WithSimd for Pairs<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        let Self { a, b, weights, out } = self;
        let (n, d) = (b.n_columns(), weights.len());
        let n_vectors = vectors::<S>(n);
        let zero = simd.splat_f32s(0.0);
        for from in (0..n_vectors).step_by(VECTORS) {
            let n_here = VECTORS.min(n_vectors - from);
            for (a, out) in a.chunks(d).zip(out.chunks_mut(n)) {
                let mut sums = [zero; VECTORS];
                for (at, (a, weight)) in a.iter().zip(weights).enumerate() {
                    let (a, weight) = (simd.splat_f32s(*a), simd.splat_f32s(*weight));
                    let items = &S::as_simd_f32s(b.row(at)).0[from..from + n_here];
                    for (sum, b) in sums.iter_mut().zip(items) {
                        *sum = mul_add(simd, simd.max_f32s(simd.add_f32s(a, *b), zero), weight, *sum);
                    }
                }
                // The last vector may reach beyond the last item.
                let out = out[from * S::F32_LANES..].chunks_mut(S::F32_LANES);
                out.zip(&sums[..n_here]).for_each(|(out, sum)| simd.partial_store_f32s(out, *sum));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use reco_core::testing::same_on_any_cpu;

    use super::*;

    #[test]
    fn every_pair_is_the_sum_of_three_loops() {
        same_on_any_cpu("sums over pairs", || [(1, 1, 1), (9, 7, 3), (17, 33, 25), (3, 70, 8)].map(pairs));
    }

    /// Compares the sums with three loops, and returns their bits.
    fn pairs((q, n, d): (usize, usize, usize)) -> Vec<u32> {
        let numbers = |n: usize, by: usize| (0..n).map(|at| ((at * by % 13) as f32 - 6.0) / 7.0).collect::<Vec<_>>();
        let (a, b, w) = (numbers(q * d, 5), numbers(n * d, 7), numbers(d, 3));
        let tensor = |values: &[f32], shape: [usize; 2]| {
            Tensor::<2>::from_data(TensorData::new(values.to_vec(), shape), &Device::flex())
        };
        let ours = pairwise_relu(tensor(&a, [q, d]), tensor(&b, [n, d]), tensor(&w, [d, 1]));
        let ours = ours.into_data().try_into_vec::<f32>().unwrap();
        for user in 0..q {
            for item in 0..n {
                let terms = (0..d).map(|at| w[at] * (a[user * d + at] + b[item * d + at]).max(0.0));
                let expected: f32 = terms.sum();
                let got = ours[user * n + item];
                assert!((got - expected).abs() < 1e-5, "{q} {n} {d}: {got} for {expected}");
            }
        }
        ours.into_iter().map(f32::to_bits).collect()
    }
}
