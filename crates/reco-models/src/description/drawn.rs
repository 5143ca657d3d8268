//! Draws descriptions by chance, for tests that hold for all of them.
//!
//! Does not know what is tested.
//!
//! **Invariant**: a description follows from its seed; it reads users and items, and some have a tower that two
//! branches read.

use rand::RngExt as _;
use rand::seq::SliceRandom as _;
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::SeedableRng as _;

use super::{Dense, Description, Input, Product, Similarity, Units};
use crate::options::Part;

/// The description of this seed.
pub(crate) fn description(seed: u64) -> Description {
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    let n_products = rng.random_range(0..=3);
    let n_layers = rng.random_range(usize::from(n_products == 0)..=3);
    // Now and then two branches read the same.
    let tower = |rng: &mut ChaCha8Rng, side: &str| leaked(format!("{side}_{}", rng.random_range(0..60)));
    let mut products = Vec::new();
    for at in 0..n_products {
        let similarity = if rng.random() { Similarity::Cosine } else { Similarity::Dot };
        let (users, items) = (tower(&mut rng, "users"), tower(&mut rng, "items"));
        let name = leaked(format!("product_{at}"));
        products.push(Product { name, layer: name, similarity, users, items });
    }
    let mut layers = Vec::new();
    for at in 0..n_layers {
        let mut inputs = vec![
            Input::Users(tower(&mut rng, "users")),
            Input::Items(tower(&mut rng, "items")),
            Input::Features,
            Input::Contexts,
        ];
        // The first layer has both sides, the others whatever there is.
        let n_inputs = if at == 0 { rng.random_range(2..=4) } else { rng.random_range(1..=4) };
        if at > 0 {
            inputs.shuffle(&mut rng);
        }
        inputs.truncate(n_inputs);
        inputs.shuffle(&mut rng);
        let units = if rng.random() { Units::HalfEmbedding } else { Units::AsInputs };
        layers.push(Dense {
            name: leaked(format!("layer_{at}")),
            layer: leaked(format!("layer{at}_xx")),
            inputs: Vec::leak(inputs),
            units,
        });
    }
    let mut lists = vec![Part::Embedding, Part::History, Part::Attributes, Part::Contexts];
    lists.shuffle(&mut rng);
    lists.truncate(rng.random_range(1..=lists.len()));
    if rng.random() {
        lists.push(Part::Features);
    }
    Description {
        name: leaked(format!("drawn-{seed}")),
        about: "drawn by chance",
        title: "Drawn",
        products: Vec::leak(products),
        layers: Vec::leak(layers),
        lists: Vec::leak(lists),
    }
}

fn leaked(name: String) -> &'static str {
    String::leak(name)
}
