//! Compares the step with autodiff over the definition, and holds networks for lists against the conformance suite.
//!
//! The definition is written here on Burn's tensors: vectors as sums, scores as a product of matrices, the losses by
//! their formulas. Does not know how the step computes.
//!
//! **Invariant**: every network of the registry and descriptions drawn by chance, every loss; the same bytes on any
//! number of threads and on any CPU.

use burn::tensor::activation::{log_sigmoid, log_softmax};
use burn::tensor::{Device, Tensor, TensorData};
use reco_core::testing::conformance::{Suite, check};
use reco_core::testing::{Feedback, checkerboard, digest, same_on_any_cpu};
use reco_core::{
    Approach as _, ContextColumn, DeviceChoice, Features, Interaction, Interactions, Matrix, Run, Silent, Train,
};
use serde_json::json;

use super::events::{Asked, Events};
use super::step::{Step, scale};
use super::{Shape, Table, Tables, centred};
use crate::arithmetic::Padded;
use crate::description::{Description, drawn};
use crate::options::{Loss, NegativesBy, NetworkOptions, Part};
use crate::{APPROACHES, Collaborative, Hybrid, NETWORKS, Neural, OptimizerKind, two_tower};

/// A checkerboard whose users have attributes, and whose rows have contexts.
fn world() -> Train {
    let train = checkerboard(24, Feedback::Events).train;
    let mut fit = Interactions::builder(2);
    for at in 0..train.fit.len() {
        let context = &[(at % 3) as f32, if at % 5 == 0 { 4.0 } else { 2.0 }];
        fit.push(Interaction { context, ..train.fit.row(at) });
    }
    let fit = fit.finish();
    let names = ["hour", "warmth"].map(str::to_owned).to_vec();
    let contexts = ContextColumn::of(names, fit.contexts(), 0..fit.len());
    let values = (0..24 * 3).map(|at| if at % 4 == 0 { 0.5 + (at % 3) as f32 } else { 0.0 }).collect();
    let names = ["age", "gender=F", "gender=M"].map(str::to_owned).to_vec();
    let user_features = Features::new(names, Matrix::new(24, 3, values).unwrap()).unwrap();
    let catalogue = reco_core::Catalogue { user_features, contexts, ..(*train.catalogue).clone() };
    Train { catalogue: catalogue.into(), fit, ..train }
}

/// Every loss, and how negatives are drawn.
fn losses() -> [(Loss, usize, NegativesBy); 5] {
    [
        (Loss::Softmax, 0, NegativesBy::Uniform),
        (Loss::Softmax, 3, NegativesBy::Popularity),
        (Loss::Softmax, 2, NegativesBy::Uniform),
        (Loss::Bce, 4, NegativesBy::Uniform),
        (Loss::Bpr, 2, NegativesBy::Popularity),
    ]
}

fn options((loss, negatives, negatives_by): (Loss, usize, NegativesBy), size: usize) -> NetworkOptions {
    NetworkOptions {
        embedding_size: size,
        learning_rate: 0.01,
        weight_decay: 0.0,
        feature_decay: 0.0,
        loss,
        negatives,
        negatives_by,
        ..NetworkOptions::default()
    }
}

/// A few users in a step, and what the step needs.
struct Scene {
    train: Train,
    tables: Tables,
    options: NetworkOptions,
    events: Events,
    asked: Vec<Asked>,
}

impl Scene {
    fn new(description: &Description, options: NetworkOptions) -> Self {
        let train = world();
        let shape = Shape::of(description.lists, &options, &train.catalogue);
        let mut tables = Tables::drawn(shape, 5);
        // Far from each other, so that no sum is nearly 0.
        tables.of.iter_mut().flatten().for_each(|rows| rows.values_mut().iter_mut().for_each(|x| *x *= 10.0));
        let events = Events::of(&train.fit, 0..train.fit.len(), 0.0, [24, 24], &train.catalogue.contexts);
        let history = shape.has(Part::History);
        let asked = [3, 0, 17, 8, 21].map(|user| events.ask(user, 2, 9, &options, history)).concat();
        Self { train, tables, options, events, asked }
    }

    fn step(&self) -> Step {
        let catalogue = &self.train.catalogue;
        let [items, users] = [&catalogue.item_features, &catalogue.user_features].map(|all| centred(all.matrix()));
        Step::new(&self.tables, &self.options, &items, &users)
    }

    /// The loss of a step by the definition: the sum over events, and the tensor whose gradient is taken.
    fn loss(&self, tables: &[Option<Tensor<2>>], device: &Device) -> (f64, Tensor<1>) {
        let shape = &self.tables.shape;
        let (n, n_items, size) = (self.asked.len(), shape.n_items, shape.size);
        let matrix = |matrix: &Matrix| tensor(matrix.values().to_vec(), [matrix.n_rows(), matrix.n_columns()], device);
        let table = |table: Table| tables[table as usize].clone();
        let features = matrix(&centred(self.train.catalogue.item_features.matrix()));
        let with_features = |rows: Tensor<2>, of: Table| match table(of) {
            Some(weight) => rows + features.clone().matmul(weight),
            None => rows,
        };
        let mut users = Tensor::<2>::zeros([n, size + 1], device);
        let select = |n_rows: usize, row: &dyn Fn(&Asked) -> Vec<f32>| {
            tensor(self.asked.iter().flat_map(row).collect(), [n, n_rows], device)
        };
        if let Some(rows) = table(Table::History) {
            let history = select(n_items, &|asked| {
                let mut row = vec![0.0; n_items];
                asked.kept.iter().for_each(|item| row[*item as usize] = scale(asked.kept.len()));
                row
            });
            users = users + history.matmul(with_features(rows, Table::HistoryFeatures));
        }
        if let Some(rows) = table(Table::Users) {
            let own = select(shape.n_users, &|asked| {
                (0..shape.n_users).map(|user| f32::from(u8::from(user == asked.user as usize))).collect()
            });
            users = users + own.matmul(rows);
        }
        if let Some(rows) = table(Table::Attributes) {
            let attributes = centred(self.train.catalogue.user_features.matrix());
            users = users + select(3, &|asked| attributes.row(asked.user as usize).to_vec()).matmul(rows);
        }
        if let Some(rows) = table(Table::Contexts) {
            users = users + select(2, &|asked| self.events.moment(asked).to_vec()).matmul(rows);
        }
        let one = (0..n * (size + 1)).map(|at| f32::from(u8::from(at % (size + 1) == size))).collect();
        // The 1 takes the place of what the tables' biases would add up to, which are 0.
        let mask: Tensor<2> = tensor(one, [n, size + 1], device);
        let users = users * (mask.clone() * -1.0 + 1.0) + mask;
        let items = with_features(table(Table::Items).expect("items have a table"), Table::Features);
        let scores = users.matmul(items.transpose());

        let weights = |asked: &Asked| 1.0 / ((asked.n_hidden as f32).sqrt() * 5.0);
        let (mut sum, mut weighted) = (0.0, Tensor::<1>::zeros([1], device));
        let mut count = |value: Tensor<1>, weight: f32| {
            sum += f64::from(value.clone().into_scalar::<f32>());
            weighted = weighted.clone() + value * weight;
        };
        for (row, asked) in self.asked.iter().enumerate() {
            let scores = scores.clone().slice([row..row + 1, 0..n_items]);
            if self.options.negatives == 0 {
                let left_out = (0..n_items).map(|item| if asked.kept.contains(&(item as u32)) { -1e9 } else { 0.0 });
                let likelihood = log_softmax(scores + tensor(left_out.collect(), [1, n_items], device), 1);
                for item in &asked.targets {
                    let item = *item as usize;
                    count(-likelihood.clone().slice([0..1, item..item + 1]).reshape([1]), weights(asked));
                }
                continue;
            }
            for (target, negatives) in asked.targets.iter().zip(asked.negatives.chunks(self.options.negatives)) {
                let score = |item: u32| {
                    let score = scores.clone().slice([0..1, item as usize..item as usize + 1]);
                    match self.options.loss {
                        Loss::Softmax => score - self.events.chance(item, self.options.negatives_by),
                        _ => score,
                    }
                };
                let event = score(*target);
                let group = Tensor::cat(negatives.iter().map(|item| score(*item)).collect(), 1);
                let value = match self.options.loss {
                    Loss::Bce => -(log_sigmoid(event).sum() + log_sigmoid(-group).sum()),
                    Loss::Bpr => -log_sigmoid(event - group).mean(),
                    _ => -log_softmax(Tensor::cat(vec![event, group], 1), 1).slice([0..1, 0..1]).sum(),
                };
                count(value, weights(asked));
            }
        }
        (sum, weighted)
    }
}

fn tensor(values: Vec<f32>, shape: [usize; 2], device: &Device) -> Tensor<2> {
    Tensor::from_data(TensorData::new(values, shape), device)
}

fn numbers(rows: &Padded) -> Vec<f32> {
    rows.to_vec()
}

fn descriptions(n: u64) -> Vec<Description> {
    NETWORKS.iter().copied().chain([two_tower::NETWORK]).chain((0..n).map(drawn::description)).collect()
}

#[test]
fn gradients_agree_with_autodiff() {
    let device = Device::flex().autodiff();
    for description in descriptions(12) {
        for (loss, size) in losses().into_iter().zip([8, 17, 3, 8, 50]) {
            let scene = Scene::new(&description, options(loss, size));
            let leaves: Vec<Option<Tensor<2>>> = scene
                .tables
                .of
                .iter()
                .map(|rows| {
                    let rows = rows.as_ref()?;
                    Some(tensor(numbers(rows), [rows.n_rows(), rows.n_columns()], &device).require_grad())
                })
                .collect();
            let (expected, weighted) = scene.loss(&leaves, &device);
            let gradients = weighted.backward();

            let mut step = scene.step();
            let found = step.step(&scene.asked, &scene.events);
            let name = format!("{} {loss:?}", description.name);
            assert!((found / expected - 1.0).abs() < 1e-4, "{name}: {found} and {expected}");
            // After one step from nothing, the first moment is a tenth of the gradient.
            for ((table, rows), leaf) in Table::ALL.iter().zip(&step.tables(1).of).zip(&leaves) {
                let (Some(rows), Some(leaf)) = (rows, leaf) else {
                    assert!(rows.is_none() && leaf.is_none());
                    continue;
                };
                let expected: Vec<f32> = leaf.grad(&gradients).unwrap().into_data().try_into_vec().unwrap();
                let size = expected.iter().fold(1e-2_f32, |most, x| most.max(x.abs()));
                for (found, expected) in numbers(rows).iter().map(|m| m / 0.1).zip(&expected) {
                    assert!((found - expected).abs() < 2e-5 * size.max(0.1), "{name} {table:?}: {found}, {expected}");
                }
            }
        }
    }
}

#[test]
fn the_decay_draws_embeddings_to_zero_and_leaves_biases() {
    let scene = |weight_decay| {
        let scene = Scene::new(
            &NETWORKS[2],
            NetworkOptions { weight_decay, feature_decay: weight_decay, ..options(losses()[0], 8) },
        );
        let mut step = scene.step();
        step.step(&scene.asked, &scene.events);
        (scene.tables, step.tables(1))
    };
    let ((tables, with), (_, without)) = (scene(0.5), scene(0.0));
    for ((rows, with), without) in tables.of.iter().zip(&with.of).zip(&without.of) {
        let (Some(rows), Some(with), Some(without)) = (rows, with, without) else { continue };
        for ((at, x), (a, b)) in numbers(rows).iter().enumerate().zip(numbers(with).iter().zip(numbers(without))) {
            let expected = if at % 9 == 8 { 0.0 } else { 0.1 * 0.5 * x };
            assert!((a - b - expected).abs() < 1e-5, "{at}: {a} and {b}");
        }
    }
}

/// What a training of a few epochs saves, of every network and every loss.
fn trained() -> Vec<String> {
    let train = world();
    let run = Run { seed: 3, device: DeviceChoice::Cpu, progress: &Silent };
    let networks = descriptions(1);
    let trainings =
        networks.iter().zip(losses()).zip([OptimizerKind::Adam, OptimizerKind::LazyAdam].into_iter().cycle());
    let digest = |((description, loss), optimizer): ((&Description, _), _)| {
        let options = NetworkOptions { epochs: 5, batch_size: 10, optimizer, ..options(loss, 25) };
        let fitted = super::train(description, &train, &options, &run).unwrap();
        digest(fitted.tables().of.iter().flatten().flat_map(numbers))
    };
    trainings.map(digest).collect()
}

#[test]
fn a_training_is_the_same_on_any_cpu_and_any_number_of_threads() {
    let expected = same_on_any_cpu("training for lists", trained);
    for n_threads in [1, 2, 3, 8] {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(n_threads).build().unwrap();
        assert_eq!(pool.install(trained), expected, "{n_threads} threads");
    }
}

#[test]
fn networks_for_lists_conform() {
    for entry in APPROACHES.iter().filter(|entry| (entry.defaults)().get("embedding_size").is_some()) {
        for (loss, negatives) in [("softmax", 0), ("softmax", 4), ("bce", 4), ("bpr", 4)] {
            // The whole suite takes a while: of the others it is checked that they learn.
            let is_first = loss == "softmax" && negatives == 0;
            let options = json!({
                "epochs": 60, "batch_size": 5, "learning_rate": 0.02, "embedding_size": 8, "loss": loss,
                "negatives": negatives, "weight_decay": 1e-4,
            });
            if is_first {
                check(&Suite { entry, options, personal: Some(Feedback::Events), device: DeviceChoice::Cpu });
                continue;
            }
            let board = checkerboard(20, Feedback::Events);
            let approach = (entry.configure)(&options).unwrap();
            let run = Run { seed: 7, device: DeviceChoice::Cpu, progress: &Silent };
            let fitted = approach.fit(&board.train, &run).unwrap();
            let seen = reco_core::Seen::by_user(20, [&board.train.fit]);
            for (user, liked) in &board.liked {
                let candidates = reco_core::Candidates::AllExcept(&seen[user.index()]);
                let query = reco_core::Query { who: reco_core::Who::Known(*user), context: &[], candidates };
                let list = fitted.recommend(&[query], std::num::NonZeroUsize::MIN).unwrap();
                assert_eq!(list[0].items().next(), Some(*liked), "{} by {loss}", entry.name);
            }
        }
    }
}

#[test]
fn a_visitor_is_answered_from_a_history_and_a_stranger_without_one_is_refused() {
    let train = world();
    let options = NetworkOptions { epochs: 20, batch_size: 8, ..options(losses()[0], 8) };
    let run = Run { seed: 3, device: DeviceChoice::Cpu, progress: &Silent };
    let history: Vec<_> = train.catalogue.items.indices().filter(|item| item.index() % 2 == 1).take(6).collect();
    let history: Vec<_> = history.into_iter().map(|item| (item, reco_core::Target::EVENT)).collect();
    let profile = reco_core::Profile::default();
    let who = reco_core::Who::Visitor { history: &history, profile: &profile };
    let seen = reco_core::Seen::new(history.iter().map(|(item, _)| *item).collect());
    let query = reco_core::Query { who, context: &[], candidates: reco_core::Candidates::AllExcept(&seen) };
    let k = std::num::NonZeroUsize::new(3).unwrap();
    let neural = Neural(options.clone()).learn(&train, &run).unwrap();
    let list = neural.recommend(&[query], k).unwrap();
    assert!(list[0].items().all(|item| item.index() % 2 == 1), "of the history's kind: {:?}", list[0]);
    let collaborative = Collaborative(options).learn(&train, &run).unwrap();
    let refusal = collaborative.recommend(&[query], k).unwrap_err().to_string();
    assert!(refusal.contains("`collaborative` has no answer for a visitor"), "{refusal}");
}

#[test]
fn the_moment_of_a_query_decides_where_it_decided_in_training() {
    // Everyone meets items of the first half at 8 o'clock and of the second at 20 o'clock.
    let train = checkerboard(20, Feedback::Events).train;
    let mut fit = Interactions::builder(1);
    for row in (0..train.fit.len()).map(|row| train.fit.row(row)) {
        fit.push(Interaction { context: &[if row.item.index() < 10 { 8.0 } else { 20.0 }], ..row });
    }
    let fit = fit.finish();
    let contexts = ContextColumn::of(vec!["hour".to_owned()], fit.contexts(), 0..fit.len());
    let catalogue = reco_core::Catalogue { contexts, ..(*train.catalogue).clone() };
    let train = Train { catalogue: catalogue.into(), fit, ..train };
    let run = Run { seed: 3, device: DeviceChoice::Cpu, progress: &Silent };
    let scores = |without: &[Part], context: &[f32]| {
        let without = without.to_vec();
        let options = NetworkOptions { epochs: 60, batch_size: 5, without, ..options(losses()[0], 8) };
        let fitted = Hybrid(options).learn(&train, &run).unwrap();
        let who = reco_core::Who::Known(train.catalogue.users.at(4).unwrap());
        let candidates = reco_core::Candidates::AllExcept(reco_core::Seen::NOTHING);
        let mut scores = reco_core::Scores::new();
        fitted.score(&[reco_core::Query { who, context, candidates }], &mut scores).unwrap();
        scores.row(0).to_vec()
    };
    let [morning, evening] = [8.0, 20.0].map(|hour| scores(&[], &[hour]));
    for (item, (morning, evening)) in morning.iter().zip(&evening).enumerate() {
        assert_eq!(morning > evening, item < 10, "{item}: {morning} and {evening}");
    }
    assert_eq!(scores(&[], &[]), scores(&[], &train.catalogue.average_moment()));
    let without = [Part::Contexts];
    assert_eq!(scores(&without, &[8.0]), scores(&without, &[20.0]));
}

#[test]
fn what_is_left_out_has_no_table_and_what_is_not_there_cannot_be_left_out() {
    let catalogue = world().catalogue;
    let tables = |without: &[Part]| {
        let options = NetworkOptions { without: without.to_vec(), ..NetworkOptions::default() };
        let shape = Shape::of(crate::hybrid::NETWORK.lists, &options, &catalogue);
        Table::ALL.into_iter().filter(|table| shape.rows(*table).is_some()).collect::<Vec<_>>()
    };
    assert_eq!(tables(&[]), Table::ALL);
    assert_eq!(tables(&[Part::Contexts, Part::Embedding]), Table::ALL[1..6]);
    assert_eq!(
        tables(&[Part::History, Part::Attributes]),
        [Table::Users, Table::Items, Table::Features, Table::Contexts]
    );
    let without_features = [Table::Users, Table::Attributes, Table::History, Table::Items, Table::Contexts];
    assert_eq!(tables(&[Part::Features]), without_features);
}

#[test]
fn weights_are_averaged_over_epochs() {
    let (train, run) = (world(), Run { seed: 3, device: DeviceChoice::Cpu, progress: &Silent });
    let weights = |epochs, averaged| {
        let options = NetworkOptions { epochs, averaged, batch_size: 5, ..options(losses()[0], 8) };
        let fitted = super::train(&NETWORKS[2], &train, &options, &run).unwrap();
        fitted.tables().of.iter().flatten().flat_map(numbers).collect::<Vec<f32>>()
    };
    let [one, two, three] = [1, 2, 3].map(|epochs| weights(epochs, false));
    assert_eq!(weights(1, true), one);
    for (at, average) in weights(3, true).into_iter().enumerate() {
        // The second epoch weighs 9 / (2 + 8), then the third 9 / (3 + 8).
        let expected = 2.0 / 11.0 * (0.1 * one[at] + 0.9 * two[at]) + 9.0 / 11.0 * three[at];
        assert!((average - expected).abs() < 1e-6, "{average} and {expected}");
    }
}

#[test]
fn the_epoch_of_the_best_lists_is_kept() {
    let train = world();
    let rows: Vec<usize> = (0..train.fit.len()).collect();
    let (validation, fit): (Vec<_>, Vec<_>) = rows.into_iter().partition(|row| row % 5 == 0);
    let train = Train { validation: Some(train.fit.select(&validation)), fit: train.fit.select(&fit), ..train };
    let options = NetworkOptions { epochs: 40, batch_size: 8, patience: 3, ..options(losses()[0], 8) };
    let run = Run { seed: 3, device: DeviceChoice::Cpu, progress: &Silent };
    let fitted = Neural(options).learn(&train, &run).unwrap();
    let log = reco_core::Fitted::training(&*fitted).unwrap();
    let ndcg: Vec<f64> = log.epochs.iter().map(|epoch| epoch.validation_ndcg.unwrap()).collect();
    let highest = ndcg.iter().copied().fold(0.0, f64::max);
    assert_eq!(ndcg.iter().position(|one| *one == highest), Some(log.best_epoch - 1), "{ndcg:?}");
    assert!(highest > 0.5 && log.epochs.len() < 40, "{ndcg:?}");
    assert_eq!((log.n_train, log.n_validation), (fit.len(), validation.len()));
}
