//! Says what a network is, as a value, before it has weights.
//!
//! Everything else follows from it: weights, `forward` and the scores of all pairs (`network.rs`, `scoring.rs`), the
//! diagram (below), explanations (`fitted.rs`), the fused steps (`fused/`). Does not know tensors, nor how a network is
//! trained.
//!
//! **Invariant**: a description reads users and items; over a catalogue, what the catalogue lacks is left out, and
//! every other branch, tower and input is there, in the order of the description.

use reco_core::{Catalogue, LayerGraph};

use crate::options::Part;

#[cfg(test)]
pub(crate) mod drawn;

/// The unit that joins all branches, in diagrams.
const OUTPUT: &str = "y_out";

/// A network: products of two towers beside dense layers over towers, item features and contexts, all joined by one
/// dense unit. A tower is an embedding table, and the same wherever it has the same name.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Description {
    /// Its name in the registry.
    pub(crate) name: &'static str,
    /// One line for help and reports.
    pub(crate) about: &'static str,
    /// Its name in diagrams.
    pub(crate) title: &'static str,
    pub(crate) products: &'static [Product],
    pub(crate) layers: &'static [Dense],
    /// The network that is trained where lists are wanted, the dot product of a user's and an item's vector beside a
    /// bias of the item: what these vectors are sums of, besides the item's embedding.
    pub(crate) lists: &'static [Part],
}

/// A branch: one number from a user's and an item's embedding.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Product {
    /// Its name in explanations.
    pub(crate) name: &'static str,
    /// Its name in diagrams.
    pub(crate) layer: &'static str,
    pub(crate) similarity: Similarity,
    /// The tower of users.
    pub(crate) users: &'static str,
    /// The tower of items.
    pub(crate) items: &'static str,
}

/// What a product is of two embeddings.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Similarity {
    /// The cosine of their angle, Keras' `Dot(normalize=True)`.
    Cosine,
    /// Their dot product.
    Dot,
}

/// A branch: a dense layer before a rectifier, over its inputs side by side.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Dense {
    /// Its name in explanations.
    pub(crate) name: &'static str,
    /// Its name in diagrams.
    pub(crate) layer: &'static str,
    pub(crate) inputs: &'static [Input],
    pub(crate) units: Units,
}

/// What a dense layer reads.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Input {
    /// The user's row of a tower.
    Users(&'static str),
    /// The item's row of a tower.
    Items(&'static str),
    /// The item's features.
    Features,
    /// The context of the rating.
    Contexts,
}

/// How many units a dense layer has.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Units {
    /// Half the embedding's width, and at least one.
    HalfEmbedding,
    /// As many as it reads numbers.
    AsInputs,
}

/// What an embedding table has a row for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Side {
    User,
    /// The article's products.
    Item,
}

/// The numbers that decide a network's shapes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Sizes {
    pub(crate) n_users: usize,
    pub(crate) n_items: usize,
    pub(crate) n_features: usize,
    pub(crate) n_contexts: usize,
    /// Width of each embedding.
    pub(crate) embedding_size: usize,
}

impl Sizes {
    /// Those of a network over `catalogue`.
    pub(crate) fn of(catalogue: &Catalogue, embedding_size: usize) -> Self {
        Self {
            n_users: catalogue.n_users(),
            n_items: catalogue.n_items(),
            n_features: catalogue.item_features.names().len(),
            n_contexts: catalogue.contexts.len(),
            embedding_size,
        }
    }
}

/// A description over a catalogue: what of it is there, and how wide.
#[derive(Clone, Debug)]
pub(crate) struct Architecture {
    pub(crate) description: Description,
    pub(crate) sizes: Sizes,
    /// In the order in which the description first names them.
    pub(crate) towers: Vec<Tower>,
    pub(crate) products: Vec<ProductOver>,
    /// The dense layers that have something to read.
    pub(crate) layers: Vec<DenseOver>,
}

/// An embedding table, `[n_rows, embedding_size]`.
#[derive(Clone, Debug)]
pub(crate) struct Tower {
    pub(crate) name: &'static str,
    pub(crate) side: Side,
    pub(crate) n_rows: usize,
    pub(crate) readers: Vec<Reader>,
}

/// A branch that reads a tower.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Reader {
    /// A product, as its first (0) or second (1) factor.
    Product { product: usize, factor: usize },
    /// A dense layer, from its input `from` on.
    Layer { layer: usize, from: usize },
}

/// A product with its towers.
#[derive(Clone, Debug)]
pub(crate) struct ProductOver {
    pub(crate) of: Product,
    /// The user's, the item's.
    pub(crate) towers: [usize; 2],
}

/// A dense layer with its widths.
#[derive(Clone, Debug)]
pub(crate) struct DenseOver {
    pub(crate) of: Dense,
    pub(crate) inputs: Vec<Segment>,
    pub(crate) d_input: usize,
    pub(crate) d_output: usize,
}

/// `width` of a dense layer's inputs, from the input `from` on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Segment {
    pub(crate) source: Source,
    pub(crate) from: usize,
    pub(crate) width: usize,
}

/// Where a dense layer's inputs come from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Source {
    /// The tower of this number.
    Tower(usize),
    Features,
    Contexts,
}

impl Description {
    /// This network over a catalogue of these sizes.
    pub(crate) fn over(&self, sizes: Sizes) -> Architecture {
        let mut towers: Vec<Tower> = Vec::new();
        let mut tower = |name: &'static str, side: Side, reader: Reader| {
            let at = towers.iter().position(|tower| (tower.name, tower.side) == (name, side)).unwrap_or(towers.len());
            if at == towers.len() {
                let n_rows = if side == Side::User { sizes.n_users } else { sizes.n_items };
                towers.push(Tower { name, side, n_rows, readers: Vec::new() });
            }
            towers[at].readers.push(reader);
            at
        };
        let mut products = Vec::new();
        for (of, product) in self.products.iter().zip(0..) {
            let reader = |factor| Reader::Product { product, factor };
            let towers = [tower(of.users, Side::User, reader(0)), tower(of.items, Side::Item, reader(1))];
            products.push(ProductOver { of: *of, towers });
        }
        let mut layers: Vec<DenseOver> = Vec::new();
        for of in self.layers {
            let (mut inputs, mut d_input) = (Vec::new(), 0_usize);
            for input in of.inputs {
                let reader = Reader::Layer { layer: layers.len(), from: d_input };
                let (source, width) = match *input {
                    Input::Users(name) => (Source::Tower(tower(name, Side::User, reader)), sizes.embedding_size),
                    Input::Items(name) => (Source::Tower(tower(name, Side::Item, reader)), sizes.embedding_size),
                    Input::Features => (Source::Features, sizes.n_features),
                    Input::Contexts => (Source::Contexts, sizes.n_contexts),
                };
                if width > 0 {
                    inputs.push(Segment { source, from: d_input, width });
                    d_input = d_input.saturating_add(width);
                }
            }
            let d_output = match of.units {
                Units::HalfEmbedding => (sizes.embedding_size / 2).max(1),
                Units::AsInputs => d_input,
            };
            if d_input > 0 {
                layers.push(DenseOver { of: *of, inputs, d_input, d_output });
            }
        }
        Architecture { description: *self, sizes, towers, products, layers }
    }
}

impl DenseOver {
    /// Whether something that it reads is trained as well.
    pub(crate) fn reads_towers(&self) -> bool {
        self.inputs.iter().any(|input| matches!(input.source, Source::Tower(_)))
    }
}

impl Architecture {
    /// Whether a layer reads `source`.
    pub(crate) fn reads(&self, source: Source) -> bool {
        self.layers.iter().any(|layer| layer.inputs.iter().any(|input| input.source == source))
    }

    /// What a source depends on: who asks and when, or the item.
    pub(crate) fn side(&self, source: Source) -> Side {
        match source {
            Source::Tower(tower) => self.towers[tower].side,
            Source::Features => Side::Item,
            Source::Contexts => Side::User,
        }
    }

    /// The names of all branches in explanations, in the order in which they are joined: products, then layers.
    pub(crate) fn branches(&self) -> impl Iterator<Item = &'static str> {
        self.description
            .products
            .iter()
            .map(|product| product.name)
            .chain(self.layers.iter().map(|layer| layer.of.name))
    }

    /// The dense layers with the shape of their weights, and then the unit that joins all branches.
    pub(crate) fn dense(&self) -> impl Iterator<Item = (&'static str, [usize; 2])> {
        let layers = self.layers.iter().map(|layer| (layer.of.layer, [layer.d_input, layer.d_output]));
        layers.chain([(OUTPUT, [self.n_joined(), 1])])
    }

    /// How many numbers the last unit joins.
    pub(crate) fn n_joined(&self) -> usize {
        self.products.len() + self.layers.iter().map(|layer| layer.d_output).sum::<usize>()
    }

    /// The network as layers.
    pub(crate) fn graph(&self) -> LayerGraph {
        let mut graph = LayerGraph::new(self.description.title);
        let mut branches = Vec::new();
        for ProductOver { of, towers } in &self.products {
            let detail = if of.similarity == Similarity::Cosine { "normalize" } else { "" };
            let factors = towers.map(|tower| self.add_source(&mut graph, Source::Tower(tower)));
            graph.add(of.layer, "Dot", detail, &factors, 1, 0);
            branches.push(of.layer);
        }
        for DenseOver { of, inputs, d_input, d_output } in &self.layers {
            let read: Vec<&str> = inputs.iter().map(|input| self.add_source(&mut graph, input.source)).collect();
            let stem = of.layer.rsplit_once('_').map_or(of.layer, |(stem, _)| stem);
            let concat = format!("{stem}_concat");
            let read = concatenated(&mut graph, &concat, &read, *d_input);
            graph.add(of.layer, "Dense", "relu", &read, *d_output, (d_input + 1) * d_output);
            branches.push(of.layer);
        }
        let joined = concatenated(&mut graph, "concat", &branches, self.n_joined());
        graph.add(OUTPUT, "Dense", "linear", &joined, 1, self.n_joined() + 1);
        graph
    }

    /// Adds what a branch reads, unless it is there already; returns its name.
    fn add_source(&self, graph: &mut LayerGraph, source: Source) -> &'static str {
        let Sizes { n_features, n_contexts, embedding_size, .. } = self.sizes;
        let (name, width, tower) = match source {
            Source::Tower(tower) if self.towers[tower].side == Side::User => ("xusers_in", 1, Some(tower)),
            Source::Tower(tower) => ("xproducts_in", 1, Some(tower)),
            Source::Features => ("features_in", n_features, None),
            Source::Contexts => ("contexts_in", n_contexts, None),
        };
        let has = |graph: &LayerGraph, name: &str| graph.layers.iter().any(|layer| layer.name == name);
        if !has(graph, name) {
            graph.add(name, "Input", "", &[], width, 0);
        }
        let Some(tower) = tower.map(|tower| &self.towers[tower]) else { return name };
        if !has(graph, tower.name) {
            graph.add(tower.name, "Embedding", "", &[name], embedding_size, tower.n_rows * embedding_size);
        }
        tower.name
    }
}

/// Adds the layer `name` that sets `inputs` side by side, where there are several; returns what the next layer reads.
fn concatenated<'a>(graph: &mut LayerGraph, name: &'a str, inputs: &[&'a str], width: usize) -> Vec<&'a str> {
    if inputs.len() == 1 {
        return inputs.to_vec();
    }
    graph.add(name, "Concatenate", "", inputs, width, 0);
    vec![name]
}
