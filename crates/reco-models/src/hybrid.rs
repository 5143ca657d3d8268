//! The article's hybrid network: neural collaborative filtering with item features and context.
//!
//! Both branches of `neural.rs` beside a dense layer over the item's features and one over the context, all joined by
//! one dense unit. Does not know what a feature or a context means.
//!
//! **Invariant**: with 66 users, 9,741 items, 20 features and 2 contexts it has the 983,700 parameters that Keras
//! prints.

use burn::module::Module;
use burn::nn::Linear;
use burn::tensor::activation::relu;
use burn::tensor::{Tensor, s};
use reco_core::LayerGraph;

use crate::modules::{EmbeddingTable, Initial};
use crate::network::{Batch, Network, Side, Sizes, shares, weights};
use crate::neural::{NeuralCore, joined};

/// Neural collaborative filtering with item features and context.
#[derive(Module, Debug)]
pub struct Hybrid {
    core: NeuralCore,
    features_x: Option<Linear>,
    context_x: Option<Linear>,
    y_out: Linear,
}

impl Hybrid {
    /// All that the last unit joins, by name.
    fn branches(&self, batch: Batch) -> Vec<(&'static str, Tensor<2>)> {
        let mut branches = self.core.branches(batch.rows);
        for (name, dense, input) in
            [("features", &self.features_x, batch.features), ("context", &self.context_x, batch.contexts)]
        {
            branches.extend(dense.as_ref().zip(input).map(|(dense, input)| (name, relu(dense.forward(input)))));
        }
        branches
    }
}

impl Network for Hybrid {
    const NAME: &'static str = "hybrid";
    const ABOUT: &'static str = "the neural network with item features and the context of the rating";
    const TABLES: &'static [Side] = NeuralCore::TABLES;
    const FEATURES: bool = true;
    const CONTEXTS: bool = true;

    fn init(sizes: &Sizes, initial: &mut Initial<'_>) -> Self {
        let (features, contexts) = (sizes.n_features, sizes.n_contexts);
        Self {
            core: NeuralCore::init(sizes, initial),
            features_x: (features > 0).then(|| initial.dense(features, features)),
            context_x: (contexts > 0).then(|| initial.dense(contexts, contexts)),
            y_out: initial.dense(1 + NeuralCore::hidden(sizes) + features + contexts, 1),
        }
    }

    fn tables(&self) -> Vec<&EmbeddingTable> {
        self.core.tables()
    }

    fn tables_mut(&mut self) -> Vec<&mut EmbeddingTable> {
        self.core.tables_mut()
    }

    fn dense_mut(&mut self) -> Vec<&mut Linear> {
        let mut dense = vec![self.core.dense_mut()];
        dense.extend(self.features_x.as_mut());
        dense.extend(self.context_x.as_mut());
        dense.push(&mut self.y_out);
        dense
    }

    fn forward(&self, batch: Batch) -> Tensor<2> {
        self.y_out.forward(joined(self.branches(batch)))
    }

    fn parts(&self, batch: Batch) -> Vec<(&'static str, Tensor<2>)> {
        shares(&self.y_out, self.branches(batch))
    }

    fn forward_all(&self, batch: Batch) -> Tensor<2> {
        let (weight, bias) = weights(&self.y_out);
        let width = |input: &Option<Tensor<2>>| input.as_ref().map_or(0, |input| input.dims()[1]);
        let contexts = weight.dims()[0] - width(&batch.contexts);
        let features = contexts - width(&batch.features);
        let mut sum = self.core.forward_all(batch.rows, weight.clone().slice(s![0..features, ..])) + bias;
        if let (Some(dense), Some(input)) = (&self.features_x, batch.features) {
            let items = relu(dense.forward(input)).matmul(weight.clone().slice(s![features..contexts, ..]));
            sum = sum + items.transpose();
        }
        if let (Some(dense), Some(input)) = (&self.context_x, batch.contexts) {
            sum = sum + relu(dense.forward(input)).matmul(weight.slice(s![contexts.., ..]));
        }
        sum
    }

    fn dense_size(embedding_size: usize) -> [usize; 2] {
        NeuralCore::dense_size(embedding_size)
    }

    fn width(&self) -> usize {
        self.y_out.weight.val().dims()[0]
    }

    fn layers(sizes: &Sizes) -> LayerGraph {
        let mut graph = LayerGraph::new("Hybrid_Model");
        NeuralCore::add_layers(&mut graph, sizes);
        let mut inputs = vec!["cf_xx", "nn_xx"];
        let mut width = 1 + NeuralCore::hidden(sizes);
        for (input, dense, n) in
            [("features_in", "features_x", sizes.n_features), ("contexts_in", "context_x", sizes.n_contexts)]
        {
            if n > 0 {
                graph.add(input, "Input", "", &[], n, 0);
                graph.add(dense, "Dense", "relu", &[input], n, (n + 1) * n);
                inputs.push(dense);
                width += n;
            }
        }
        graph.add("concat", "Concatenate", "", &inputs, width, 0);
        graph.add("y_out", "Dense", "linear", &["concat"], 1, width + 1);
        graph
    }
}
