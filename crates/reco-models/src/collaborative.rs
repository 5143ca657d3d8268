//! Describes the article's collaborative filtering: the cosine of a user's and an item's embedding, then one dense
//! unit.
//!
//! Model-based: `ŷ = w · cos(u, i) + b` over embeddings of width 50. Does not know features or contexts.
//!
//! **Invariant**: with 66 users and 9,741 items it has the 490,352 parameters that Keras prints for the article.

use crate::approach::network_approach;
use crate::description::{Description, Product, Similarity};
use crate::options::Part;

network_approach! {
    /// The approach `collaborative`: the cosine of a user's and an item's embedding, as in the article.
    pub Collaborative, NETWORK
}

pub(crate) const NETWORK: Description = Description {
    name: "collaborative",
    about: "embeddings of users and items, their cosine, one dense unit",
    title: "CollaborativeFiltering",
    products: &[Product {
        name: "cosine",
        layer: "xx",
        similarity: Similarity::Cosine,
        users: "xusers_emb",
        items: "xproducts_emb",
    }],
    layers: &[],
    lists: &[Part::Embedding],
};
