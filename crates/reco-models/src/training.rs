//! The training loop of all networks: mean absolute error, as Keras' `fit`.
//!
//! Does not know which network it trains.
//!
//! **Invariant**: nothing is read back from the device within an epoch; the result follows from seed and device alone.

use std::fmt::Display;
use std::time::Instant;

use burn::tensor::{Device, Int, Tensor, TensorData};
use reco_core::{EpochLog, FitError, Run, TrainingLog};

use crate::batches::{Columns, shuffled};
use crate::fused::Fused;
use crate::modules::EmbeddingTable;
use crate::network::{Batch, Network, Side};
use crate::optimizer::{Adam, Clock, DenseState, TableState, Touched, hide};
use crate::options::{NetworkOptions, Shuffle, TrainingStep, UntrainedRows};

/// Rows that validation scores at a time.
const VALIDATION_ROWS: usize = 8_192;

/// The rows that a network learns from, those that validate it, and what they need.
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
    let mut learner = Learner::new(network, data, options, device)?;
    let mut log =
        TrainingLog { n_train: data.fit.len(), n_validation: data.validation.len(), ..TrainingLog::default() };
    let stand_in = StandIn::new(data, options.untrained_rows, device);
    let mut best: Option<(f64, N)> = None;
    run.progress.begin(N::NAME, options.epochs, data.fit.len());
    for epoch in 1..=options.epochs {
        let order = match options.shuffle {
            Shuffle::EveryEpoch => shuffled(data.fit.len(), run.seed, epoch),
            Shuffle::Once => shuffled(data.fit.len(), run.seed, 1),
        };
        let (train_loss, train_mape) = learner.epoch(data, &order, options.batch_size, run)?;
        let current = (data.validation.len() > 0).then(|| learner.network());
        let judged = current
            .as_ref()
            .map(|network| validate(&stand_in.placed(network.clone()), data, device, run))
            .transpose()?;
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
                best = current.map(|network| (loss, network));
            }
            log.best_epoch = best_epoch(&log);
            if epoch - log.best_epoch >= options.patience {
                break;
            }
        }
    }
    run.progress.end();
    let network = match best {
        Some((_, network)) => network,
        None => learner.network(),
    };
    let network = stand_in.placed(network);
    device.sync().map_err(|error| device_failed(&error))?;
    log.train_seconds = started.elapsed().as_secs_f64();
    Ok((network, log))
}

/// The two ways to take a training step.
enum Learner<'a, N> {
    /// By autodiff, on any device: the definition.
    Plain(Box<Trainer<'a, N>>),
    /// By the fused step.
    Fused { network: Box<N>, fused: Fused, device: &'a Device },
}

impl<'a, N: Network> Learner<'a, N> {
    fn new(mut network: N, data: &Data<'_>, options: &NetworkOptions, device: &'a Device) -> Result<Self, FitError> {
        if options.training_step == TrainingStep::Fused
            && let Some(fused) = Fused::new(&mut network, data, options, device)?
        {
            return Ok(Self::Fused { network: Box::new(network), fused, device });
        }
        Ok(Self::Plain(Box::new(Trainer::new(network, data, options, device))))
    }

    /// One pass over the rows in `order`; the mean absolute error and mean absolute percentage error of its batches.
    fn epoch(
        &mut self,
        data: &Data<'_>,
        order: &[u32],
        batch_size: usize,
        run: &Run<'_>,
    ) -> Result<(f64, f64), FitError> {
        match self {
            Self::Plain(trainer) => trainer.epoch(data, order, batch_size, run),
            Self::Fused { fused, .. } => fused.epoch(data.fit, order, batch_size, run),
        }
    }

    /// The network as it stands, every row up to date; training can go on.
    fn network(&mut self) -> N {
        match self {
            Self::Plain(trainer) => {
                trainer.settle();
                trainer.network.valid()
            }
            Self::Fused { network, fused, device } => {
                fused.write(network.as_mut(), device);
                N::clone(network)
            }
        }
    }
}

/// Replaces the rows of embedding tables that no training row has.
struct StandIn {
    users: Option<Untrained>,
    items: Option<Untrained>,
}

/// Which rows of one side's tables no training row has.
struct Untrained {
    /// `[n_rows, 1]`: 1 for a row that was trained, else 0.
    trained: Tensor<2>,
    n_trained: usize,
}

impl StandIn {
    fn new(data: &Data<'_>, rows: UntrainedRows, device: &Device) -> Self {
        let untrained = |n_rows: usize, met: &[u32]| {
            let mut trained = vec![0.0; n_rows];
            met.iter().for_each(|&row| trained[row as usize] = 1.0);
            let n_trained = trained.iter().filter(|&&one| one > 0.0).count();
            (rows == UntrainedRows::Mean && n_trained < n_rows)
                .then(|| Untrained { trained: column(&trained, device), n_trained })
        };
        Self { users: untrained(data.n_users, &data.fit.users), items: untrained(data.n_items, &data.fit.items) }
    }

    /// `network` with the mean of trained rows in the place of each untrained one.
    fn placed<N: Network>(&self, mut network: N) -> N {
        for (table, &side) in network.tables_mut().into_iter().zip(N::TABLES) {
            let untrained = if side == Side::User { &self.users } else { &self.items };
            if let Some(Untrained { trained, n_trained }) = untrained {
                let place = |rows: Tensor<2>| {
                    let kept = rows * trained.clone();
                    let mean = kept.clone().sum_dim(0) / *n_trained as f64;
                    kept + mean * (trained.clone() * -1.0 + 1.0)
                };
                table.weight = table.weight.clone().map(place);
            }
        }
        network
    }
}

/// The first epoch with the lowest validation loss.
fn best_epoch(log: &TrainingLog) -> usize {
    let loss = |entry: &&EpochLog| entry.validation_loss.unwrap_or(f64::INFINITY);
    log.epochs.iter().min_by(|a, b| loss(a).total_cmp(&loss(b))).map_or(0, |entry| entry.epoch)
}

/// A network with all that its optimizer keeps.
pub(crate) struct Trainer<'a, N> {
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
    pub(crate) fn new(mut network: N, data: &Data<'_>, options: &NetworkOptions, device: &'a Device) -> Self {
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
    pub(crate) fn epoch(
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

    /// One batch: forward, backward, update. Returns the batch's errors as `[2]`, summed over its rows.
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

    /// Brings every row up to date and puts the tables back into the network; training can go on.
    pub(crate) fn settle(&mut self) {
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
fn validate<N: Network>(network: &N, data: &Data<'_>, device: &Device, run: &Run<'_>) -> Result<(f64, f64), FitError> {
    let n = data.validation.len();
    let order: Vec<u32> = (0..n as u32).collect();
    let mut total = (0.0, 0.0);
    for rows in order.chunks(VALIDATION_ROWS) {
        if run.progress.interrupted() {
            return Err(FitError::Interrupted);
        }
        let batch = data.validation.gather(rows);
        let targets = column(&batch.targets, device);
        let predicted = predict(network, &batch, data.item_features, device);
        let part = read(sums((predicted - targets.clone()).abs(), targets), n).unwrap_or((f64::NAN, f64::NAN));
        total = (total.0 + part.0, total.1 + part.1);
    }
    Ok(total)
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

/// A tensor's numbers, read from its device.
pub(crate) fn numbers<const D: usize>(tensor: Tensor<D>) -> Result<Vec<f32>, FitError> {
    tensor.into_data().try_into_vec::<f32>().map_err(|error| device_failed(&error))
}

/// The error of a training whose device fails.
pub(crate) fn device_failed(error: &impl Display) -> FitError {
    FitError::Other(format!("the device failed while training: {error}").into())
}

/// The two sums, read from the device, as means over `n` rows; the second in per cent.
fn read(sums: Tensor<1>, n: usize) -> Result<(f64, f64), FitError> {
    let values = numbers(sums)?;
    Ok((f64::from(values[0]) / n as f64, f64::from(values[1]) / n as f64 * 100.0))
}

#[cfg(test)]
mod tests {
    use burn::module::{ModuleMapper, Param, ParamId};
    use reco_core::testing::{Feedback, checkerboard};
    use reco_core::{DeviceChoice, Silent};

    use super::*;
    use crate::device::ComputeDevice;
    use crate::fitted::{item_features, sizes};
    use crate::modules::Initial;
    use crate::optimizer::adam_step;
    use crate::{Collaborative, Hybrid, Neural, OptimizerKind};

    const EPOCHS: usize = 4;

    /// Textbook Adam over every parameter of a module, embedding tables included.
    struct PlainAdam<'a> {
        gradients: burn::tensor::Gradients,
        moments: &'a mut std::collections::BTreeMap<ParamId, [Vec<f32>; 2]>,
        rate: f64,
        moved: usize,
    }

    impl ModuleMapper for PlainAdam<'_> {
        fn map_float<const D: usize>(&mut self, param: Param<Tensor<D>>) -> Param<Tensor<D>> {
            let (id, tensor, _) = param.consume();
            let gradient = tensor.grad_remove(&mut self.gradients).expect("every parameter has a gradient");
            let (device, shape) = (gradient.device(), gradient.shape());
            let zeros = || vec![0.0; shape.num_elements()];
            let [m, v] = self.moments.entry(id).or_insert_with(|| [zeros(), zeros()]).clone();
            let read = |values: Vec<f32>| Tensor::<D>::from_data(TensorData::new(values, shape.clone()), &device);
            let [w, m, v] = adam_step([tensor.inner(), read(m), read(v)], gradient, self.rate);
            let write = |tensor: Tensor<D>| tensor.into_data().try_into_vec::<f32>().unwrap();
            self.moments.insert(id, [write(m), write(v)]);
            self.moved += 1;
            Param::initialized(id, Tensor::from_inner(w).require_grad())
        }
    }

    /// The losses of the trainer, and those of a plain loop in which whole tables take part in autodiff.
    fn both<N: Network>() -> [Vec<f64>; 2] {
        let train = checkerboard(24, Feedback::Stars).train;
        let device = ComputeDevice::cpu();
        let columns = Columns::of(&train.fit, 0..train.fit.len());
        let options = NetworkOptions { batch_size: 50, learning_rate: 0.01, ..NetworkOptions::default() };
        let options = NetworkOptions { optimizer: OptimizerKind::Adam, ..options };
        let sizes = sizes(&train.catalogue, 8);
        let features = item_features::<N>(&train.catalogue, &device);
        let init = || N::init(&sizes, &mut Initial::new(11, &device.device));
        let run = Run { seed: 9, device: DeviceChoice::Cpu, progress: &Silent };
        let data = Data {
            fit: &columns,
            validation: &Columns::default(),
            n_users: sizes.n_users,
            n_items: sizes.n_items,
            item_features: features.as_ref(),
        };

        let mut trainer = Trainer::new(init(), &data, &options, &device.device);
        let mut ours = Vec::new();
        for epoch in 1..=EPOCHS {
            let order = shuffled(columns.len(), run.seed, epoch);
            ours.push(trainer.epoch(&data, &order, options.batch_size, &run).unwrap().0);
            trainer.settle();
        }

        let adam = Adam::new(options.learning_rate, options.optimizer);
        let mut moments = std::collections::BTreeMap::new();
        let mut network = init().train().set_require_grad(true);
        let (mut plain, mut step) = (Vec::new(), 0);
        for epoch in 1..=EPOCHS {
            let order = shuffled(columns.len(), run.seed, epoch);
            let mut sum = 0.0;
            for rows in order.chunks(options.batch_size) {
                step += 1;
                let batch = columns.gather(rows);
                let predicted = predict(&network, &batch, features.as_ref(), &device.device);
                let errors = (predicted - column(&batch.targets, &device.device)).abs();
                sum += f64::from(errors.clone().inner().sum().into_scalar::<f32>());
                let gradients = errors.mean().backward();
                let mut mapper = PlainAdam { gradients, moments: &mut moments, rate: adam.rate(step), moved: 0 };
                network = network.map(&mut mapper);
                assert!(mapper.moved >= N::TABLES.len() + 2);
            }
            plain.push(sum / columns.len() as f64);
        }
        [ours, plain]
    }

    fn agree<N: Network>() {
        let [ours, plain] = both::<N>();
        for (a, b) in ours.iter().zip(&plain) {
            assert!((a / b - 1.0).abs() < 1e-4, "{}: {ours:?} and {plain:?}", N::NAME);
        }
        assert!(ours[EPOCHS - 1] < 0.9 * ours[0], "{} learns: {ours:?}", N::NAME);
    }

    /// Scores of all items for the first two users, of a hybrid that never met these users nor the last four items.
    fn strangers(untrained_rows: &str) -> Vec<Vec<f32>> {
        let board = checkerboard(12, Feedback::Stars).train;
        let known = |row: &usize| board.fit.users()[*row].index() >= 2 && board.fit.items()[*row].index() < 8;
        let rows: Vec<usize> = (0..board.fit.len()).filter(known).collect();
        let train = reco_core::Train { fit: board.fit.select(&rows), ..board };
        let options = serde_json::json!({ "epochs": 30, "learning_rate": 0.01, "untrained_rows": untrained_rows });
        let entry = crate::APPROACHES.iter().find(|entry| entry.name == "hybrid").unwrap();
        let run = Run { seed: 3, device: DeviceChoice::Cpu, progress: &Silent };
        let fitted = (entry.configure)(&options).unwrap().fit(&train, &run).unwrap();
        let query = |user| reco_core::Query {
            who: reco_core::Who::Known(train.catalogue.users.at(user).unwrap()),
            context: &[],
            candidates: reco_core::Candidates::AllExcept(reco_core::Seen::NOTHING),
        };
        let mut scores = reco_core::Scores::new();
        fitted.score(&[query(0), query(1)], &mut scores).unwrap();
        vec![scores.row(0).to_vec(), scores.row(1).to_vec()]
    }

    #[test]
    fn who_was_never_met_is_scored_as_the_average_and_what_was_never_rated_by_its_features() {
        let scores = strangers("mean");
        assert_eq!(scores[0], scores[1], "two users whom no training row has");
        assert_eq!((scores[0][8], scores[0][9]), (scores[0][10], scores[0][11]), "items of equal features");
        assert!((scores[0][8] - scores[0][9]).abs() > 1e-4, "items of different features: {:?}", scores[0]);
        let noise = strangers("initial");
        assert!(noise[0] != noise[1] && noise[0][8] != noise[0][10], "as Keras leaves it, it is noise");
    }

    #[test]
    fn collaborative_learns_as_a_plain_loop_does() {
        agree::<Collaborative>();
    }

    #[test]
    fn neural_learns_as_a_plain_loop_does() {
        agree::<Neural>();
    }

    #[test]
    fn hybrid_learns_as_a_plain_loop_does() {
        agree::<Hybrid>();
    }
}
