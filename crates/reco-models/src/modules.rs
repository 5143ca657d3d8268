//! The pieces of networks: initial weights, embedding tables, products of rows and pairwise hidden layers.
//!
//! Does not know which network uses which piece.
//!
//! **Invariant**: the initial weights come from one seeded generator on the host, so that every device starts from the
//! same numbers.

use burn::module::{Module, Param, ParamId};
use burn::nn::Linear;
use burn::tensor::{Device, Tensor, TensorData};
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};

/// Makes initial weights, by Keras' own initialisers.
pub(crate) struct Initial<'a> {
    rng: ChaCha8Rng,
    next_id: u64,
    device: &'a Device,
}

impl<'a> Initial<'a> {
    /// Weights for `device`, all of them following from `seed`.
    pub(crate) fn new(seed: u64, device: &'a Device) -> Self {
        Self { rng: ChaCha8Rng::seed_from_u64(seed), next_id: 1, device }
    }

    /// `[n_rows, embedding_size]`, uniform in ±0.05: Keras' `Embedding`.
    pub(crate) fn embedding(&mut self, n_rows: usize, embedding_size: usize) -> EmbeddingTable {
        EmbeddingTable { weight: self.uniform([n_rows, embedding_size], 0.05) }
    }

    /// Weights `[d_input, d_output]`, uniform in ±√(6 / (d_input + d_output)) (Glorot and Bengio 2010, equation 16),
    /// and a bias of zeros: Keras' `Dense`.
    pub(crate) fn dense(&mut self, d_input: usize, d_output: usize) -> Linear {
        let weight = self.uniform([d_input, d_output], (6.0 / (d_input + d_output) as f64).sqrt());
        let bias = Tensor::zeros([d_output], self.device);
        Linear { weight, bias: Some(Param::initialized(self.id(), bias)) }
    }

    fn uniform(&mut self, shape: [usize; 2], bound: f64) -> Param<Tensor<2>> {
        let mut draw = || {
            let unit = f64::from(self.rng.next_u32()) / 2_f64.powi(32);
            ((2.0 * unit - 1.0) * bound) as f32
        };
        let values = (0..shape[0] * shape[1]).map(|_| draw()).collect();
        self.parameter(values, shape)
    }

    /// A parameter of these numbers, with the next id.
    pub(crate) fn parameter<const D: usize>(&mut self, values: Vec<f32>, shape: [usize; D]) -> Param<Tensor<D>> {
        Param::initialized(self.id(), Tensor::from_data(TensorData::new(values, shape), self.device))
    }

    fn id(&mut self) -> ParamId {
        self.next_id += 1;
        ParamId::from(self.next_id - 1)
    }
}

/// One vector per user or item.
///
/// It never takes part in autodiff: training selects the rows that a batch touches as a small leaf of their own, see
/// the optimizer.
#[derive(Module, Debug)]
pub(crate) struct EmbeddingTable {
    /// `[n_rows, embedding_size]`
    pub(crate) weight: Param<Tensor<2>>,
}

/// The bias of a layer of [`Initial::dense`].
pub(crate) fn bias_of(dense: &Linear) -> &Param<Tensor<1>> {
    dense.bias.as_ref().expect("`Initial::dense` gives every layer a bias")
}

/// Cosine of the angle between rows, Keras' `Dot(normalize=True)`.
///
/// # Shapes
/// - a, b: `[n, embedding_size]`
/// - output: `[n, 1]`
pub(crate) fn cosine(a: Tensor<2>, b: Tensor<2>) -> Tensor<2> {
    let product = dot(a.clone(), b.clone());
    let norms = squared_norm(a) * squared_norm(b);
    product / norms.sqrt()
}

/// Dot product of rows, as [`cosine`].
pub(crate) fn dot(a: Tensor<2>, b: Tensor<2>) -> Tensor<2> {
    (a * b).sum_dim(1)
}

/// The squared length of each row, at least 1e-12: `[n, d]` to `[n, 1]`.
fn squared_norm(x: Tensor<2>) -> Tensor<2> {
    (x.clone() * x).sum_dim(1).clamp_min(1e-12)
}

/// Each row at length 1, `[n, d]` to `[n, d]`.
pub(crate) fn normalize(x: Tensor<2>) -> Tensor<2> {
    let norm = squared_norm(x.clone()).sqrt();
    x / norm
}

/// For every pair of a row of `a` and a row of `b`: `relu(a + b) · weights`, summed over the last axis.
///
/// # Shapes
/// - a: `[q, d]`, b: `[n, d]`, weights: `[d, 1]`
/// - output: `[q, n]`
pub(crate) fn pairwise_relu(a: Tensor<2>, b: Tensor<2>, weights: Tensor<2>) -> Tensor<2> {
    let [q, d] = a.dims();
    let [n, _] = b.dims();
    let hidden = (a.reshape([q, 1, d]) + b.reshape([1, n, d])).clamp_min(0.0);
    hidden.reshape([q * n, d]).matmul(weights).reshape([q, n])
}
