//! Trains a network by autodiff over Burn's tensors: the definition of a step, on any device or several.
//!
//! A batch is divided among devices; each goes forward and back over its share, with copies of the rows that the batch
//! meets and of the dense layers, and the first adds gradients up and updates. Does not know epochs' order, validation,
//! nor the fused steps.
//!
//! **Invariant**: gradients are summed over devices in their order; nothing is read back from a device within a pass.

use burn::module::Module;
use burn::nn::Linear;
use burn::tensor::{Device, Tensor, TensorData};
use reco_core::{FitError, Run};

use crate::adam::{Adam, Clock};
use crate::batches::Columns;
use crate::buffers::Buffer;
use crate::description::{Side, Sizes, Source};
use crate::learner::{Learner, Pass};
use crate::modules::bias_of;
use crate::network::{Batch, Network};
use crate::optimizer::{DenseState, Share, TableState, Touched, hide, settle};
use crate::options::NetworkOptions;
use crate::tensors::{column, indices, matrix, numbers};

/// A network with all that its optimizer keeps.
pub(crate) struct Trainer<'a> {
    network: Network,
    tables: Vec<TableState>,
    dense: Vec<DenseState>,
    users: Clock,
    items: Clock,
    adam: Adam,
    step: u32,
    /// Those that batches are divided among; tables and moments lie on the first.
    devices: &'a [Device],
    /// The features of all items on each device.
    item_features: Vec<Tensor<2>>,
}

impl<'a> Trainer<'a> {
    pub(crate) fn new(mut network: Network, options: &NetworkOptions, devices: &'a [Device]) -> Self {
        let device = &devices[0];
        let Sizes { n_users, n_items, .. } = network.architecture().sizes;
        let tables = network.tables_mut().iter_mut().map(|table| TableState::take(table, device)).collect();
        let dense = network.dense_mut().iter_mut().map(DenseState::track).collect();
        Self {
            network,
            tables,
            dense,
            users: Clock::new(n_users),
            items: Clock::new(n_items),
            adam: Adam::new(options.learning_rate, options.optimizer),
            step: 0,
            devices,
            item_features: Vec::new(),
        }
    }

    /// One batch: forward and backward on each device for its share, update on the first. Returns the batch's errors as
    /// `[2]`, summed over its rows.
    fn step(&mut self, batch: &Columns, item_features: Option<&Tensor<2>>) -> Tensor<1> {
        self.step += 1;
        let (devices, n) = (self.devices, batch.len());
        let home = &devices[0];
        let users = Touched::of(&batch.users, &mut self.users, self.step, &self.adam, home);
        let items = Touched::of(&batch.items, &mut self.items, self.step, &self.adam, home);
        let shares = shares(n, devices);
        if let Some(features) = item_features.filter(|_| self.item_features.is_empty()) {
            self.item_features = devices.iter().map(|device| features.clone().to_device(device)).collect();
        }
        let Self { network, tables, dense, adam, step, item_features, .. } = self;
        let towers = network.architecture().towers.iter();
        let touched: Vec<_> = towers.map(|tower| if tower.side == Side::User { &users } else { &items }).collect();
        let mut rows: Vec<Vec<Tensor<2>>> = vec![Vec::new(); shares.len()];
        for (table, touched) in tables.iter_mut().zip(&touched) {
            for (rows, of_table) in rows.iter_mut().zip(table.read(touched, &shares)) {
                rows.push(of_table);
            }
        }
        // Of the dense layers, each device but the first has copies.
        let mut copies: Vec<Vec<(Tensor<2>, Tensor<1>)>> = vec![Vec::new(); network.dense().len()];
        let (mut gradients, mut total) = (Vec::new(), None);
        for ((number, share), rows) in shares.iter().enumerate().zip(rows) {
            for (copies, dense) in copies.iter_mut().zip(network.dense()) {
                copies.push(copy(dense, share.device, number == 0));
            }
            let of_share = copies.iter().map(|copies| copies[number].clone());
            let on_device = network.with(None::<Tensor<2>>, of_share);
            let batch = batch.part(share.rows.clone());
            let input = Batch { rows, ..inputs(&on_device, &batch, item_features.get(number), share.device) };
            let targets = column(&batch.targets, share.device);
            let errors = (on_device.forward(&input) - targets.clone()).abs();
            gradients.push((errors.clone().sum() * (1.0 / n as f64)).backward());
            let sums = sums(errors.inner(), targets).to_device(home);
            total = Some(match total {
                Some(total) => total + sums,
                None => sums,
            });
        }
        for (table, touched) in tables.iter_mut().zip(touched) {
            table.update(touched, &mut gradients, *step, adam);
        }
        for ((dense, state), copies) in network.dense_mut().iter_mut().zip(dense).zip(&copies) {
            state.update(dense, copies, &mut gradients, *step, adam);
        }
        total.expect("a batch has a row")
    }
}

/// The `n` rows of a batch divided among `devices` in their order, as many for each as for the first; the last ones may
/// have fewer, or none, and are then left out.
fn shares(n: usize, devices: &[Device]) -> Vec<Share<'_>> {
    let each = n.div_ceil(devices.len());
    let share =
        |(number, device): (usize, _)| Share { rows: (each * number).min(n)..(each * (number + 1)).min(n), device };
    devices.iter().enumerate().map(share).filter(|share| !share.rows.is_empty()).collect()
}

/// Weight and bias of `dense` on `device`; there they are leaves of autodiff, which they are at home already.
fn copy(dense: &Linear, device: &Device, is_home: bool) -> (Tensor<2>, Tensor<1>) {
    let (weight, bias) = (dense.weight.val(), bias_of(dense).val());
    if is_home {
        return (weight, bias);
    }
    let (weight, bias) = (weight.inner().to_device(device), bias.inner().to_device(device));
    (Tensor::from_inner(weight).require_grad(), Tensor::from_inner(bias).require_grad())
}

impl Learner for Trainer<'_> {
    fn pass(&mut self, pass: Pass<'_>, run: &Run<'_>) -> Result<[f64; 2], FitError> {
        let Pass { rows: Buffer { columns, order, .. }, item_features, batch_size, sums } = pass;
        for table in self.network.tables_mut() {
            hide(table, &self.devices[0]);
        }
        // They were read from a device, so that they have 32 bits.
        let before = || TensorData::new(sums.map(|sum| sum as f32).to_vec(), [2]);
        let mut sums = (sums != [0.0; 2]).then(|| Tensor::<1>::from_data(before(), &self.devices[0]));
        for rows in order.chunks(batch_size) {
            if run.progress.interrupted() {
                return Err(FitError::Interrupted);
            }
            let errors = self.step(&columns.gather(rows), item_features);
            sums = Some(match sums {
                Some(sums) => sums + errors,
                None => errors,
            });
            run.progress.advance(rows.len());
        }
        sums.map_or(Ok([0.0; 2]), read)
    }

    fn network(&mut self) -> Network {
        let users = settle(&mut self.users, self.step, &self.adam, &self.devices[0]);
        let items = settle(&mut self.items, self.step, &self.adam, &self.devices[0]);
        let towers = &self.network.architecture().towers;
        for (state, tower) in self.tables.iter_mut().zip(towers) {
            if let Some(missed) = if tower.side == Side::User { &users } else { &items } {
                state.settle(missed);
            }
        }
        for (table, state) in self.network.tables_mut().iter_mut().zip(&self.tables) {
            state.show(table);
        }
        self.network.valid()
    }

    fn kept(&self, which: usize) -> Network {
        let tables = self.tables.iter().map(|table| table.kept(which));
        let dense = self.network.dense().iter().zip(&self.dense).map(|(dense, state)| state.kept(dense, which));
        self.network.valid().with(tables, dense)
    }

    fn set(&mut self, which: usize, numbers: &Network) -> Result<(), FitError> {
        for (state, table) in self.tables.iter_mut().zip(numbers.tables()) {
            state.set(which, table.weight.val());
        }
        let dense = self.network.dense_mut().iter_mut().zip(&mut self.dense);
        for ((dense, state), from) in dense.zip(numbers.dense()) {
            state.set(dense, which, (from.weight.val(), bias_of(from).val()));
        }
        Ok(())
    }

    fn clocks(&mut self) -> (&mut u32, [&mut Clock; 2]) {
        (&mut self.step, [&mut self.users, &mut self.items])
    }
}

/// Predicted targets of rows, `[n, 1]`, by the network's own weights.
pub(crate) fn predict(
    network: &Network,
    rows: &Columns,
    item_features: Option<&Tensor<2>>,
    device: &Device,
) -> Tensor<2> {
    let [users, items] = [&rows.users, &rows.items].map(|rows| indices(rows, device));
    let select =
        |side, table: Tensor<2>| table.select(0, if side == Side::User { users.clone() } else { items.clone() });
    network.forward(&Batch { rows: network.rows(select), ..inputs(network, rows, item_features, device) })
}

/// The features and contexts of rows, as far as the network reads them; no embeddings yet.
fn inputs(network: &Network, rows: &Columns, item_features: Option<&Tensor<2>>, device: &Device) -> Batch {
    let contexts = &rows.contexts;
    Batch {
        rows: Vec::new(),
        features: item_features.map(|features| features.clone().select(0, indices(&rows.items, device))),
        contexts: network.architecture().reads(Source::Contexts).then(|| matrix(contexts, device)),
    }
}

/// The sum of absolute errors and of their shares of the target, `[2]`. Keras divides by at least 1e-7.
pub(crate) fn sums(errors: Tensor<2>, targets: Tensor<2>) -> Tensor<1> {
    let shares = errors.clone() / targets.abs().clamp_min(1e-7);
    Tensor::cat(vec![errors.sum(), shares.sum()], 0)
}

/// The two sums, read from the device.
pub(crate) fn read(sums: Tensor<1>) -> Result<[f64; 2], FitError> {
    let values = numbers(sums)?;
    Ok([f64::from(values[0]), f64::from(values[1])])
}
