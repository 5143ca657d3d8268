//! How does a network learn?
//!
//! One loop for all of them, as Keras' `fit` with mean absolute error. Does not know which network it trains.
//!
//! **Invariant**: nothing is read back from the device within an epoch; the result follows from seed and device alone.

use std::time::Instant;

use burn::tensor::{Device, Int, Tensor, TensorData};
use reco_core::{EpochLog, FitError, Run, TrainingLog};

use crate::batches::{Columns, shuffled};
use crate::modules::EmbeddingTable;
use crate::network::{Batch, Network, Side};
use crate::optimizer::{Adam, Clock, DenseState, TableState, Touched, hide};
use crate::options::NetworkOptions;

/// Rows that validation scores at a time.
const VALIDATION_ROWS: usize = 8_192;

/// What a network learns from, and is judged by.
pub(crate) struct Data<'a> {
    pub(crate) fit: &'a Columns,
    pub(crate) validation: &'a Columns,
    pub(crate) n_users: usize,
    pub(crate) n_items: usize,
    /// `[n_items, n_features]`, where the network reads features and there are any.
    pub(crate) item_features: Option<&'a Tensor<2>>,
}

/// Trains `network`, which holds its initial weights.
pub(crate) fn train<N: Network>(
    network: N,
    data: &Data<'_>,
    options: &NetworkOptions,
    device: &Device,
    run: &Run<'_>,
    started: Instant,
) -> Result<(N, TrainingLog), FitError> {
    let mut trainer = Trainer::new(network, data, options, device);
    let mut log =
        TrainingLog { n_train: data.fit.len(), n_validation: data.validation.len(), ..TrainingLog::default() };
    let mut best: Option<(f64, N)> = None;
    run.progress.begin(N::NAME, options.epochs, data.fit.len());
    for epoch in 1..=options.epochs {
        let order = shuffled(data.fit.len(), run.seed, epoch);
        let (train_loss, train_mape) = trainer.epoch(data, &order, options.batch_size, run)?;
        let judged = (data.validation.len() > 0).then(|| {
            trainer.settle();
            validate(&trainer.network.valid(), data, device)
        });
        let entry = EpochLog {
            epoch,
            train_loss,
            train_mape,
            validation_loss: judged.map(|(loss, _)| loss),
            validation_mape: judged.map(|(_, mape)| mape),
        };
        run.progress.epoch(&entry);
        log.epochs.push(entry);
        if let Some(loss) =
            [Some(train_loss), judged.map(|(loss, _)| loss)].into_iter().flatten().find(|x| !x.is_finite())
        {
            return Err(FitError::Diverged { approach: N::NAME, epoch, loss });
        }
        log.best_epoch = epoch;
        if let (true, Some((loss, _))) = (options.patience > 0, judged) {
            if best.as_ref().is_none_or(|(lowest, _)| loss < *lowest) {
                best = Some((loss, trainer.network.valid()));
            }
            log.best_epoch = best_epoch(&log);
            if epoch - log.best_epoch >= options.patience {
                break;
            }
        }
    }
    run.progress.end();
    trainer.settle();
    let network = match best {
        Some((_, network)) => network,
        None => trainer.network.valid(),
    };
    device.sync().map_err(|error| FitError::Other(format!("the device failed while training: {error}").into()))?;
    log.train_seconds = started.elapsed().as_secs_f64();
    Ok((network, log))
}

/// The first epoch with the lowest validation loss.
fn best_epoch(log: &TrainingLog) -> usize {
    let loss = |entry: &&EpochLog| entry.validation_loss.unwrap_or(f64::INFINITY);
    log.epochs.iter().min_by(|a, b| loss(a).total_cmp(&loss(b))).map_or(0, |entry| entry.epoch)
}

/// A network with all that its optimizer keeps.
struct Trainer<'a, N> {
    network: N,
    tables: Vec<TableState>,
    dense: Vec<DenseState>,
    users: Clock,
    items: Clock,
    adam: Adam,
    step: usize,
    device: &'a Device,
}

impl<'a, N: Network> Trainer<'a, N> {
    fn new(mut network: N, data: &Data<'_>, options: &NetworkOptions, device: &'a Device) -> Self {
        let tables = network.tables_mut().into_iter().map(|table| TableState::take(table, device)).collect();
        let dense = network.dense_mut().into_iter().map(DenseState::track).collect();
        Self {
            network,
            tables,
            dense,
            users: Clock::new(data.n_users),
            items: Clock::new(data.n_items),
            adam: Adam::new(options.learning_rate, options.optimizer),
            step: 0,
            device,
        }
    }

    /// One pass over the rows in `order`; the mean absolute error and mean absolute percentage error of its batches.
    fn epoch(
        &mut self,
        data: &Data<'_>,
        order: &[u32],
        batch_size: usize,
        run: &Run<'_>,
    ) -> Result<(f64, f64), FitError> {
        for table in self.network.tables_mut() {
            hide(table, self.device);
        }
        let mut sums: Option<Tensor<1>> = None;
        for rows in order.chunks(batch_size) {
            if run.progress.interrupted() {
                return Err(FitError::Interrupted);
            }
            let errors = self.step(&data.fit.gather(rows), data.item_features);
            sums = Some(match sums {
                Some(sums) => sums + errors,
                None => errors,
            });
            run.progress.advance(rows.len());
        }
        let sums = sums.map(|sums| read(sums, order.len())).transpose()?;
        Ok(sums.unwrap_or_default())
    }

    /// One batch: forward, backward, update. The batch's errors as `[2]`, summed over its rows.
    fn step(&mut self, batch: &Columns, item_features: Option<&Tensor<2>>) -> Tensor<1> {
        self.step += 1;
        let users = self.users.touch(&batch.users, self.step, &self.adam, self.device);
        let items = self.items.touch(&batch.items, self.step, &self.adam, self.device);
        let touched = |side: Side| -> &Touched {
            match side {
                Side::User => &users,
                Side::Item => &items,
            }
        };
        let rows = self.tables.iter_mut().zip(N::TABLES).map(|(table, &side)| table.read(touched(side))).collect();
        let input = Batch { rows, ..inputs::<N>(batch, item_features, self.device) };
        let targets = column(&batch.targets, self.device);
        let errors = (self.network.forward(input) - targets.clone()).abs();
        let mut gradients = errors.clone().mean().backward();
        for (table, &side) in self.tables.iter_mut().zip(N::TABLES) {
            table.update(touched(side), &mut gradients, self.step, &self.adam);
        }
        for (dense, state) in self.network.dense_mut().into_iter().zip(&mut self.dense) {
            state.update(dense, &mut gradients, self.step, &self.adam);
        }
        sums(errors.inner(), targets)
    }

    /// Catches every row up and puts the tables back into the network, to be looked at; training can go on.
    fn settle(&mut self) {
        let users = self.users.settle(self.step, &self.adam, self.device);
        let items = self.items.settle(self.step, &self.adam, self.device);
        for (table, &side) in self.tables.iter_mut().zip(N::TABLES) {
            let debts = match side {
                Side::User => &users,
                Side::Item => &items,
            };
            if let Some(debts) = debts {
                table.settle(debts);
            }
        }
        for (table, state) in self.network.tables_mut().into_iter().zip(&self.tables) {
            state.show(table);
        }
    }
}

/// Mean absolute error and mean absolute percentage error over the validation rows.
fn validate<N: Network>(network: &N, data: &Data<'_>, device: &Device) -> (f64, f64) {
    let n = data.validation.len();
    let order: Vec<u32> = (0..n as u32).collect();
    let mut total = (0.0, 0.0);
    for rows in order.chunks(VALIDATION_ROWS) {
        let batch = data.validation.gather(rows);
        let targets = column(&batch.targets, device);
        let predicted = predict(network, &batch, data.item_features, device);
        let part = read(sums((predicted - targets.clone()).abs(), targets), n).unwrap_or((f64::NAN, f64::NAN));
        total = (total.0 + part.0, total.1 + part.1);
    }
    total
}

/// Predicted targets of rows, `[n, 1]`, without autodiff.
pub(crate) fn predict<N: Network>(
    network: &N,
    rows: &Columns,
    item_features: Option<&Tensor<2>>,
    device: &Device,
) -> Tensor<2> {
    let users = indices(&rows.users, device);
    let items = indices(&rows.items, device);
    let select = |table: &EmbeddingTable, side: &Side| {
        let index = if *side == Side::User { &users } else { &items };
        table.weight.val().select(0, index.clone())
    };
    let selected = network.tables().into_iter().zip(N::TABLES).map(|(table, side)| select(table, side)).collect();
    network.forward(Batch { rows: selected, ..inputs::<N>(rows, item_features, device) })
}

/// The features and contexts of rows, as far as the network reads them; no embeddings yet.
fn inputs<N: Network>(rows: &Columns, item_features: Option<&Tensor<2>>, device: &Device) -> Batch {
    let contexts = &rows.contexts;
    Batch {
        rows: Vec::new(),
        features: item_features.map(|features| features.clone().select(0, indices(&rows.items, device))),
        contexts: (N::CONTEXTS && contexts.n_columns() > 0).then(|| {
            let shape = [contexts.n_rows(), contexts.n_columns()];
            Tensor::from_data(TensorData::new(contexts.values().to_vec(), shape), device)
        }),
    }
}

/// `[n, 1]`
fn column(values: &[f32], device: &Device) -> Tensor<2> {
    Tensor::from_data(TensorData::new(values.to_vec(), [values.len(), 1]), device)
}

/// `[n]`
pub(crate) fn indices(rows: &[u32], device: &Device) -> Tensor<1, Int> {
    let rows: Vec<i32> = rows.iter().map(|&row| row as i32).collect();
    let n = rows.len();
    Tensor::from_data(TensorData::new(rows, [n]), device)
}

/// The sum of absolute errors and of their shares of the target, `[2]`. Keras divides by at least 1e-7.
fn sums(errors: Tensor<2>, targets: Tensor<2>) -> Tensor<1> {
    let shares = errors.clone() / targets.abs().clamp_min(1e-7);
    Tensor::cat(vec![errors.sum(), shares.sum()], 0)
}

/// The two sums, read from the device, as means over `n` rows; the second in per cent.
fn read(sums: Tensor<1>, n: usize) -> Result<(f64, f64), FitError> {
    let values = sums.into_data().try_into_vec::<f32>();
    let values =
        values.map_err(|error| FitError::Other(format!("the device failed while training: {error}").into()))?;
    Ok((f64::from(values[0]) / n as f64, f64::from(values[1]) / n as f64 * 100.0))
}
