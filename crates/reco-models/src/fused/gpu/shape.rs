//! The layout of a network's numbers on a GPU, and how a batch is divided among cubes.
//!
//! Does not know the numbers. Kernels are compiled for one shape.
//!
//! **Invariant**: layers lie side by side, in the order of the network's list; what a network lacks has a width of 0.

/// Ratings of a tile, at most.
const TILE: usize = 8;

/// Shares of a batch, at most: the cubes that work on it, and the partial sums of dense gradients that are added up.
const SHARES: usize = 512;

/// Layers of a network, including those that it lacks.
pub(super) const N_LAYERS: usize = 3;

/// A dense layer before a rectifier; all 0 where the network has none.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub(super) struct Layer {
    pub(super) d_input: usize,
    pub(super) d_output: usize,
    /// Where its input begins among all inputs of a rating.
    pub(super) x: usize,
    /// Where its output begins among all hidden units.
    pub(super) h: usize,
    /// Where its weights `[d_input, d_output]` begin among all that is dense; its bias follows.
    pub(super) weight: usize,
    /// Whether what it reads is trained as well.
    pub(super) reads_embeddings: bool,
}

/// A network's shape, and how a cube works on it.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Shape {
    pub(super) embedding_size: usize,
    /// 2: the cosine's; 4: the second pair's as well.
    pub(super) n_tables: usize,
    /// Over the second pair of embeddings, item features and contexts.
    pub(super) pair: Layer,
    pub(super) features: Layer,
    pub(super) contexts: Layer,
    /// Over all layers.
    pub(super) d_input: usize,
    pub(super) d_hidden: usize,
    /// Where the joining unit's weights begin: the cosine's, one for each hidden unit, and the bias.
    pub(super) output: usize,
    pub(super) n_dense: usize,
    /// Ratings that a cube works on together.
    pub(super) tile: usize,
    /// Units of a cube.
    pub(super) units: usize,
}

impl Shape {
    /// `layers`: `[d_input, d_output]` over the second pair, features and contexts, 0 for what is not there. `None` where not even one
    /// rating fits into `shared_memory`, in bytes.
    pub(super) fn new(
        embedding_size: usize,
        n_tables: usize,
        layers: [[usize; 2]; 3],
        units: usize,
        shared_memory: usize,
    ) -> Option<Self> {
        let (mut d_input, mut d_hidden, mut n_dense) = (0, 0, 0);
        let [mut pair, features, contexts] = layers.map(|[width, d_output]| {
            let (x, h, weight) = (d_input, d_hidden, n_dense);
            let layer = Layer { d_input: width, d_output, x, h, weight, reads_embeddings: false };
            d_input += width;
            d_hidden += d_output;
            n_dense += width * d_output + d_output;
            layer
        });
        pair.reads_embeddings = pair.d_input > 0;
        let output = n_dense;
        n_dense += d_hidden + 2;
        // What `gradients` keeps of a rating.
        let per_rating = size_of::<f32>() * (2 * embedding_size + d_input.max(1) + 2 * d_hidden.max(1) + 10);
        let tile = [TILE, TILE / 2, TILE / 4, 1].into_iter().find(|tile| tile * per_rating <= shared_memory)?;
        Some(Self {
            embedding_size,
            n_tables,
            pair,
            features,
            contexts,
            d_input,
            d_hidden,
            output,
            n_dense,
            tile,
            units,
        })
    }

    /// All layers, in the order in which they lie.
    pub(super) fn layers(&self) -> [Layer; N_LAYERS] {
        [self.pair, self.features, self.contexts]
    }

    /// The number of shares into which a batch of `n` ratings is divided, and the number of tiles of each.
    pub(super) fn shares(&self, n: usize) -> (usize, usize) {
        let n_tiles = n.div_ceil(self.tile);
        let n_per_share = n_tiles.div_ceil(SHARES);
        (n_tiles.div_ceil(n_per_share), n_per_share)
    }

    /// The most shares that `n` ratings or fewer are divided into: a longer batch can have fewer shares than a shorter one.
    pub(super) fn most_shares(&self, n: usize) -> usize {
        n.div_ceil(self.tile).min(SHARES)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn there_is_room_for_the_shares_of_every_shorter_batch() {
        let shape = Shape::new(50, 4, [[100, 25], [0, 0], [0, 0]], 128, 32 << 10).unwrap();
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
