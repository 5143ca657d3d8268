//! The layout of a network's numbers on a GPU, and how a batch is divided among cubes.
//!
//! Does not know the numbers. Kernels are compiled for one shape.
//!
//! **Invariant**: products, layers and inputs lie side by side, in the order of the architecture; tables by their side.

use crate::description::{Architecture, Reader, Side, Similarity, Source};

/// Ratings of a tile, at most.
const TILE: usize = 8;

/// Shares of a batch, at most: the cubes that work on it, and the partial sums of dense gradients that are added up.
const SHARES: usize = 512;

/// A product of a user's and an item's embedding.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct ProductShape {
    /// Which of its side's tables either factor lies in.
    pub(super) users: usize,
    pub(super) items: usize,
    pub(super) similarity: Similarity,
}

/// A dense layer before a rectifier.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct LayerShape {
    pub(super) d_input: usize,
    pub(super) d_output: usize,
    /// Where its input begins among all inputs of a rating.
    pub(super) x: usize,
    /// Where its output begins among all hidden units.
    pub(super) h: usize,
    /// Where its weights `[d_input, d_output]` begin among all that is dense; its bias follows.
    pub(super) weight: usize,
    /// Where the gradients of what it reads begin among those of a rating's rows.
    pub(super) row: usize,
    /// Whether what it reads is trained as well.
    pub(super) reads_towers: bool,
}

/// What a layer reads from one place.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct InputShape {
    pub(super) place: Place,
    /// Where its first number stands in a row of that place, and how many numbers such a row has.
    pub(super) begin: usize,
    pub(super) stride: usize,
    pub(super) width: usize,
    /// Where it begins among all inputs of a rating.
    pub(super) x: usize,
}

/// Where an input lies.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Place {
    /// In the tables of users.
    Users,
    /// In the tables of items.
    Items,
    /// In the features of items.
    Features,
    /// Behind the targets.
    Contexts,
}

/// A network's shape, and how a cube works on it.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Shape {
    pub(super) embedding_size: usize,
    /// For each table of users, and of items: where its gradient begins among those of a rating's rows.
    pub(super) tables: [Vec<usize>; 2],
    pub(super) products: Vec<ProductShape>,
    pub(super) layers: Vec<LayerShape>,
    pub(super) inputs: Vec<InputShape>,
    /// Context numbers that stand behind each target.
    pub(super) n_contexts: usize,
    /// Gradients of a rating's rows: both factors of each product, and all that the layers over towers read.
    pub(super) d_rows: usize,
    /// Over all layers.
    pub(super) d_input: usize,
    pub(super) d_hidden: usize,
    /// Where the joining unit's weights begin: one for each product and each hidden unit, and the bias.
    pub(super) output: usize,
    pub(super) n_dense: usize,
    /// Ratings that a cube works on together.
    pub(super) tile: usize,
    /// Units of a cube.
    pub(super) units: usize,
}

impl Shape {
    /// `None` where not even one rating fits into `shared_memory`, in bytes.
    pub(super) fn new(architecture: &Architecture, units: usize, shared_memory: usize) -> Option<Self> {
        let size = architecture.sizes.embedding_size;
        // Which of its side's tables each tower is.
        let mut n_tables = [0; 2];
        let mut of_side = Vec::new();
        for tower in &architecture.towers {
            let side = usize::from(tower.side == Side::Item);
            of_side.push(n_tables[side]);
            n_tables[side] += 1;
        }
        let products = architecture.products.iter().map(|product| {
            let [users, items] = product.towers.map(|tower| of_side[tower]);
            ProductShape { users, items, similarity: product.of.similarity }
        });
        let products: Vec<ProductShape> = products.collect();
        let n_contexts = if architecture.reads(Source::Contexts) { architecture.sizes.n_contexts } else { 0 };
        let (mut d_input, mut d_hidden, mut n_dense, mut d_rows) = (0, 0, 0, 2 * size * products.len());
        let (mut layers, mut inputs) = (Vec::new(), Vec::new());
        for layer in &architecture.layers {
            for input in &layer.inputs {
                let (place, begin, stride) = match input.source {
                    Source::Tower(tower) => match architecture.towers[tower].side {
                        Side::User => (Place::Users, of_side[tower] * 3 * size, n_tables[0] * 3 * size),
                        Side::Item => (Place::Items, of_side[tower] * 3 * size, n_tables[1] * 3 * size),
                    },
                    Source::Features => (Place::Features, 0, input.width),
                    Source::Contexts => (Place::Contexts, 1, 1 + n_contexts),
                };
                inputs.push(InputShape { place, begin, stride, width: input.width, x: d_input + input.from });
            }
            let (from, to, reads_towers) = (layer.d_input, layer.d_output, layer.reads_towers());
            layers.push(LayerShape {
                d_input: from,
                d_output: to,
                x: d_input,
                h: d_hidden,
                weight: n_dense,
                row: d_rows,
                reads_towers,
            });
            d_input += from;
            d_hidden += to;
            n_dense += from * to + to;
            d_rows += if reads_towers { from } else { 0 };
        }
        let mut tables = [Vec::new(), Vec::new()];
        for tower in &architecture.towers {
            let gradient = match *tower.readers.first()? {
                Reader::Product { product, factor } => (2 * product + factor) * size,
                Reader::Layer { layer, from } => layers[layer].row + from,
            };
            tables[usize::from(tower.side == Side::Item)].push(gradient);
        }
        let output = n_dense;
        n_dense += products.len() + d_hidden + 1;
        // What `gradients` keeps of a rating.
        let numbers = products.len().max(1) * (2 * size + 4) + d_input.max(1) + 2 * d_hidden.max(1) + 6;
        let per_rating = size_of::<f32>() * numbers;
        let tile = [TILE, TILE / 2, TILE / 4, 1]
            .into_iter()
            .find(|tile| *tile <= units && tile * per_rating <= shared_memory)?;
        Some(Self {
            embedding_size: size,
            tables,
            products,
            layers,
            inputs,
            n_contexts,
            d_rows,
            d_input,
            d_hidden,
            output,
            n_dense,
            tile,
            units,
        })
    }

    /// Numbers of a rating's slope: g, and for each product its value and the factors of its gradients.
    pub(super) fn d_slope(&self) -> usize {
        1 + 4 * self.products.len()
    }

    /// The number of shares into which a batch of `n` ratings is divided, and the number of tiles of each.
    pub(super) fn shares(&self, n: usize) -> (usize, usize) {
        let n_tiles = n.div_ceil(self.tile);
        let n_per_share = n_tiles.div_ceil(SHARES);
        (n_tiles.div_ceil(n_per_share), n_per_share)
    }

    /// The most shares that `n` ratings or fewer are divided into: a longer batch can have fewer shares than a shorter
    /// one.
    pub(super) fn most_shares(&self, n: usize) -> usize {
        n.div_ceil(self.tile).min(SHARES)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::description::Sizes;
    use crate::neural;

    #[test]
    fn there_is_room_for_the_shares_of_every_shorter_batch() {
        let sizes = Sizes { n_users: 9, n_items: 9, n_features: 0, n_contexts: 0, embedding_size: 50 };
        let shape = Shape::new(&neural::NETWORK.over(sizes), 128, 32 << 10).unwrap();
        let (n_long, per_share) = shape.shares(5_000);
        assert_eq!((n_long, per_share), (313, 2));
        assert!(shape.shares(4_096).0 > n_long, "a shorter batch has more shares");
        let mut most = 0;
        for n in 1..20_000 {
            let (n_shares, n_per_share) = shape.shares(n);
            assert!(n_shares * n_per_share * shape.tile >= n && n_shares <= SHARES);
            most = most.max(n_shares);
            assert!(most <= shape.most_shares(n), "{n}");
        }
    }
}
