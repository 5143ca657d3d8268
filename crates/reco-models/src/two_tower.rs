//! Describes two towers: the dot product of a user's and an item's embedding, beside a dense layer over item features.
//!
//! After Yi et al. 2019, "Sampling-Bias-Corrected Neural Modeling", without their sampling. For lists it is `hybrid`
//! without embeddings and attributes of users: it stays the tests' example of a fourth network in forty lines. Does not
//! know contexts.
//!
//! **Invariant**: a network of the tests alone: nothing outside this file names its branches.

use crate::approach::network_approach;
use crate::description::{Dense, Description, Input, Product, Similarity, Units};
use crate::options::Part;

network_approach! {
    /// The approach `two-tower`.
    pub(crate) TwoTower, NETWORK
}

pub(crate) const NETWORK: Description = Description {
    name: "two-tower",
    about: "the dot product of a user's and an item's embedding, beside item features",
    title: "Two_Tower",
    products: &[Product {
        name: "dot",
        layer: "xx",
        similarity: Similarity::Dot,
        users: "xusers_emb",
        items: "xproducts_emb",
    }],
    layers: &[Dense { name: "features", layer: "features_x", inputs: &[Input::Features], units: Units::AsInputs }],
    lists: &[Part::History, Part::Features],
};
