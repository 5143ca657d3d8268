//! Describes a network as a list of layers.
//!
//! Does not know tensors: it is a network's own description, which a test of `reco-models` compares with the network.
//!
//! **Invariant**: a layer's inputs come before it; sizes leave out the batch dimension.

use serde::{Deserialize, Serialize};

/// A network as layers, inputs first, as Keras' `model.summary()` lists them.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct LayerGraph {
    /// The network's name.
    pub name: String,
    /// Its layers; each one's inputs come before it.
    pub layers: Vec<Layer>,
}

/// One layer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Layer {
    /// Unique within the network: `cf_xusers_emb`.
    pub name: String,
    /// `Input`, `Embedding`, `Dot`, `Concatenate`, `Dense`.
    pub kind: String,
    /// What the layer adds beyond its kind: `normalize`, `relu`.
    pub detail: String,
    /// Names of the layers it reads.
    pub inputs: Vec<String>,
    /// The width of its output, without the batch dimension.
    pub output_size: usize,
    /// Numbers learned in it.
    pub n_parameters: usize,
}

impl LayerGraph {
    /// A network without layers yet.
    pub fn new(name: &str) -> Self {
        Self { name: name.to_owned(), layers: Vec::new() }
    }

    /// Adds a layer. Panics if an input is not there yet: that is a mistake in the network's description.
    pub fn add(
        &mut self,
        name: &str,
        kind: &str,
        detail: &str,
        inputs: &[&str],
        output_size: usize,
        n_parameters: usize,
    ) {
        for input in inputs {
            assert!(
                self.layers.iter().any(|layer| layer.name == *input),
                "layer `{name}` reads `{input}`, which is not there yet"
            );
        }
        self.layers.push(Layer {
            name: name.to_owned(),
            kind: kind.to_owned(),
            detail: detail.to_owned(),
            inputs: inputs.iter().map(|&input| input.to_owned()).collect(),
            output_size,
            n_parameters,
        });
    }

    /// Numbers learned in the whole network.
    pub fn n_parameters(&self) -> usize {
        self.layers.iter().map(|layer| layer.n_parameters).sum()
    }
}
