//! The trait of all networks, by which one loop trains them and one path scores with them.
//!
//! Does not know optimizers, nor how batches are drawn.
//!
//! **Invariant**: `forward` is the definition; `forward_all` gives the same scores for every pair of a user and an
//! item, and `layers` the same shapes and parameters. Tests compare both with `forward`.

use burn::module::Module;
use burn::nn::Linear;
use burn::tensor::{Tensor, s};
use reco_core::LayerGraph;

use crate::modules::{EmbeddingTable, Initial};

/// What an embedding table has a row for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Side {
    /// Users.
    User,
    /// Items, the article's products.
    Item,
}

/// The numbers that decide a network's shapes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sizes {
    /// Rows of each user table.
    pub n_users: usize,
    /// Rows of each item table.
    pub n_items: usize,
    /// Item features.
    pub n_features: usize,
    /// Context numbers.
    pub n_contexts: usize,
    /// Width of each embedding.
    pub embedding_size: usize,
}

/// One batch on the device.
#[derive(Clone, Debug)]
pub struct Batch {
    /// One per table, in the order of [`Network::tables`]: `[n, embedding_size]`, or `[n_items, …]` in `forward_all`.
    pub rows: Vec<Tensor<2>>,
    /// The features of each row's item, `[n, n_features]`, where the network reads them and there are any.
    pub features: Option<Tensor<2>>,
    /// The context of each row, `[n, n_contexts]`, where the network reads it and there is any.
    pub contexts: Option<Tensor<2>>,
}

/// A network over embeddings of users and items.
pub trait Network: Module + Send + Sync + 'static {
    /// Its name in the registry.
    const NAME: &'static str;
    /// One line for help and reports.
    const ABOUT: &'static str;
    /// What each table has rows for.
    const TABLES: &'static [Side];
    /// Whether it reads item features.
    const FEATURES: bool = false;
    /// Whether it reads contexts.
    const CONTEXTS: bool = false;

    /// A network with initial weights.
    fn init(sizes: &Sizes, initial: &mut Initial<'_>) -> Self;

    /// The tables, in the order of `TABLES`.
    fn tables(&self) -> Vec<&EmbeddingTable>;

    /// The same, to be trained.
    fn tables_mut(&mut self) -> Vec<&mut EmbeddingTable>;

    /// The dense layers, to be trained.
    fn dense_mut(&mut self) -> Vec<&mut Linear>;

    /// Predicted targets.
    ///
    /// # Shapes
    /// - batch: `n` rows
    /// - output: `[n, 1]`
    fn forward(&self, batch: Batch) -> Tensor<2>;

    /// The parts that `forward` is the sum of: a name and `[n, 1]` for each branch, and for the bias of the unit that
    /// joins them.
    fn parts(&self, batch: Batch) -> Vec<(&'static str, Tensor<2>)>;

    /// Predicted targets of every pair, with what depends on the user or on the item alone computed once.
    ///
    /// # Shapes
    /// - batch: user tables' rows and contexts `[q, …]`, item tables' rows and features `[n_items, …]`
    /// - output: `[q, n_items]`
    fn forward_all(&self, batch: Batch) -> Tensor<2>;

    /// How many numbers `forward_all` holds at once for each pair.
    fn width(&self) -> usize;

    /// `[d_input, d_output]` of the dense layer that grows with the square of the embedding; zeros where there is none.
    fn dense_size(embedding_size: usize) -> [usize; 2] {
        let _ = embedding_size;
        [0; 2]
    }

    /// The network as layers.
    fn layers(sizes: &Sizes) -> LayerGraph;
}

/// What each of `branches`, a name and `[n, d]`, adds to the output of `dense` over their concatenation; the bias comes
/// last.
pub(crate) fn shares(dense: &Linear, branches: Vec<(&'static str, Tensor<2>)>) -> Vec<(&'static str, Tensor<2>)> {
    let (weight, bias) = weights(dense);
    let n = branches[0].1.dims()[0];
    let mut from = 0;
    let mut shares: Vec<_> = branches
        .into_iter()
        .map(|(name, branch)| {
            let to = from + branch.dims()[1];
            let share = branch.matmul(weight.clone().slice(s![from..to, ..]));
            from = to;
            (name, share)
        })
        .collect();
    shares.push(("bias", bias.repeat_dim(0, n)));
    shares
}

/// A dense layer's weights as a `[d_input, d_output]` tensor and its bias as `[1, d_output]`.
pub(crate) fn weights(dense: &Linear) -> (Tensor<2>, Tensor<2>) {
    let weight = dense.weight.val();
    let [_, d_output] = weight.dims();
    let bias = dense.bias.as_ref().expect("`Initial::dense` gives every layer a bias").val();
    (weight, bias.reshape([1, d_output]))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use burn::module::{ModuleMapper, ModuleVisitor, Param};
    use burn::tensor::{Device, TensorData};

    use super::*;
    use crate::{Collaborative, Hybrid, Neural};

    const SIZES: Sizes = Sizes { n_users: 4, n_items: 7, n_features: 3, n_contexts: 2, embedding_size: 6 };

    /// The article's own sizes.
    const ARTICLE: Sizes = Sizes { n_users: 66, n_items: 9_741, n_features: 20, n_contexts: 2, embedding_size: 50 };

    fn tensor(shape: [usize; 2], device: &Device) -> Tensor<2> {
        let values: Vec<f32> = (0..shape[0] * shape[1]).map(|i| ((i * 37 % 11) as f32 - 5.0) / 7.0).collect();
        Tensor::from_data(TensorData::new(values, shape), device)
    }

    fn values(tensor: Tensor<2>) -> Vec<f32> {
        tensor.into_data().try_into_vec().unwrap()
    }

    /// Parameters by the field that holds them: `core.nn_xx.weight` counts for `nn_xx`.
    #[derive(Default)]
    struct Counts {
        path: Vec<String>,
        counts: BTreeMap<String, usize>,
        /// The dimensions of each layer's matrix: rows or what it reads, and its output.
        matrices: BTreeMap<String, [usize; 2]>,
    }

    impl ModuleVisitor for Counts {
        fn enter_module(&mut self, name: &str, _container_type: &str) {
            self.path.push(name.to_owned());
        }
        fn exit_module(&mut self, _name: &str, _container_type: &str) {
            self.path.pop();
        }
        fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
            let layer = self.path[self.path.len() - 2].clone();
            let dims: [usize; D] = param.val().dims();
            if let [rows, columns] = dims[..] {
                self.matrices.insert(layer.clone(), [rows, columns]);
            }
            *self.counts.entry(layer).or_default() += param.val().shape().num_elements();
        }
    }

    fn holds<N: Network>(article_parameters: usize) {
        let device = Device::flex();
        let network = N::init(&SIZES, &mut Initial::new(3, &device));
        let [q, n] = [3, SIZES.n_items];

        // Every pair by `forward` ...
        let users: Vec<i32> = (0..q as i32).flat_map(|user| std::iter::repeat_n(user, n)).collect();
        let items: Vec<i32> = (0..q).flat_map(|_| 0..n as i32).collect();
        let features = tensor([n, SIZES.n_features], &device);
        let contexts = tensor([q, SIZES.n_contexts], &device);
        let index = |rows: &[i32]| Tensor::<1, burn::tensor::Int>::from_data(TensorData::from(rows), &device);
        let rows = |user_rows: &[i32], item_rows: Option<&[i32]>| -> Vec<Tensor<2>> {
            let table = |(table, side): (&EmbeddingTable, &Side)| match (side, item_rows) {
                (Side::User, _) => table.weight.val().select(0, index(user_rows)),
                (Side::Item, Some(rows)) => table.weight.val().select(0, index(rows)),
                (Side::Item, None) => table.weight.val(),
            };
            network.tables().into_iter().zip(N::TABLES).map(table).collect()
        };
        let batch = || Batch {
            rows: rows(&users, Some(&items)),
            features: N::FEATURES.then(|| features.clone().select(0, index(&items))),
            contexts: N::CONTEXTS.then(|| contexts.clone().select(0, index(&users))),
        };
        let pairs = network.forward(batch());
        assert_eq!(pairs.dims(), [q * n, 1], "{}", N::NAME);

        // ... and as the sum of its parts ...
        let parts = network.parts(batch()).into_iter().map(|(_, part)| part);
        let sum = parts.reduce(|sum, part| sum + part).expect("a network has parts");
        for (a, b) in values(pairs.clone()).iter().zip(values(sum)) {
            assert!((a - b).abs() < 1e-6, "{}: {a} and {b}", N::NAME);
        }

        // ... and by `forward_all`.
        let all = Batch {
            rows: rows(&[0, 1, 2], None),
            features: N::FEATURES.then_some(features),
            contexts: N::CONTEXTS.then_some(contexts),
        };
        let all = network.forward_all(all);
        assert_eq!(all.dims(), [q, n], "{}", N::NAME);
        for (a, b) in values(pairs).iter().zip(values(all)) {
            assert!((a - b).abs() < 1e-6, "{}: {a} and {b}", N::NAME);
        }

        // The layers that it describes are those that it has.
        let graph = N::layers(&SIZES);
        let mut counts = Counts::default();
        network.visit(&mut counts);
        let said: BTreeMap<String, usize> = graph
            .layers
            .iter()
            .filter(|layer| layer.n_parameters > 0)
            .map(|layer| (layer.name.clone(), layer.n_parameters))
            .collect();
        assert_eq!(said, counts.counts, "{}", N::NAME);
        assert_eq!(graph.n_parameters(), network.num_params(), "{}", N::NAME);
        assert_eq!(graph.layers.last().map(|layer| layer.output_size), Some(1), "{}", N::NAME);
        for layer in &graph.layers {
            // `add` has checked that every input exists.
            let read: usize =
                graph.layers.iter().filter(|one| layer.inputs.contains(&one.name)).map(|one| one.output_size).sum();
            match (layer.kind.as_str(), layer.name.as_str()) {
                ("Input", "features_in") => assert_eq!(layer.output_size, SIZES.n_features, "{}", N::NAME),
                ("Input", "contexts_in") => assert_eq!(layer.output_size, SIZES.n_contexts, "{}", N::NAME),
                // A row's number.
                ("Input", _) => assert_eq!(layer.output_size, 1, "{} {}", N::NAME, layer.name),
                ("Embedding", name) => assert_eq!(layer.output_size, counts.matrices[name][1], "{} {name}", N::NAME),
                // A dense layer's weights are as wide as all inputs that the graph gives it.
                ("Dense", name) => assert_eq!([read, layer.output_size], counts.matrices[name], "{} {name}", N::NAME),
                ("Concatenate", name) => assert_eq!(layer.output_size, read, "{} {name}", N::NAME),
                ("Dot", name) => assert_eq!(layer.output_size, 1, "{} {name}", N::NAME),
                (kind, name) => panic!("{} {name}: no shape is known of the kind {kind}", N::NAME),
            }
        }
        assert_eq!(N::layers(&ARTICLE).n_parameters(), article_parameters, "{}", N::NAME);
    }

    #[test]
    fn collaborative_holds() {
        holds::<Collaborative>(490_352);
    }

    #[test]
    fn neural_holds() {
        holds::<Neural>(983_252);
    }

    #[test]
    fn hybrid_holds() {
        holds::<Hybrid>(983_700);
    }

    /// Adds `by` to the `at`-th number of the `which`-th parameter.
    struct Nudge {
        which: usize,
        at: usize,
        by: f32,
        met: usize,
    }

    impl ModuleMapper for Nudge {
        fn map_float<const D: usize>(&mut self, param: Param<Tensor<D>>) -> Param<Tensor<D>> {
            let mine = self.met == self.which;
            self.met += 1;
            let (by, at) = (self.by, self.at);
            param.map(|tensor| {
                if !mine {
                    return tensor;
                }
                let (device, shape) = (tensor.device(), tensor.shape());
                let mut numbers = tensor.into_data().try_into_vec::<f32>().unwrap();
                let at = at % numbers.len();
                numbers[at] += by;
                Tensor::from_data(TensorData::new(numbers, shape), &device)
            })
        }
    }

    /// The gradient of the `at`-th number of every parameter.
    struct Gradients<'a> {
        gradients: &'a burn::tensor::Gradients,
        at: usize,
        found: Vec<f32>,
    }

    impl ModuleVisitor for Gradients<'_> {
        fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
            let gradient = param.val().grad(self.gradients).expect("every parameter has a gradient");
            let numbers = gradient.into_data().try_into_vec::<f32>().unwrap();
            self.found.push(numbers[self.at % numbers.len()]);
        }
    }

    /// A loss over a batch in which users and items are met several times.
    fn loss<N: Network>(network: &N, device: &Device) -> Tensor<1> {
        let index = |rows: [i32; 6]| Tensor::<1, burn::tensor::Int>::from_data(TensorData::from(rows), device);
        let (users, items) = (index([0, 1, 1, 2, 0, 3]), index([6, 2, 2, 0, 1, 6]));
        let rows = network.tables().into_iter().zip(N::TABLES).map(|(table, side)| {
            table.weight.val().select(0, if *side == Side::User { users.clone() } else { items.clone() })
        });
        let batch = Batch {
            rows: rows.collect(),
            features: N::FEATURES.then(|| tensor([6, SIZES.n_features], device)),
            contexts: N::CONTEXTS.then(|| tensor([6, SIZES.n_contexts], device)),
        };
        (network.forward(batch) - tensor([6, 1], device)).abs().mean()
    }

    fn differentiates<N: Network>() {
        let device = Device::flex();
        let network = N::init(&SIZES, &mut Initial::new(3, &device));
        for at in [0, 4, 7] {
            let tracked = network.clone().train().set_require_grad(true);
            let gradients = loss(&tracked, &device).backward();
            let mut found = Gradients { gradients: &gradients, at, found: Vec::new() };
            tracked.visit(&mut found);
            for (which, gradient) in found.found.iter().enumerate() {
                let at = |by| {
                    let nudged = network.clone().map(&mut Nudge { which, at, by, met: 0 });
                    f64::from(loss(&nudged, &device).into_scalar::<f32>())
                };
                let difference = (at(1e-3) - at(-1e-3)) / 2e-3;
                let error = (difference - f64::from(*gradient)).abs();
                assert!(error < 1e-3 + 1e-2 * difference.abs(), "{} {which}: {gradient} for {difference}", N::NAME);
            }
        }
    }

    #[test]
    fn collaborative_differentiates() {
        differentiates::<Collaborative>();
    }

    #[test]
    fn neural_differentiates() {
        differentiates::<Neural>();
    }

    #[test]
    fn hybrid_differentiates() {
        differentiates::<Hybrid>();
    }
}
