//! What must a network say of itself so that one loop can train it and one path can score with it?
//!
//! Does not know optimizers, nor how batches are drawn.
//!
//! **Invariant**: `forward` is the definition; `forward_all` gives the same scores for every pair of a user and an item,
//! and `layers` the same shapes and parameters. Tests hold both against `forward`.

use burn::module::Module;
use burn::nn::Linear;
use burn::tensor::Tensor;
use reco_core::LayerGraph;

use crate::modules::{EmbeddingTable, Initial};

/// What an embedding table has a row for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Side {
    /// Users.
    User,
    /// Items, the article's products.
    Item,
}

/// The numbers that decide a network's shapes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sizes {
    /// Rows of each user table.
    pub n_users: usize,
    /// Rows of each item table.
    pub n_items: usize,
    /// Item features.
    pub n_features: usize,
    /// Context numbers.
    pub n_contexts: usize,
    /// Width of each embedding.
    pub embedding_size: usize,
}

/// One batch on the device.
#[derive(Clone, Debug)]
pub struct Batch {
    /// One per table, in the order of [`Network::tables`]: `[n, embedding_size]`, or `[n_items, …]` in `forward_all`.
    pub rows: Vec<Tensor<2>>,
    /// The features of each row's item, `[n, n_features]`, where the network reads them and there are any.
    pub features: Option<Tensor<2>>,
    /// The context of each row, `[n, n_contexts]`, where the network reads it and there is any.
    pub contexts: Option<Tensor<2>>,
}

/// A network over embeddings of users and items.
pub trait Network: Module + Send + Sync + 'static {
    /// Its name in the registry.
    const NAME: &'static str;
    /// One line for help and reports.
    const ABOUT: &'static str;
    /// What each table has rows for.
    const TABLES: &'static [Side];
    /// Whether it reads item features.
    const FEATURES: bool = false;
    /// Whether it reads contexts.
    const CONTEXTS: bool = false;

    /// A network with initial weights.
    fn init(sizes: &Sizes, initial: &mut Initial<'_>) -> Self;

    /// The tables, in the order of `TABLES`.
    fn tables(&self) -> Vec<&EmbeddingTable>;

    /// The same, to be trained.
    fn tables_mut(&mut self) -> Vec<&mut EmbeddingTable>;

    /// The dense layers, to be trained.
    fn dense_mut(&mut self) -> Vec<&mut Linear>;

    /// Predicted targets.
    ///
    /// # Shapes
    /// - batch: `n` rows
    /// - output: `[n, 1]`
    fn forward(&self, batch: Batch) -> Tensor<2>;

    /// Predicted targets of every pair, with what depends on the user or on the item alone computed once.
    ///
    /// # Shapes
    /// - batch: user tables' rows and contexts `[q, …]`, item tables' rows and features `[n_items, …]`
    /// - output: `[q, n_items]`
    fn forward_all(&self, batch: Batch) -> Tensor<2>;

    /// How many numbers `forward_all` holds at once for each pair.
    fn width(&self) -> usize;

    /// The network as layers.
    fn layers(sizes: &Sizes) -> LayerGraph;
}

/// A dense layer's weights as a `[d_input, d_output]` tensor and its bias as `[1, d_output]`.
pub(crate) fn weights(dense: &Linear) -> (Tensor<2>, Tensor<2>) {
    let weight = dense.weight.val();
    let [_, d_output] = weight.dims();
    let bias = dense.bias.as_ref().expect("`Initial::dense` gives every layer a bias").val();
    (weight, bias.reshape([1, d_output]))
}
