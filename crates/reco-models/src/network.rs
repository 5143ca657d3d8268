//! A network with its weights: `forward`, the parts that it is the sum of, and the scores of all pairs.
//!
//! All of it follows from the description. Does not know which network it is, optimizers, nor how batches are drawn.
//!
//! **Invariant**: `forward` is the definition; `forward_all`, on the CPU `scoring.rs`, give the same scores for every
//! pair of a user and an item, and the diagram the same shapes and parameters. Tests compare them with `forward`.

use burn::module::{Module, Param};
use burn::nn::Linear;
use burn::tensor::activation::relu;
use burn::tensor::{Device, Tensor, s};
use reco_core::{LoadError, ScoreError, Weights};

use crate::description::{Architecture, DenseOver, Side, Similarity, Source};
use crate::modules::{EmbeddingTable, Initial, bias_of, cosine, dot, normalize, pairwise_relu};
use crate::tensors::scores;

/// One batch on the device.
#[derive(Clone, Debug)]
pub(crate) struct Batch {
    /// One per tower: `[n, embedding_size]`, or `[n_items, …]` in `forward_all`.
    pub(crate) rows: Vec<Tensor<2>>,
    /// The features of each row's item, `[n, n_features]`, where a layer reads them.
    pub(crate) features: Option<Tensor<2>>,
    /// The context of each row, `[n, n_contexts]`, where a layer reads it.
    pub(crate) contexts: Option<Tensor<2>>,
}

/// An architecture with its weights.
#[derive(Module, Debug)]
pub(crate) struct Network {
    #[module(skip)]
    architecture: Architecture,
    /// One per tower.
    tables: Vec<EmbeddingTable>,
    /// One per layer, and then the unit that joins all branches.
    dense: Vec<Linear>,
}

impl Network {
    /// A network with initial weights.
    pub(crate) fn init(architecture: Architecture, initial: &mut Initial<'_>) -> Self {
        let size = architecture.sizes.embedding_size;
        let tables = architecture.towers.iter().map(|tower| initial.embedding(tower.n_rows, size)).collect();
        let dense = architecture.dense().map(|(_, [from, to])| initial.dense(from, to)).collect();
        Self { architecture, tables, dense }
    }

    /// Adds its tensors to `weights`, by the names of its layers: `<tower>.embedding`, `[n_rows, embedding_size]`, and
    /// `<layer>.weight`, `[d_input, d_output]`, with `<layer>.bias`, `[d_output]`.
    pub(crate) fn save(&self, mut weights: Weights) -> Result<Weights, ScoreError> {
        for (tower, table) in self.architecture.towers.iter().zip(&self.tables) {
            let shape = [tower.n_rows, self.architecture.sizes.embedding_size];
            weights = weights.with(&names(tower.name)[0], &shape, scores(table.weight.val())?);
        }
        for ((name, shape), dense) in self.architecture.dense().zip(&self.dense) {
            let [_, weight, bias] = names(name);
            weights = weights.with(&weight, &shape, scores(dense.weight.val())?).with(
                &bias,
                &shape[1..],
                scores(bias_of(dense).val())?,
            );
        }
        Ok(weights)
    }

    /// Takes out what [`Network::save`] added.
    pub(crate) fn load(architecture: Architecture, weights: &mut Weights, device: &Device) -> Result<Self, LoadError> {
        let initial = &mut Initial::new(0, device);
        let size = architecture.sizes.embedding_size;
        let tables = architecture.towers.iter().map(|tower| {
            let numbers = weights.take(&names(tower.name)[0], &[tower.n_rows, size])?;
            Ok(EmbeddingTable { weight: initial.parameter(numbers, [tower.n_rows, size]) })
        });
        let tables = tables.collect::<Result<_, LoadError>>()?;
        let dense = architecture.dense().map(|(name, shape)| {
            let [_, weight, bias] = names(name);
            let weight = initial.parameter(weights.take(&weight, &shape)?, shape);
            Ok(Linear { weight, bias: Some(initial.parameter(weights.take(&bias, &shape[1..])?, [shape[1]])) })
        });
        let dense = dense.collect::<Result<_, LoadError>>()?;
        Ok(Self { architecture, tables, dense })
    }

    pub(crate) fn architecture(&self) -> &Architecture {
        &self.architecture
    }

    /// Its name in the registry.
    pub(crate) fn name(&self) -> &'static str {
        self.architecture.description.name
    }

    /// One table per tower.
    pub(crate) fn tables(&self) -> &[EmbeddingTable] {
        &self.tables
    }

    /// The same, to be trained.
    pub(crate) fn tables_mut(&mut self) -> &mut [EmbeddingTable] {
        &mut self.tables
    }

    /// One dense layer for each of the architecture's, and then the unit that joins all branches.
    pub(crate) fn dense(&self) -> &[Linear] {
        &self.dense
    }

    /// The same, to be trained.
    pub(crate) fn dense_mut(&mut self) -> &mut [Linear] {
        &mut self.dense
    }

    /// The same network with other weights: one tensor for each table, a weight and a bias for each dense layer.
    pub(crate) fn with(
        &self,
        tables: impl IntoIterator<Item = Tensor<2>>,
        dense: impl IntoIterator<Item = (Tensor<2>, Tensor<1>)>,
    ) -> Self {
        let mut network = self.clone();
        for (table, weight) in network.tables.iter_mut().zip(tables) {
            table.weight = Param::initialized(table.weight.id, weight);
        }
        for (linear, (weight, bias)) in network.dense.iter_mut().zip(dense) {
            linear.weight = Param::initialized(linear.weight.id, weight);
            linear.bias = Some(Param::initialized(bias_of(linear).id, bias));
        }
        network
    }

    /// The rows of a batch in each table; `rows` gives those of a side.
    pub(crate) fn rows(&self, rows: impl Fn(Side, Tensor<2>) -> Tensor<2>) -> Vec<Tensor<2>> {
        let tables = self.tables.iter().zip(&self.architecture.towers);
        tables.map(|(table, tower)| rows(tower.side, table.weight.val())).collect()
    }

    /// Predicted targets.
    ///
    /// # Shapes
    /// - batch: `n` rows
    /// - output: `[n, 1]`
    pub(crate) fn forward(&self, batch: &Batch) -> Tensor<2> {
        self.output().forward(side_by_side(self.branches(batch)))
    }

    /// The parts that `forward` is the sum of: a name and `[n, 1]` for each branch, and for the bias of the unit that
    /// joins them.
    pub(crate) fn parts(&self, batch: &Batch) -> Vec<(&'static str, Tensor<2>)> {
        let (weight, bias) = weights(self.output());
        let branches = self.branches(batch);
        let n = branches[0].dims()[0];
        let mut from = 0;
        let share = |branch: Tensor<2>| {
            from += branch.dims()[1];
            let weight = weight.clone().slice(s![from - branch.dims()[1]..from, ..]);
            branch.matmul(weight)
        };
        let parts = branches.into_iter().map(share).chain([bias.repeat_dim(0, n)]);
        self.architecture.branches().chain(["bias"]).zip(parts).collect()
    }

    /// All that the last unit joins, in the order of the architecture: `[n, d]` each.
    fn branches(&self, batch: &Batch) -> Vec<Tensor<2>> {
        let Architecture { products, layers, .. } = &self.architecture;
        let products = products.iter().map(|product| {
            let [users, items] = product.towers.map(|tower| batch.rows[tower].clone());
            match product.of.similarity {
                Similarity::Cosine => cosine(users, items),
                Similarity::Dot => dot(users, items),
            }
        });
        let layers = layers.iter().zip(&self.dense).map(|(layer, dense)| {
            let inputs = layer.inputs.iter().map(|input| batch.read(input.source)).collect();
            relu(dense.forward(side_by_side(inputs)))
        });
        products.chain(layers).collect()
    }

    /// Predicted targets of every pair, with what depends on the user or on the item alone computed once.
    ///
    /// # Shapes
    /// - batch: user towers' rows and contexts `[q, …]`, item towers' rows and features `[n_items, …]`
    /// - output: `[q, n_items]`
    pub(crate) fn forward_all(&self, batch: &Batch) -> Tensor<2> {
        let Architecture { products, layers, .. } = &self.architecture;
        let (weight, bias) = weights(self.output());
        let mut from = 0;
        let mut next = |width: usize| {
            from += width;
            weight.clone().slice(s![from - width..from, ..])
        };
        let (mut of_pairs, mut of_sides) = (Vec::new(), Vec::new());
        for product in products {
            let [users, items] = product.towers.map(|tower| match product.of.similarity {
                Similarity::Cosine => normalize(batch.rows[tower].clone()),
                Similarity::Dot => batch.rows[tower].clone(),
            });
            of_pairs.push(users.matmul(items.transpose()) * next(1));
        }
        for (layer, dense) in layers.iter().zip(&self.dense) {
            let weight = next(layer.d_output);
            match self.halves(layer, dense, batch) {
                [Some(users), Some(items)] => of_pairs.push(pairwise_relu(users, items, weight)),
                [Some(users), None] => of_sides.push(relu(users).matmul(weight)),
                [None, Some(items)] => of_sides.push(relu(items).matmul(weight).transpose()),
                [None, None] => {}
            }
        }
        let pairs = of_pairs.into_iter().reduce(|sum, one| sum + one);
        let start = pairs.map_or(bias.clone(), |pairs| pairs + bias);
        of_sides.into_iter().fold(start, |sum, one| sum + one)
    }

    /// What a layer sums up before its rectifier: the user's half, `[q, d_output]`, and the item's, `[n_items,
    /// d_output]`, as far as it reads either. Its sum over a concatenation splits; the bias is in the first half.
    fn halves(&self, layer: &DenseOver, dense: &Linear, batch: &Batch) -> [Option<Tensor<2>>; 2] {
        let (weight, bias) = weights(dense);
        let mut bias = Some(bias);
        [Side::User, Side::Item].map(|side| {
            let own = layer.inputs.iter().filter(|input| self.architecture.side(input.source) == side);
            let terms = own.map(|input| {
                let weight = weight.clone().slice(s![input.from..input.from + input.width, ..]);
                batch.read(input.source).matmul(weight)
            });
            let half = terms.reduce(|sum, one| sum + one)?;
            Some(match bias.take() {
                Some(bias) => half + bias,
                None => half,
            })
        })
    }

    /// The unit that joins all branches.
    fn output(&self) -> &Linear {
        self.dense.last().expect("`init` makes the unit that joins all branches")
    }
}

impl Batch {
    fn read(&self, source: Source) -> Tensor<2> {
        let present = "a batch has all that the architecture reads";
        match source {
            Source::Tower(tower) => self.rows[tower].clone(),
            Source::Features => self.features.clone().expect(present),
            Source::Contexts => self.contexts.clone().expect(present),
        }
    }
}

/// `[n, d]` each, as one tensor.
fn side_by_side(mut tensors: Vec<Tensor<2>>) -> Tensor<2> {
    match (tensors.pop(), tensors.is_empty()) {
        (Some(one), true) => one,
        (last, _) => Tensor::cat(tensors.into_iter().chain(last).collect(), 1),
    }
}

/// A dense layer's weights as a `[d_input, d_output]` tensor and its bias as `[1, d_output]`.
fn weights(dense: &Linear) -> (Tensor<2>, Tensor<2>) {
    let weight = dense.weight.val();
    let [_, d_output] = weight.dims();
    (weight, bias_of(dense).val().reshape([1, d_output]))
}

/// What the tensors of a layer are called.
fn names(layer: &str) -> [String; 3] {
    ["embedding", "weight", "bias"].map(|tensor| format!("{layer}.{tensor}"))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use burn::module::{ModuleMapper, ModuleVisitor};
    use burn::tensor::TensorData;
    use reco_core::testing::{catalogue, same_on_any_cpu};
    use reco_core::{Candidates, ItemIdx, Matrix, Query, Scores, Seen, Who};

    use super::*;
    use crate::description::{Description, Sizes, drawn};
    use crate::scoring::Scoring;
    use crate::{NETWORKS, two_tower};

    const SIZES: Sizes = Sizes { n_users: 4, n_items: 70, n_features: 3, n_contexts: 2, embedding_size: 6 };

    /// The article's own sizes.
    const ARTICLE: Sizes = Sizes { n_users: 66, n_items: 9_741, n_features: 20, n_contexts: 2, embedding_size: 50 };

    /// The networks of the registry, that of the tests, and some that are drawn by chance.
    fn descriptions() -> impl Iterator<Item = Description> {
        NETWORKS.iter().copied().chain([two_tower::NETWORK]).chain((0..20).map(drawn::description))
    }

    fn tensor(shape: [usize; 2], device: &Device) -> Tensor<2> {
        let values: Vec<f32> = (0..shape[0] * shape[1]).map(|i| ((i * 37 % 11) as f32 - 5.0) / 7.0).collect();
        Tensor::from_data(TensorData::new(values, shape), device)
    }

    fn values(tensor: Tensor<2>) -> Vec<f32> {
        tensor.into_data().try_into_vec().unwrap()
    }

    /// The shape and the number of every parameter, in the order of the module.
    #[derive(Default)]
    struct Shapes(Vec<Vec<usize>>);

    impl ModuleVisitor for Shapes {
        fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
            self.0.push(param.val().dims().to_vec());
        }
    }

    /// A network with initial weights and with biases of these numbers.
    fn with_biases(description: &Description, bias: impl Fn(usize) -> f32) -> Network {
        let device = Device::flex();
        let network = Network::init(description.over(SIZES), &mut Initial::new(3, &device));
        let tables: Vec<_> = network.tables().iter().map(|table| table.weight.val()).collect();
        let dense = network.dense().iter().enumerate().map(|(layer, dense)| {
            let [n] = bias_of(dense).val().dims();
            let biases: Vec<f32> = (0..n).map(|at| bias(layer) / (at + 1) as f32).collect();
            (dense.weight.val(), Tensor::from_data(TensorData::new(biases, [n]), &device))
        });
        network.with(tables, dense.collect::<Vec<_>>())
    }

    /// The scores of queries on the CPU; the contexts of users are those of their rows in `moments`.
    fn on_cpu(network: &Network, moments: &[f32], asked: &[(usize, Candidates<'_>)]) -> Vec<Vec<f32>> {
        let Sizes { n_users, n_items, n_features, n_contexts, .. } = SIZES;
        let features = values(tensor([n_items, n_features], &Device::flex()));
        let scoring = Scoring::new(network, &Matrix::new(n_items, n_features, features).unwrap()).unwrap();
        let catalogue = catalogue(n_users, n_items);
        let moment = |user| moments.chunks(n_contexts).nth(user).unwrap_or_default().to_vec();
        let users: Vec<_> = asked.iter().map(|(user, _)| (catalogue.users.at(*user).unwrap(), moment(*user))).collect();
        let who = users.iter().map(|(user, _)| Who::Known(*user));
        let queries = who.zip(asked).map(|(who, (_, candidates))| Query { who, context: &[], candidates: *candidates });
        let queries: Vec<Query<'_>> = queries.collect();
        let mut scores = Scores::new();
        scores.reset(&queries, n_items);
        scoring.score(network, &users, &queries, &mut scores).unwrap();
        (0..queries.len()).map(|row| scores.row(row).to_vec()).collect()
    }

    fn holds(description: &Description) {
        let device = Device::flex();
        let network = with_biases(description, |layer| 0.3 - 0.1 * layer as f32);
        let (architecture, name) = (network.architecture(), network.name());
        let [q, n] = [3, SIZES.n_items];

        // Every pair by `forward` ...
        let users: Vec<i32> = (0..q as i32).flat_map(|user| std::iter::repeat_n(user, n)).collect();
        let items: Vec<i32> = (0..q).flat_map(|_| 0..n as i32).collect();
        let index = |rows: &[i32]| Tensor::<1, burn::tensor::Int>::from_data(TensorData::from(rows), &device);
        let features = architecture.reads(Source::Features).then(|| tensor([n, SIZES.n_features], &device));
        let contexts = architecture.reads(Source::Contexts).then(|| tensor([q, SIZES.n_contexts], &device));
        let batch = Batch {
            rows: network.rows(|side, table| table.select(0, index(if side == Side::User { &users } else { &items }))),
            features: features.clone().map(|features| features.select(0, index(&items))),
            contexts: contexts.clone().map(|contexts| contexts.select(0, index(&users))),
        };
        let pairs = network.forward(&batch);
        assert_eq!(pairs.dims(), [q * n, 1], "{name}");

        // ... and as the sum of its parts ...
        let parts = network.parts(&batch).into_iter().map(|(_, part)| part);
        let sum = parts.reduce(|sum, part| sum + part).expect("a network has parts");
        for (a, b) in values(pairs.clone()).iter().zip(values(sum)) {
            assert!((a - b).abs() < 1e-6, "{name}: {a} and {b}");
        }

        // ... and by `forward_all`.
        let of_side =
            |side, table: Tensor<2>| if side == Side::User { table.select(0, index(&[0, 1, 2])) } else { table };
        let all = network.forward_all(&Batch { rows: network.rows(of_side), features, contexts: contexts.clone() });
        assert_eq!(all.dims(), [q, n], "{name}");
        let pairs = values(pairs);
        for (a, b) in pairs.iter().zip(values(all)) {
            assert!((a - b).abs() < 1e-6, "{name}: {a} and {b}");
        }

        // ... and laid out for the CPU, to the bit the same whatever else is asked.
        let moments = contexts.map(values).unwrap_or_default();
        let everything = Candidates::AllExcept(Seen::NOTHING);
        let of = |user| on_cpu(&network, &moments, &[(user, everything)]).concat();
        let alone = [0, 1, 2].map(of);
        for (a, b) in pairs.iter().zip(alone.concat()) {
            assert!((a - b).abs() < 1e-6, "{name}: {a} and {b}");
        }
        let catalogue = catalogue(SIZES.n_users, n);
        let one = [catalogue.items.at(n - 1).unwrap()];
        let many: Vec<ItemIdx> = catalogue.items.indices().step_by(2).collect();
        let [of_one, of_many] = [Candidates::These(&one), Candidates::These(&many)];
        let mixed = on_cpu(&network, &moments, &[(2, of_many), (1, everything), (0, everything), (0, of_one)]);
        let picked = |user: usize, items: &[ItemIdx]| items.iter().map(|item| alone[user][item.index()]).collect();
        assert_eq!(mixed, [picked(2, &many), alone[1].clone(), alone[0].clone(), picked(0, &one)], "{name}");

        // The layers of its diagram are those that it has.
        let graph = architecture.graph();
        let mut shapes = Shapes::default();
        network.visit(&mut shapes);
        let (tables, dense) = shapes.0.split_at(architecture.towers.len());
        let towers = architecture.towers.iter().map(|tower| tower.name);
        let layers = architecture.layers.iter().map(|layer| layer.of.layer).chain(["y_out"]);
        let matrices = tables.iter().chain(dense.iter().step_by(2)).map(|shape| [shape[0], shape[1]]);
        let matrices: BTreeMap<&str, [usize; 2]> = towers.chain(layers).zip(matrices).collect();
        assert_eq!(graph.n_parameters(), network.num_params(), "{name}");
        assert_eq!(graph.layers.last().map(|layer| layer.output_size), Some(1), "{name}");
        assert_eq!(graph.layers.iter().filter(|layer| layer.n_parameters > 0).count(), matrices.len(), "{name}");
        for layer in &graph.layers {
            // `add` has checked that every input exists.
            let read: usize =
                graph.layers.iter().filter(|one| layer.inputs.contains(&one.name)).map(|one| one.output_size).sum();
            match (layer.kind.as_str(), layer.name.as_str()) {
                ("Input", "features_in") => assert_eq!(layer.output_size, SIZES.n_features, "{name}"),
                ("Input", "contexts_in") => assert_eq!(layer.output_size, SIZES.n_contexts, "{name}"),
                // A row's number.
                ("Input", of) => assert_eq!(layer.output_size, 1, "{name} {of}"),
                ("Embedding", of) => assert_eq!(layer.output_size, matrices[of][1], "{name} {of}"),
                // A dense layer's weights are as wide as all inputs that the graph gives it.
                ("Dense", of) => assert_eq!([read, layer.output_size], matrices[of], "{name} {of}"),
                ("Concatenate", of) => assert_eq!(layer.output_size, read, "{name} {of}"),
                ("Dot", of) => assert_eq!(layer.output_size, 1, "{name} {of}"),
                (kind, of) => panic!("{name} {of}: no shape is known of the kind {kind}"),
            }
        }
    }

    #[test]
    fn every_description_holds() {
        descriptions().for_each(|description| holds(&description));
    }

    #[test]
    fn scores_are_the_same_on_any_cpu() {
        let moments = vec![0.5; SIZES.n_users * SIZES.n_contexts];
        same_on_any_cpu("scores of networks", || {
            let networks = descriptions().map(|description| with_biases(&description, |_| 0.1));
            let everything = [0, 1, 3].map(|user| (user, Candidates::AllExcept(Seen::NOTHING)));
            let scores = networks.flat_map(|network| on_cpu(&network, &moments, &everything).concat());
            scores.map(f32::to_bits).collect::<Vec<_>>()
        });
    }

    #[test]
    fn a_layer_that_is_no_number_leads_to_no_score() {
        for description in descriptions() {
            for broken in 0..=description.over(SIZES).layers.len() {
                let network = with_biases(&description, |layer| if layer == broken { f32::NAN } else { 0.1 });
                let moments = vec![0.5; SIZES.n_users * SIZES.n_contexts];
                let scores = on_cpu(&network, &moments, &[(1, Candidates::AllExcept(Seen::NOTHING))]).concat();
                assert!(scores.iter().all(|score| !score.is_finite()), "{} {broken}", description.name);
            }
        }
    }

    #[test]
    fn the_articles_networks_have_the_parameters_that_keras_prints() {
        let parameters = NETWORKS.iter().map(|network| (network.name, network.over(ARTICLE).graph().n_parameters()));
        let expected = [("collaborative", 490_352), ("neural", 983_252), ("hybrid", 983_700)];
        assert_eq!(parameters.collect::<Vec<_>>()[..3], expected);
    }

    #[test]
    fn what_a_catalogue_lacks_is_left_out() {
        let hybrid = NETWORKS.iter().find(|network| network.name == "hybrid").unwrap();
        let neural = NETWORKS.iter().find(|network| network.name == "neural").unwrap();
        let bare = Sizes { n_features: 0, n_contexts: 0, ..SIZES };
        assert_eq!(hybrid.over(bare).graph().layers, neural.over(bare).graph().layers);
        assert_eq!(hybrid.over(bare).branches().collect::<Vec<_>>(), ["cosine", "dense"]);
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
    fn loss(network: &Network, device: &Device) -> Tensor<1> {
        let index = |rows: [i32; 6]| Tensor::<1, burn::tensor::Int>::from_data(TensorData::from(rows), device);
        let (users, items) = (index([0, 1, 1, 2, 0, 3]), index([6, 2, 2, 0, 1, 6]));
        let reads = |source| network.architecture().reads(source);
        let batch = Batch {
            rows: network
                .rows(|side, table| table.select(0, if side == Side::User { users.clone() } else { items.clone() })),
            features: reads(Source::Features).then(|| tensor([6, SIZES.n_features], device)),
            contexts: reads(Source::Contexts).then(|| tensor([6, SIZES.n_contexts], device)),
        };
        (network.forward(&batch) - tensor([6, 1], device)).abs().mean()
    }

    #[test]
    fn every_description_differentiates() {
        let device = Device::flex();
        for description in descriptions() {
            let network = Network::init(description.over(SIZES), &mut Initial::new(3, &device));
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
                    // A rectifier or an error may bend within a step, but hardly within all of them.
                    let differences = [1e-3, 3e-4, 1e-4].map(|by| (at(by) - at(-by)) / f64::from(2.0 * by));
                    let gradient = f64::from(*gradient);
                    let is_near = |difference: &f64| (difference - gradient).abs() < 1e-3 + 1e-2 * difference.abs();
                    let name = description.name;
                    assert!(differences.iter().any(is_near), "{name} {which}: {gradient} for {differences:?}");
                }
            }
        }
    }
}
