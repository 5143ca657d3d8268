//! Compares the fused step's gradients and losses with those of autodiff.
//!
//! Does not know a gradient by hand: the plain step is the definition.
//!
//! **Invariant**: every network, both optimizers, batches that end in the middle of a block; on the CPU, and on wgpu
//! where there is a driver.

use burn::module::{Module, ModuleVisitor, Param};
use burn::tensor::{Gradients, Tensor, TensorData};
use reco_core::testing::{Feedback, checkerboard, left_out};
use reco_core::{DeviceChoice, Silent};

use super::*;
use crate::batches::shuffled;
use crate::device::ComputeDevice;
use crate::fitted::{item_features, sizes};
use crate::modules::Initial;
use crate::network::Sizes;
use crate::training::{Trainer, predict};
use crate::{Collaborative, Hybrid, Neural, OptimizerKind};

/// Rows of a checkerboard with contexts, and what training on them needs.
struct World {
    columns: Columns,
    sizes: Sizes,
    features: Option<Tensor<2>>,
    device: ComputeDevice,
    options: NetworkOptions,
}

impl World {
    fn new<N: Network>(
        device: &ComputeDevice,
        embedding_size: usize,
        batch_size: usize,
        optimizer: OptimizerKind,
    ) -> Self {
        let train = checkerboard(24, Feedback::Stars).train;
        let mut columns = Columns::of(&train.fit, 0..train.fit.len());
        let mut sizes = sizes(&train.catalogue, embedding_size);
        sizes.n_contexts = 2;
        let moments = (0..2 * columns.len()).map(|at| ((at * 31 % 7) as f32) / 7.0).collect();
        columns.contexts = reco_core::Matrix::new(columns.len(), 2, moments).unwrap();
        // Targets far from each other, so that signs differ.
        columns.targets.iter_mut().enumerate().for_each(|(at, y)| *y += (at % 3) as f32 - 1.0);
        let features = item_features::<N>(&train.catalogue, device);
        let options =
            NetworkOptions { embedding_size, batch_size, optimizer, learning_rate: 0.01, ..NetworkOptions::default() };
        Self { columns, sizes, features, device: device.clone(), options }
    }

    fn data<'a>(&'a self, validation: &'a Columns) -> Data<'a> {
        Data {
            fit: &self.columns,
            validation,
            n_users: self.sizes.n_users,
            n_items: self.sizes.n_items,
            item_features: self.features.as_ref(),
        }
    }

    fn init<N: Network>(&self) -> N {
        N::init(&self.sizes, &mut Initial::new(11, &self.device.device))
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

/// After one step from nothing, the first moment is a tenth of the gradient: read from the fused state through the network's own
/// order of parameters.
fn first_moments<N: Network>(fused: &Fused, network: &mut N, device: &Device) -> Vec<Vec<f32>> {
    fused.write_moments(network, device);
    let mut moments = Weights(Vec::new());
    network.visit(&mut moments);
    moments.0.into_iter().map(|moment| moment.into_iter().map(|m| m / 0.1).collect()).collect()
}

fn gradients_agree<N: Network>(device: &ComputeDevice) {
    for (embedding_size, n) in [(8, 50), (50, 37), (3, 5), (17, 33)] {
        let world = World::new::<N>(device, embedding_size, n, OptimizerKind::LazyAdam);
        let (none, device) = (Columns::default(), &world.device.device);
        let data = world.data(&none);
        let order = shuffled(world.columns.len(), 9, 1);

        let mut network = world.init::<N>();
        let mut fused = Fused::new(&mut network, &data, &world.options, device).unwrap().unwrap();
        let loss = fused.epoch(&world.columns, &order[..n], n, &run()).unwrap().0;
        let ours = first_moments(&fused, &mut network, device);

        let plain = world.init::<N>().train().set_require_grad(true);
        let batch = world.columns.gather(&order[..n]);
        let targets = Tensor::<2>::from_data(TensorData::new(batch.targets.clone(), [n, 1]), device);
        let errors = (predict(&plain, &batch, data.item_features, device) - targets).abs().mean();
        let expected = f64::from(errors.clone().into_scalar::<f32>());
        assert!((loss / expected - 1.0).abs() < 1e-5, "{}: {loss} and {expected}", N::NAME);
        let mut all = All { gradients: &errors.backward(), found: Vec::new() };
        plain.visit(&mut all);
        assert_eq!(all.found.len(), ours.len());
        for (at, (ours, plain)) in ours.iter().zip(&all.found).enumerate() {
            let size = plain.iter().fold(1e-2_f32, |most, x| most.max(x.abs()));
            for (a, b) in ours.iter().zip(plain) {
                assert!((a - b).abs() < 1e-5 * size, "{} {embedding_size}, parameter {at}: {a} and {b}", N::NAME);
            }
        }
    }
}

fn trajectories_agree<N: Network>(device: &ComputeDevice) {
    for optimizer in [OptimizerKind::Adam, OptimizerKind::LazyAdam] {
        // Autodiff is slow on a software driver.
        let batch_sizes: &[usize] = if device.name().starts_with("wgpu") { &[7, 1000] } else { &[1, 7, 50, 1000] };
        for &batch_size in batch_sizes {
            let world = World::new::<N>(device, 10, batch_size, optimizer);
            let (none, device) = (Columns::default(), &world.device.device);
            let data = world.data(&none);
            let mut network = world.init::<N>();
            let mut fused = Fused::new(&mut network, &data, &world.options, device).unwrap().unwrap();
            let mut plain = Trainer::new(world.init::<N>(), &data, &world.options, device);
            let steps = 50.min(world.columns.len() / batch_size.min(100) * 4);
            for step in 1..=steps {
                let order = shuffled(world.columns.len(), 9, step);
                let rows = &order[..batch_size.min(order.len())];
                let ours = fused.epoch(&world.columns, rows, batch_size, &run()).unwrap();
                let theirs = plain.epoch(&data, rows, batch_size, &run()).unwrap();
                plain.settle();
                for (a, b) in [(ours.0, theirs.0), (ours.1, theirs.1)] {
                    assert!(
                        (a - b).abs() < 1e-3 * b.abs().max(0.1),
                        "{} {batch_size} step {step}: {a} and {b}",
                        N::NAME
                    );
                }
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

fn agrees<N: Network>() {
    for device in devices() {
        gradients_agree::<N>(&device);
        trajectories_agree::<N>(&device);
    }
}

#[test]
fn collaborative_agrees_with_autodiff() {
    agrees::<Collaborative>();
}

#[test]
fn neural_agrees_with_autodiff() {
    agrees::<Neural>();
}

#[test]
fn hybrid_agrees_with_autodiff() {
    agrees::<Hybrid>();
}

#[test]
fn what_is_written_is_what_was_taken() {
    for device in devices() {
        let world = World::new::<Hybrid>(&device, 50, 64, OptimizerKind::Adam);
        let none = Columns::default();
        let mut network = world.init::<Hybrid>();
        let weights = |network: &Hybrid| {
            let mut weights = Weights(Vec::new());
            network.visit(&mut weights);
            weights.0
        };
        let before = weights(&network);
        let mut fused = Fused::new(&mut network, &world.data(&none), &world.options, &device.device).unwrap().unwrap();
        fused.write(&mut network, &device.device);
        assert_eq!(before, weights(&network), "{}", device.name());
        assert_eq!(network.num_params(), before.iter().map(Vec::len).sum::<usize>());

        // What was written stays as it is while training goes on.
        let order = shuffled(world.columns.len(), 9, 1);
        fused.epoch(&world.columns, &order, 64, &run()).unwrap();
        assert_eq!(before, weights(&network), "{}", device.name());
    }
}

#[test]
fn the_same_seed_gives_the_same_bytes() {
    for device in devices() {
        let trained = || {
            let world = World::new::<Hybrid>(&device, 50, 100, OptimizerKind::Adam);
            let none = Columns::default();
            let mut network = world.init::<Hybrid>();
            let mut fused =
                Fused::new(&mut network, &world.data(&none), &world.options, &device.device).unwrap().unwrap();
            for epoch in 1..=3 {
                let order = shuffled(world.columns.len(), 9, epoch);
                fused.epoch(&world.columns, &order, 100, &run()).unwrap();
            }
            fused.write(&mut network, &device.device);
            let mut weights = Weights(Vec::new());
            network.visit(&mut weights);
            weights.0
        };
        assert_eq!(trained(), trained(), "{}", device.name());
    }
}
