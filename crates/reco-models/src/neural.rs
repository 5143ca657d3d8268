//! Neural collaborative filtering in the article's form (after He et al. 2017, section 3.4).
//!
//! As in "Neural Collaborative Filtering", two branches joined by one dense unit: here a cosine of one pair of
//! embeddings, and a dense layer over a second pair. Does not know features or contexts.
//!
//! **Invariant**: with 66 users and 9,741 items it has the 983,252 parameters that Keras prints for the article.

use burn::module::Module;
use burn::nn::Linear;
use burn::tensor::activation::relu;
use burn::tensor::{Tensor, s};
use reco_core::LayerGraph;

use crate::collaborative::{add_cosine, add_embeddings, rows};
use crate::modules::{EmbeddingTable, Initial, cosine, normalize, pairwise_relu};
use crate::network::{Batch, Network, Side, Sizes, shares, weights};

/// Matrix factorization beside a dense network.
#[derive(Module, Debug)]
pub struct Neural {
    core: NeuralCore,
    y_out: Linear,
}

/// The two branches without the unit that joins them; the hybrid adds more branches before it does.
#[derive(Module, Debug)]
pub(crate) struct NeuralCore {
    cf_xusers_emb: EmbeddingTable,
    cf_xproducts_emb: EmbeddingTable,
    nn_xusers_emb: EmbeddingTable,
    nn_xproducts_emb: EmbeddingTable,
    nn_xx: Linear,
}

impl NeuralCore {
    pub(crate) const TABLES: &'static [Side] = &[Side::User, Side::Item, Side::User, Side::Item];

    pub(crate) fn init(sizes: &Sizes, initial: &mut Initial<'_>) -> Self {
        Self {
            cf_xusers_emb: initial.embedding(sizes.n_users, sizes.embedding_size),
            cf_xproducts_emb: initial.embedding(sizes.n_items, sizes.embedding_size),
            nn_xusers_emb: initial.embedding(sizes.n_users, sizes.embedding_size),
            nn_xproducts_emb: initial.embedding(sizes.n_items, sizes.embedding_size),
            nn_xx: initial.dense(2 * sizes.embedding_size, Self::hidden(sizes)),
        }
    }

    /// Units of the dense branch: half the embedding's width, and at least one.
    pub(crate) fn hidden(sizes: &Sizes) -> usize {
        (sizes.embedding_size / 2).max(1)
    }

    /// `[d_input, d_output]` of the dense layer over the second pair of embeddings.
    pub(crate) fn dense_size(embedding_size: usize) -> [usize; 2] {
        [embedding_size.saturating_mul(2), (embedding_size / 2).max(1)]
    }

    pub(crate) fn tables(&self) -> Vec<&EmbeddingTable> {
        vec![&self.cf_xusers_emb, &self.cf_xproducts_emb, &self.nn_xusers_emb, &self.nn_xproducts_emb]
    }

    pub(crate) fn tables_mut(&mut self) -> Vec<&mut EmbeddingTable> {
        vec![&mut self.cf_xusers_emb, &mut self.cf_xproducts_emb, &mut self.nn_xusers_emb, &mut self.nn_xproducts_emb]
    }

    pub(crate) fn dense_mut(&mut self) -> &mut Linear {
        &mut self.nn_xx
    }

    /// Both branches, by name: `n` rows to `[n, 1]` and `[n, hidden]`.
    pub(crate) fn branches(&self, batch_rows: Vec<Tensor<2>>) -> Vec<(&'static str, Tensor<2>)> {
        let [cf_users, cf_items, nn_users, nn_items] = rows(batch_rows);
        let nn = relu(self.nn_xx.forward(Tensor::cat(vec![nn_users, nn_items], 1)));
        vec![("cosine", cosine(cf_users, cf_items)), ("dense", nn)]
    }

    /// The share of both branches in `[branches] · weight`, for every pair: rows `[q, …]` and `[n, …]`, weight
    /// `[1 + hidden, 1]`, to `[q, n]`.
    pub(crate) fn forward_all(&self, batch_rows: Vec<Tensor<2>>, weight: Tensor<2>) -> Tensor<2> {
        let [cf_users, cf_items, nn_users, nn_items] = rows(batch_rows);
        let cf = normalize(cf_users).matmul(normalize(cf_items).transpose()) * weight.clone().slice(s![0..1, ..]);
        // The dense layer reads a concatenation, so its sum splits: the user's half once per user, the item's once per item.
        let (nn_weight, nn_bias) = weights(&self.nn_xx);
        let width = nn_users.dims()[1];
        let users = nn_users.matmul(nn_weight.clone().slice(s![0..width, ..])) + nn_bias;
        let items = nn_items.matmul(nn_weight.slice(s![width.., ..]));
        cf + pairwise_relu(users, items, weight.slice(s![1.., ..]))
    }

    pub(crate) fn add_layers(graph: &mut LayerGraph, sizes: &Sizes) {
        let (width, hidden) = (sizes.embedding_size, Self::hidden(sizes));
        add_cosine(graph, sizes, ["xusers_in", "cf_xusers_emb", "xproducts_in", "cf_xproducts_emb", "cf_xx"]);
        add_embeddings(graph, sizes, ["xusers_in", "nn_xusers_emb", "xproducts_in", "nn_xproducts_emb"]);
        graph.add("nn_concat", "Concatenate", "", &["nn_xusers_emb", "nn_xproducts_emb"], 2 * width, 0);
        graph.add("nn_xx", "Dense", "relu", &["nn_concat"], hidden, (2 * width + 1) * hidden);
    }
}

/// The branches side by side, without their names.
pub(crate) fn joined(branches: Vec<(&'static str, Tensor<2>)>) -> Tensor<2> {
    Tensor::cat(branches.into_iter().map(|(_, branch)| branch).collect(), 1)
}

impl Network for Neural {
    const NAME: &'static str = "neural";
    const ABOUT: &'static str = "neural collaborative filtering: the cosine beside a dense network";
    const TABLES: &'static [Side] = NeuralCore::TABLES;

    fn init(sizes: &Sizes, initial: &mut Initial<'_>) -> Self {
        Self { core: NeuralCore::init(sizes, initial), y_out: initial.dense(1 + NeuralCore::hidden(sizes), 1) }
    }

    fn tables(&self) -> Vec<&EmbeddingTable> {
        self.core.tables()
    }

    fn tables_mut(&mut self) -> Vec<&mut EmbeddingTable> {
        self.core.tables_mut()
    }

    fn dense_mut(&mut self) -> Vec<&mut Linear> {
        vec![self.core.dense_mut(), &mut self.y_out]
    }

    fn forward(&self, batch: Batch) -> Tensor<2> {
        self.y_out.forward(joined(self.core.branches(batch.rows)))
    }

    fn parts(&self, batch: Batch) -> Vec<(&'static str, Tensor<2>)> {
        shares(&self.y_out, self.core.branches(batch.rows))
    }

    fn forward_all(&self, batch: Batch) -> Tensor<2> {
        let (weight, bias) = weights(&self.y_out);
        self.core.forward_all(batch.rows, weight) + bias
    }

    fn dense_size(embedding_size: usize) -> [usize; 2] {
        NeuralCore::dense_size(embedding_size)
    }

    fn width(&self) -> usize {
        self.y_out.weight.val().dims()[0]
    }

    fn layers(sizes: &Sizes) -> LayerGraph {
        let mut graph = LayerGraph::new("Neural_CollaborativeFiltering");
        NeuralCore::add_layers(&mut graph, sizes);
        let hidden = NeuralCore::hidden(sizes);
        graph.add("concat", "Concatenate", "", &["cf_xx", "nn_xx"], 1 + hidden, 0);
        graph.add("y_out", "Dense", "linear", &["concat"], 1, 2 + hidden);
        graph
    }
}
