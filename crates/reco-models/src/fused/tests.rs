//! Compares the fused step's gradients and losses with those of autodiff.
//!
//! Does not know a gradient by hand: the plain step is the definition.
//!
//! **Invariant**: every network of the registry and descriptions drawn by chance, both optimizers, batches that end in
//! the middle of a block; on the CPU, and on wgpu where there is a driver.

use burn::module::{Module, ModuleVisitor, Param};
use burn::tensor::{Gradients, Tensor};
use reco_core::testing::{Feedback, checkerboard, digest, left_out, same_on_any_cpu};
use reco_core::{DeviceChoice, Run, Silent};

use super::*;
use crate::autodiff::{Trainer, predict};
use crate::batches::{Columns, shuffled};
use crate::buffers::Buffer;
use crate::description::{Sizes, drawn};
use crate::device::ComputeDevice;
use crate::fitted::item_features;
use crate::learner::Pass;
use crate::modules::Initial;
use crate::tensors::column;
use crate::{NETWORKS, OptimizerKind, two_tower};

/// Rows of a checkerboard with contexts, and what training a network on them needs.
struct World {
    columns: Columns,
    architecture: Architecture,
    features: Option<Tensor<2>>,
    device: Device,
    options: NetworkOptions,
}

impl World {
    fn new(
        description: &Description,
        device: &Device,
        embedding_size: usize,
        batch_size: usize,
        optimizer: OptimizerKind,
    ) -> Self {
        let train = checkerboard(24, Feedback::Stars).train;
        let mut columns = Columns::of(&train.fit, 0..train.fit.len());
        let sizes = Sizes { n_contexts: 2, ..Sizes::of(&train.catalogue, embedding_size) };
        let moments = (0..2 * columns.len()).map(|at| ((at * 31 % 7) as f32) / 7.0).collect();
        columns.contexts = reco_core::Matrix::new(columns.len(), 2, moments).unwrap();
        // Targets far from each other, so that signs differ.
        columns.targets.iter_mut().enumerate().for_each(|(at, y)| *y += (at % 3) as f32 - 1.0);
        let architecture = description.over(sizes);
        let features = item_features(&architecture, &train.catalogue, device);
        let options =
            NetworkOptions { embedding_size, batch_size, optimizer, learning_rate: 0.01, ..NetworkOptions::default() };
        Self { columns, architecture, features, device: device.clone(), options }
    }

    /// A pass over the rows in `order`: the means of its errors, and of their shares of the targets.
    fn epoch(&self, learner: &mut dyn Learner, order: &[u32]) -> (f64, f64) {
        let rows = Buffer { columns: &self.columns, order, is_new: true };
        let (item_features, batch_size) = (self.features.as_ref(), self.options.batch_size);
        let pass = Pass { rows, item_features, batch_size, sums: [0.0; 2] };
        let [error, share] = learner.pass(pass, &run()).unwrap();
        (error / order.len() as f64, share / order.len() as f64 * 100.0)
    }

    fn init(&self) -> Network {
        Network::init(self.architecture.clone(), &mut Initial::new(11, &self.device))
    }

    fn fused(&self) -> Box<dyn Learner> {
        learner(&self.init(), (self.features.as_ref(), self.columns.len()), &self.options, &self.device)
            .unwrap()
            .unwrap()
    }
}

/// A pass in one piece, in pieces, and in pieces each of which another learner takes: equal bytes and sums.
fn divided_passes_agree(description: &Description, device: &ComputeDevice, optimizer: OptimizerKind) {
    let batch_size = 32;
    let world = World::new(description, &device.device, 5, batch_size, optimizer);
    let orders = [1, 2].map(|epoch| shuffled(world.columns.len(), 9, epoch));
    let pass = |learner: &mut dyn Learner, order: &[u32], is_new, sums| {
        let rows = Buffer { columns: &world.columns, order, is_new };
        learner.pass(Pass { rows, item_features: world.features.as_ref(), batch_size, sums }, &run()).unwrap()
    };
    let numbers = |learner: &dyn Learner| (0..3).map(|which| weights(&learner.kept(which))).collect::<Vec<_>>();
    let mut whole = world.fused();
    let of_whole = orders.each_ref().map(|order| pass(&mut *whole, order, true, [0.0; 2]));
    let stride = whole.stride(batch_size);
    assert!(2 * stride < world.columns.len(), "{stride} rows are one piece");
    for changes_hands in [false, true] {
        let (mut learner, mut is_new) = (world.fused(), true);
        let mut sums = [[0.0; 2]; 2];
        for (order, sums) in orders.iter().zip(&mut sums) {
            for order in order.chunks(stride) {
                *sums = pass(&mut *learner, order, is_new, *sums);
                is_new = changes_hands;
                if changes_hands {
                    let mut next = world.fused();
                    (0..3).for_each(|which| next.set(which, &learner.kept(which)).unwrap());
                    let ((step, clocks), (next_step, next_clocks)) = (learner.clocks(), next.clocks());
                    *next_step = *step;
                    next_clocks.into_iter().zip(clocks).for_each(|(next, clock)| next.set(clock.last().to_vec()));
                    learner = next;
                }
            }
        }
        let what = format!("{} by {optimizer:?} on {}, {changes_hands}", description.name, device.name());
        assert_eq!(sums, of_whole, "{what}");
        assert!(numbers(&*learner) == numbers(&*whole), "{what}: other numbers");
    }
}

fn run() -> Run<'static> {
    Run { seed: 9, device: DeviceChoice::Cpu, progress: &Silent }
}

/// The gradient of every parameter, in the order of the module.
struct All<'a> {
    gradients: &'a Gradients,
    found: Vec<Vec<f32>>,
}

impl ModuleVisitor for All<'_> {
    fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
        let gradient = param.val().grad(self.gradients).expect("every parameter has a gradient");
        self.found.push(gradient.into_data().try_into_vec().unwrap());
    }
}

/// Every parameter, in the order of the module.
struct Weights(Vec<Vec<f32>>);

impl ModuleVisitor for Weights {
    fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
        self.0.push(param.val().into_data().try_into_vec().unwrap());
    }
}

fn weights(network: &Network) -> Vec<Vec<f32>> {
    let mut weights = Weights(Vec::new());
    network.visit(&mut weights);
    weights.0
}

/// The networks of the registry and that of the tests, and `n` more, drawn by chance, that the fused step can express.
fn descriptions(n: usize) -> Vec<Description> {
    let sizes = Sizes { n_users: 1, n_items: 1, n_features: 1, n_contexts: 1, embedding_size: 1 };
    let drawn = (0..).map(drawn::description).filter(|drawn| refusal(&drawn.over(sizes)).is_none());
    NETWORKS.iter().copied().chain([two_tower::NETWORK]).chain(drawn.take(n)).collect()
}

fn gradients_agree(description: &Description, device: &Device) {
    let name = description.name;
    for (embedding_size, n) in [(8, 50), (50, 37), (3, 5), (17, 33)] {
        let world = World::new(description, device, embedding_size, n, OptimizerKind::LazyAdam);
        let order = shuffled(world.columns.len(), 9, 1);

        let mut fused = world.fused();
        let loss = world.epoch(&mut *fused, &order[..n]).0;
        // After one step from nothing, the first moment is a tenth of the gradient.
        let moments = weights(&fused.kept(1)).into_iter();
        let ours: Vec<Vec<f32>> = moments.map(|moment| moment.into_iter().map(|m| m / 0.1).collect()).collect();

        let plain = world.init().train().set_require_grad(true);
        let batch = world.columns.gather(&order[..n]);
        let predicted = predict(&plain, &batch, world.features.as_ref(), device);
        let errors = (predicted - column(&batch.targets, device)).abs().mean();
        let expected = f64::from(errors.clone().into_scalar::<f32>());
        assert!((loss / expected - 1.0).abs() < 1e-5, "{name}: {loss} and {expected}");
        let mut all = All { gradients: &errors.backward(), found: Vec::new() };
        plain.visit(&mut all);
        assert_eq!(all.found.len(), ours.len());
        for (at, (ours, plain)) in ours.iter().zip(&all.found).enumerate() {
            let size = plain.iter().fold(1e-2_f32, |most, x| most.max(x.abs()));
            for (a, b) in ours.iter().zip(plain) {
                assert!((a - b).abs() < 1e-5 * size, "{name} {embedding_size}, parameter {at}: {a} and {b}");
            }
        }
    }
}

fn trajectories_agree(description: &Description, device: &ComputeDevice) {
    let name = description.name;
    for optimizer in [OptimizerKind::Adam, OptimizerKind::LazyAdam] {
        // Autodiff is slow on a software driver.
        let batch_sizes: &[usize] = if device.name().starts_with("wgpu") { &[7, 1000] } else { &[1, 7, 50, 1000] };
        for &batch_size in batch_sizes {
            let world = World::new(description, &device.device, 10, batch_size, optimizer);
            let mut fused = world.fused();
            let mut plain = Trainer::new(world.init(), &world.options, std::slice::from_ref(&world.device));
            let steps = 50.min(world.columns.len() / batch_size.min(100) * 4);
            for step in 1..=steps {
                let order = shuffled(world.columns.len(), 9, step);
                let rows = &order[..batch_size.min(order.len())];
                let [ours, theirs] = [&mut *fused, &mut plain].map(|learner| world.epoch(learner, rows));
                plain.network();
                for (a, b) in [(ours.0, theirs.0), (ours.1, theirs.1)] {
                    assert!((a - b).abs() < 1e-3 * b.abs().max(0.1), "{name} {batch_size} step {step}: {a} and {b}");
                }
            }
        }
    }
}

/// Whole epochs, whose last batch is short, and in which rows miss steps; compared are losses and all weights.
fn epochs_agree(description: &Description, device: &ComputeDevice) {
    for optimizer in [OptimizerKind::Adam, OptimizerKind::LazyAdam] {
        let world = World::new(description, &device.device, 10, 7, optimizer);
        let mut fused = world.fused();
        let mut plain = Trainer::new(world.init(), &world.options, std::slice::from_ref(&world.device));
        for epoch in 1..=3 {
            let order = shuffled(world.columns.len(), 9, epoch);
            let rows = &order[..60.min(order.len())];
            let [ours, theirs] = [&mut *fused, &mut plain].map(|learner| world.epoch(learner, rows));
            assert!((ours.0 - theirs.0).abs() < 1e-3 * theirs.0.abs().max(0.1), "{} epoch {epoch}", description.name);
        }
        for (at, (ours, theirs)) in weights(&fused.network()).iter().zip(weights(&plain.network())).enumerate() {
            for (a, b) in ours.iter().zip(theirs) {
                let name = description.name;
                assert!((a - b).abs() < 2e-3 * b.abs().max(0.1), "{name} {optimizer:?}, parameter {at}: {a} and {b}");
            }
        }
    }
}

/// The CPU, and wgpu where it has an adapter.
fn devices() -> Vec<ComputeDevice> {
    let wgpu = ComputeDevice::find(DeviceChoice::Wgpu);
    if wgpu.is_err() {
        left_out("the fused step on wgpu: there is no adapter: Debian's `mesa-vulkan-drivers` is one in software");
    }
    [ComputeDevice::cpu()].into_iter().chain(wgpu).collect()
}

/// How many descriptions are drawn: kernels are compiled for each.
fn n_drawn(device: &ComputeDevice) -> usize {
    if device.name().starts_with("wgpu") { 4 } else { 20 }
}

#[test]
fn gradients_agree_with_autodiff() {
    for device in devices() {
        descriptions(n_drawn(&device)).iter().for_each(|description| gradients_agree(description, &device.device));
    }
}

#[test]
fn trajectories_agree_with_autodiff() {
    for device in devices() {
        // One product and one layer of each kind are in the networks; the others differ in shape alone.
        descriptions(n_drawn(&device) / 4).iter().for_each(|description| trajectories_agree(description, &device));
    }
}

#[test]
fn whole_epochs_agree_with_autodiff() {
    for device in devices() {
        descriptions(n_drawn(&device) / 4).iter().for_each(|description| epochs_agree(description, &device));
    }
}

#[test]
fn a_pass_can_be_divided_and_taken_over() {
    for device in devices() {
        // A software driver is slow, and the hybrid has all that a network can have.
        let on_cpu = device.device == Device::flex();
        let descriptions = if on_cpu { descriptions(5) } else { NETWORKS[2..].to_vec() };
        for description in descriptions {
            for optimizer in [OptimizerKind::Adam, OptimizerKind::LazyAdam] {
                divided_passes_agree(&description, &device, optimizer);
            }
        }
    }
}

#[test]
fn what_is_written_is_what_was_taken() {
    for device in devices() {
        for description in descriptions(1) {
            let world = World::new(&description, &device.device, 50, 64, OptimizerKind::Adam);
            let before = weights(&world.init());
            let mut fused = world.fused();
            let written = fused.network();
            assert_eq!(before, weights(&written), "{} {}", description.name, device.name());
            assert_eq!(written.num_params(), before.iter().map(Vec::len).sum::<usize>());

            // What was written stays as it is while training goes on.
            world.epoch(&mut *fused, &shuffled(world.columns.len(), 9, 1));
            assert_eq!(before, weights(&written), "{} {}", description.name, device.name());
        }
    }
}

#[test]
fn the_same_seed_gives_the_same_bytes() {
    for device in devices() {
        for description in descriptions(1) {
            let trained = || {
                let world = World::new(&description, &device.device, 50, 100, OptimizerKind::Adam);
                let mut fused = world.fused();
                for epoch in 1..=3 {
                    world.epoch(&mut *fused, &shuffled(world.columns.len(), 9, epoch));
                }
                weights(&fused.network())
            };
            assert_eq!(trained(), trained(), "{} {}", description.name, device.name());
        }
    }
}

/// Weights and losses after five epochs on the CPU, in which rows miss steps: the first eight steps on one core, the
/// next on all.
fn trained(description: &Description, embedding_size: usize) -> (Vec<f32>, Vec<(f64, f64)>) {
    let world = World::new(description, &Device::flex(), embedding_size, 40, OptimizerKind::Adam);
    let mut fused = world.fused();
    let losses =
        (1..=5).map(|epoch| world.epoch(&mut *fused, &shuffled(world.columns.len(), 9, epoch)[..150])).collect();
    (weights(&fused.network()).concat(), losses)
}

#[test]
fn a_training_is_the_same_on_any_cpu() {
    let trainings = same_on_any_cpu("fused training", || {
        let names_and_sizes = NETWORKS.iter().chain([&two_tower::NETWORK]).zip([50, 25, 50, 3, 17]);
        names_and_sizes
            .map(|(description, embedding_size)| {
                let (weights, losses) = trained(description, embedding_size);
                (description.name, weights.into_iter().map(f32::to_bits).collect::<Vec<_>>(), losses)
            })
            .collect::<Vec<_>>()
    });
    let found: Vec<_> =
        trainings.into_iter().map(|(name, bits, _)| (name, digest(bits.into_iter().map(f32::from_bits)))).collect();
    let expected = [
        ("collaborative", "a27072659d4c6d61"),
        ("neural", "4ee6ba0bb1082f8b"),
        ("hybrid", "340aa325c712229f"),
        ("two-tower", "fd9748f2a80993d8"),
    ];
    assert!(found.iter().map(|(name, digest)| (*name, digest.as_str())).eq(expected), "{found:?}");
}

#[test]
fn a_training_is_the_same_on_any_number_of_threads() {
    let on = |n_threads: usize| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(n_threads).build().unwrap();
        pool.install(|| trained(&NETWORKS[2], 25))
    };
    let one = on(1);
    for n_threads in [2, 3, 8] {
        assert_eq!(on(n_threads), one, "{n_threads} threads");
    }
}
