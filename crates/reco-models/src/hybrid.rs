//! Describes the article's hybrid network: neural collaborative filtering with item features and context.
//!
//! Both branches of `neural.rs` beside a dense layer over the item's features and one over the context, all joined by
//! one dense unit. Does not know what a feature or a context means.
//!
//! **Invariant**: with 66 users, 9,741 items, 20 features and 2 contexts it has the 983,700 parameters that Keras
//! prints.

use crate::approach::network_approach;
use crate::description::{Dense, Description, Input, Units};
use crate::neural::{COSINE, DENSE};
use crate::options::Part;

network_approach! {
    /// The approach `hybrid`: `neural` with item features and the context of the rating.
    pub Hybrid, NETWORK
}

pub(crate) const NETWORK: Description = Description {
    name: "hybrid",
    about: "the neural network with item features and the context of the rating",
    title: "Hybrid_Model",
    products: &[COSINE],
    layers: &[
        DENSE,
        Dense { name: "features", layer: "features_x", inputs: &[Input::Features], units: Units::AsInputs },
        Dense { name: "context", layer: "context_x", inputs: &[Input::Contexts], units: Units::AsInputs },
    ],
    lists: &[Part::Embedding, Part::History, Part::Attributes, Part::Contexts, Part::Features],
};
