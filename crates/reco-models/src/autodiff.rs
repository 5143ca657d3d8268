//! Trains a network by autodiff over Burn's tensors: the definition of a step, on any device.
//!
//! Does not know epochs' order, validation, nor the fused steps.
//!
//! **Invariant**: nothing is read back from the device within a pass.

use burn::module::Module;
use burn::tensor::{Device, Tensor};
use reco_core::{FitError, Run};

use crate::adam::{Adam, Clock};
use crate::batches::Columns;
use crate::buffers::Buffer;
use crate::description::{Side, Sizes, Source};
use crate::learner::{Learner, Pass};
use crate::network::{Batch, Network};
use crate::optimizer::{DenseState, TableState, Touched, hide, settle};
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
    device: &'a Device,
}

impl<'a> Trainer<'a> {
    pub(crate) fn new(mut network: Network, options: &NetworkOptions, device: &'a Device) -> Self {
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
            device,
        }
    }

    /// One batch: forward, backward, update. Returns the batch's errors as `[2]`, summed over its rows.
    fn step(&mut self, batch: &Columns, item_features: Option<&Tensor<2>>) -> Tensor<1> {
        self.step += 1;
        let users = Touched::of(&batch.users, &mut self.users, self.step, &self.adam, self.device);
        let items = Touched::of(&batch.items, &mut self.items, self.step, &self.adam, self.device);
        let Self { network, tables, dense, adam, step, device, .. } = self;
        let towers = network.architecture().towers.iter();
        let touched: Vec<_> = towers.map(|tower| if tower.side == Side::User { &users } else { &items }).collect();
        let rows = tables.iter_mut().zip(&touched).map(|(table, touched)| table.read(touched)).collect();
        let input = Batch { rows, ..inputs(network, batch, item_features, device) };
        let targets = column(&batch.targets, device);
        let errors = (network.forward(&input) - targets.clone()).abs();
        let mut gradients = errors.clone().mean().backward();
        for (table, touched) in tables.iter_mut().zip(touched) {
            table.update(touched, &mut gradients, *step, adam);
        }
        for (dense, state) in network.dense_mut().iter_mut().zip(dense) {
            state.update(dense, &mut gradients, *step, adam);
        }
        sums(errors.inner(), targets)
    }
}

impl Learner for Trainer<'_> {
    fn pass(&mut self, pass: Pass<'_>, run: &Run<'_>) -> Result<[f64; 2], FitError> {
        let Pass { rows: Buffer { columns, order, .. }, item_features, batch_size } = pass;
        for table in self.network.tables_mut() {
            hide(table, self.device);
        }
        let mut sums: Option<Tensor<1>> = None;
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
        let users = settle(&mut self.users, self.step, &self.adam, self.device);
        let items = settle(&mut self.items, self.step, &self.adam, self.device);
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
