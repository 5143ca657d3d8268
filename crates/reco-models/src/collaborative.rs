//! The article's collaborative filtering: the cosine of a user's and an item's embedding, then one dense unit.
//!
//! Model-based: `ŷ = w · cos(u, i) + b` over embeddings of width 50. Does not know features or contexts.
//!
//! **Invariant**: with 66 users and 9,741 items it has the 490,352 parameters that Keras prints for the article.

use burn::module::Module;
use burn::nn::Linear;
use burn::tensor::Tensor;
use reco_core::LayerGraph;

use crate::modules::{EmbeddingTable, Initial, cosine, normalize};
use crate::network::{Batch, Network, Side, Sizes, shares, weights};

/// Embeddings of users and items, their cosine, one dense unit.
#[derive(Module, Debug)]
pub struct Collaborative {
    xusers_emb: EmbeddingTable,
    xproducts_emb: EmbeddingTable,
    y_out: Linear,
}

impl Network for Collaborative {
    const NAME: &'static str = "collaborative";
    const ABOUT: &'static str = "embeddings of users and items, their cosine, one dense unit";
    const TABLES: &'static [Side] = &[Side::User, Side::Item];

    fn init(sizes: &Sizes, initial: &mut Initial<'_>) -> Self {
        Self {
            xusers_emb: initial.embedding(sizes.n_users, sizes.embedding_size),
            xproducts_emb: initial.embedding(sizes.n_items, sizes.embedding_size),
            y_out: initial.dense(1, 1),
        }
    }

    fn tables(&self) -> Vec<&EmbeddingTable> {
        vec![&self.xusers_emb, &self.xproducts_emb]
    }

    fn tables_mut(&mut self) -> Vec<&mut EmbeddingTable> {
        vec![&mut self.xusers_emb, &mut self.xproducts_emb]
    }

    fn dense_mut(&mut self) -> Vec<&mut Linear> {
        vec![&mut self.y_out]
    }

    fn forward(&self, batch: Batch) -> Tensor<2> {
        let [users, items] = rows(batch.rows);
        self.y_out.forward(cosine(users, items))
    }

    fn parts(&self, batch: Batch) -> Vec<(&'static str, Tensor<2>)> {
        let [users, items] = rows(batch.rows);
        shares(&self.y_out, vec![("cosine", cosine(users, items))])
    }

    fn forward_all(&self, batch: Batch) -> Tensor<2> {
        let [users, items] = rows(batch.rows);
        let (weight, bias) = weights(&self.y_out);
        normalize(users).matmul(normalize(items).transpose()) * weight + bias
    }

    fn width(&self) -> usize {
        1
    }

    fn layers(sizes: &Sizes) -> LayerGraph {
        let mut graph = LayerGraph::new("CollaborativeFiltering");
        add_cosine(&mut graph, sizes, ["xusers_in", "xusers_emb", "xproducts_in", "xproducts_emb", "xx"]);
        graph.add("y_out", "Dense", "linear", &["xx"], 1, 2);
        graph
    }
}

/// One tensor per table.
pub(crate) fn rows<const N: usize>(rows: Vec<Tensor<2>>) -> [Tensor<2>; N] {
    rows.try_into().expect("a batch has rows for each of the network's tables")
}

/// Two inputs, their embeddings and the cosine of these, under the names given in that order.
pub(crate) fn add_cosine(graph: &mut LayerGraph, sizes: &Sizes, names: [&str; 5]) {
    let [users_in, users_emb, items_in, items_emb, xx] = names;
    add_embeddings(graph, sizes, [users_in, users_emb, items_in, items_emb]);
    graph.add(xx, "Dot", "normalize", &[users_emb, items_emb], 1, 0);
}

/// Two inputs, unless they are there already, and their embeddings, under the names given in that order.
pub(crate) fn add_embeddings(graph: &mut LayerGraph, sizes: &Sizes, names: [&str; 4]) {
    let width = sizes.embedding_size;
    for (pair, n_rows) in names.chunks(2).zip([sizes.n_users, sizes.n_items]) {
        if !graph.layers.iter().any(|layer| layer.name == pair[0]) {
            graph.add(pair[0], "Input", "", &[], 1, 0);
        }
        graph.add(pair[1], "Embedding", "", &[pair[0]], width, n_rows * width);
    }
}
