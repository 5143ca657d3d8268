//! Describes neural collaborative filtering in the article's form (after He et al. 2017, section 3.4).
//!
//! As in "Neural Collaborative Filtering", two branches joined by one dense unit: here a cosine of one pair of
//! embeddings, and a dense layer over a second pair. Does not know features or contexts.
//!
//! **Invariant**: with 66 users and 9,741 items it has the 983,252 parameters that Keras prints for the article.

use crate::approach::network_approach;
use crate::description::{Dense, Description, Input, Product, Similarity, Units};
use crate::options::Part;

network_approach! {
    /// The approach `neural`: the cosine beside a dense layer over a second pair of embeddings (He et al. 2017).
    pub Neural, NETWORK
}

pub(crate) const NETWORK: Description = Description {
    name: "neural",
    about: "neural collaborative filtering: the cosine beside a dense network",
    title: "Neural_CollaborativeFiltering",
    products: &[COSINE],
    layers: &[DENSE],
    lists: &[Part::Embedding, Part::History],
};

pub(crate) const COSINE: Product = Product {
    name: "cosine",
    layer: "cf_xx",
    similarity: Similarity::Cosine,
    users: "cf_xusers_emb",
    items: "cf_xproducts_emb",
};

pub(crate) const DENSE: Dense = Dense {
    name: "dense",
    layer: "nn_xx",
    inputs: &[Input::Users("nn_xusers_emb"), Input::Items("nn_xproducts_emb")],
    units: Units::HalfEmbedding,
};
