//! The training loop of all networks, as Keras' `fit`: epochs, validation, and the epoch that is kept.
//!
//! Steps are taken by autodiff or fused. Does not know which network it trains.
//!
//! **Invariant**: a network that the fused step cannot express is trained by autodiff, and that is said; the result
//! follows from seed and device alone, however often the training was stopped and went on.

use std::time::Instant;

use burn::tensor::{Device, Tensor};
use reco_core::{Catalogue, EpochLog, FitError, Run, TrainingLog};

use crate::autodiff::{Trainer, predict, read, sums};
use crate::batches::Columns;
use crate::buffers::{Buffer, Epoch, Rows};
use crate::description::{Side, Sizes};
use crate::fused;
use crate::learner::{Learner, Pass};
use crate::network::Network;
use crate::options::{NetworkOptions, TrainingStep, UntrainedRows};
use crate::standing::{Left, Standing};
use crate::tensors::{column, device_failed};

/// Rows that validation scores at a time.
const VALIDATION_ROWS: usize = 8_192;

/// The rows that a network learns from, those that validate it, and what they need.
pub(crate) struct Data<'a> {
    pub(crate) fit: Rows<'a>,
    pub(crate) validation: Rows<'a>,
    /// `[n_items, n_features]`, where the network reads features and there are any.
    pub(crate) item_features: Option<&'a Tensor<2>>,
    pub(crate) catalogue: &'a Catalogue,
    /// What the device is called: another one has other bytes.
    pub(crate) device: &'a str,
}

/// Trains `network`, which holds its initial weights on the first of `devices`.
pub(crate) fn train(
    network: Network,
    data: &Data<'_>,
    options: &NetworkOptions,
    devices: &[Device],
    run: &Run<'_>,
    started: Instant,
) -> Result<(Network, TrainingLog), FitError> {
    let (name, device, n) = (network.name(), &devices[0], data.fit.len());
    let (architecture, batch_size) = (network.architecture().clone(), options.batch_size);
    let mut stand_in = None;
    let mut learner = learner(network, data, options, devices, run)?;
    let left = run.from_checkpoint(name, data.catalogue, |state| {
        Left::take(state, &architecture, (data, device), (options.epochs, batch_size))
    });
    let mut standing = match left {
        Some(left) => left.give(&mut *learner)?,
        None => {
            let log = TrainingLog { n_train: n, n_validation: data.validation.len(), ..TrainingLog::default() };
            Standing::new(Met::new(architecture.sizes), log)
        }
    };
    let stride = if run.progress.checkpoints().is_some() { learner.stride(batch_size) } else { usize::MAX };
    let mut is_first = true;
    let begins = standing.place;
    run.progress.begin(name, options.epochs, n);
    run.progress.skip(begins.epoch.saturating_sub(1).saturating_mul(n).saturating_add(begins.n_rows));
    for epoch in begins.epoch..=options.epochs {
        let (mut number, skipped) = (0, standing.place.n_buffers);
        data.fit.each_buffer(Epoch { approach: name, number: epoch, options, run }, |rows| {
            number += 1;
            if number <= skipped {
                return Ok(());
            }
            if epoch == 1 {
                standing.met.add(rows.columns);
            }
            let mut is_new = std::mem::take(&mut is_first) || rows.is_new;
            let rest = rows.order.get(standing.place.in_buffer..).unwrap_or_default();
            for order in rest.chunks(stride) {
                run.keep_if_due(|| standing.state(name, &mut *learner, data));
                let rows = Buffer { order, is_new: std::mem::take(&mut is_new), ..rows };
                let pass = Pass { rows, item_features: data.item_features, batch_size, sums: standing.sums[1] };
                let sums = learner.pass(pass, run)?;
                standing.advance(order.len(), sums);
            }
            standing.end_buffer();
            Ok(())
        })?;
        let stand_in = stand_in.get_or_insert_with(|| StandIn::new(&standing.met, options.untrained_rows, device));
        let [train_loss, share] = standing.sums[0].map(|sum| sum / n as f64);
        let train_mape = share * 100.0;
        let current = (data.validation.len() > 0).then(|| learner.network());
        let judged = current
            .as_ref()
            .map(|network| validate(&stand_in.placed(network.clone()), data, device, run))
            .transpose()?;
        let entry = EpochLog {
            epoch,
            train_loss,
            train_mape: Some(train_mape),
            validation_loss: judged.map(|(loss, _)| loss),
            validation_mape: judged.map(|(_, mape)| mape),
            validation_ndcg: None,
        };
        run.progress.epoch(&entry);
        standing.log.epochs.push(entry);
        if let Some(loss) =
            [Some(train_loss), judged.map(|(loss, _)| loss)].into_iter().flatten().find(|x| !x.is_finite())
        {
            return Err(FitError::Diverged { approach: name, epoch, loss });
        }
        standing.log.best_epoch = epoch;
        if options.patience > 0 && judged.is_some() {
            let best_epoch = best_epoch(&standing.log);
            standing.log.best_epoch = best_epoch;
            if best_epoch == epoch {
                standing.best = current;
            }
            if epoch - best_epoch >= options.patience {
                break;
            }
        }
        standing.end_epoch();
    }
    run.progress.end();
    let network = match standing.best.take() {
        Some(network) => network,
        None => learner.network(),
    };
    // Its moments are as large as the network, twice.
    drop(learner);
    let network = match &stand_in {
        Some(stand_in) => stand_in.placed(network),
        None => network,
    };
    device.sync().map_err(|error| device_failed(&error))?;
    let train_seconds = started.elapsed().as_secs_f64();
    Ok((network, TrainingLog { train_seconds, ..standing.log }))
}

/// Fused steps where the options ask for them and they can train the network; else autodiff.
fn learner<'a>(
    network: Network,
    data: &Data<'_>,
    options: &NetworkOptions,
    devices: &'a [Device],
    run: &Run<'_>,
) -> Result<Box<dyn Learner + 'a>, FitError> {
    if options.training_step == TrainingStep::Fused {
        match fused::learner(&network, (data.item_features, data.fit.longest(options)), options, &devices[0])? {
            Ok(learner) => return Ok(learner),
            Err(reason) => {
                let name = network.name();
                run.progress.note(&format!("`{name}` is trained by autodiff, which is slower: {reason}"));
            }
        }
    }
    Ok(Box::new(Trainer::new(network, options, devices)))
}

/// Whom and what the training rows have: 1 for a row of the tables that was met, else 0.
pub(crate) struct Met {
    pub(crate) users: Vec<f32>,
    pub(crate) items: Vec<f32>,
}

impl Met {
    fn new(sizes: Sizes) -> Self {
        Self { users: vec![0.0; sizes.n_users], items: vec![0.0; sizes.n_items] }
    }

    fn add(&mut self, columns: &Columns) {
        columns.users.iter().for_each(|&user| self.users[user as usize] = 1.0);
        columns.items.iter().for_each(|&item| self.items[item as usize] = 1.0);
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
    fn new(met: &Met, rows: UntrainedRows, device: &Device) -> Self {
        let untrained = |met: &[f32]| {
            let n_trained = met.iter().filter(|&&one| one > 0.0).count();
            (rows == UntrainedRows::Mean && n_trained < met.len())
                .then(|| Untrained { trained: column(met, device), n_trained })
        };
        Self { users: untrained(&met.users), items: untrained(&met.items) }
    }

    /// `network` with the mean of trained rows in the place of each untrained one.
    fn placed(&self, mut network: Network) -> Network {
        let sides: Vec<Side> = network.architecture().towers.iter().map(|tower| tower.side).collect();
        for (table, side) in network.tables_mut().iter_mut().zip(sides) {
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

/// Mean absolute error and mean absolute percentage error over the validation rows.
fn validate(network: &Network, data: &Data<'_>, device: &Device, run: &Run<'_>) -> Result<(f64, f64), FitError> {
    let n = data.validation.len() as f64;
    let mut total = (0.0, 0.0);
    data.validation.each_in_order(|columns| {
        let order: Vec<u32> = (0..columns.len() as u32).collect();
        for rows in order.chunks(VALIDATION_ROWS) {
            if run.progress.interrupted() {
                return Err(FitError::Interrupted);
            }
            let batch = columns.gather(rows);
            let targets = column(&batch.targets, device);
            let predicted = predict(network, &batch, data.item_features, device);
            let [error, share] = read(sums((predicted - targets.clone()).abs(), targets))?;
            total = (total.0 + error / n, total.1 + share / n * 100.0);
        }
        Ok(())
    })?;
    Ok(total)
}

#[cfg(test)]
mod tests {
    use burn::module::{Module, ModuleMapper, Param, ParamId};
    use burn::tensor::{DeviceKind, TensorData};
    use reco_core::testing::{Feedback, checkerboard, left_out};
    use reco_core::{DeviceChoice, Silent};

    use super::*;
    use crate::adam::Adam;
    use crate::approach::NetworkApproach;
    use crate::batches::shuffled;
    use crate::buffers::Buffer;
    use crate::description::{Architecture, Dense, Description, Input};
    use crate::device::ComputeDevice;
    use crate::fitted::item_features;
    use crate::modules::Initial;
    use crate::optimizer::adam_step;
    use crate::{NETWORKS, OptimizerKind, TrainingStep, neural, two_tower};

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

    /// Ratings of a checkerboard, and what training a network on them needs.
    struct World {
        columns: Columns,
        architecture: Architecture,
        features: Option<Tensor<2>>,
        options: NetworkOptions,
        device: Device,
    }

    impl World {
        fn new(description: &Description, device: &Device) -> Self {
            let train = checkerboard(24, Feedback::Stars).train;
            let options = NetworkOptions { batch_size: 50, learning_rate: 0.01, ..NetworkOptions::default() };
            let architecture = description.over(Sizes::of(&train.catalogue, 8));
            Self {
                columns: Columns::of(&train.fit, 0..train.fit.len()),
                features: item_features(&architecture, &train.catalogue, device),
                architecture,
                options: NetworkOptions { optimizer: OptimizerKind::Adam, ..options },
                device: device.clone(),
            }
        }

        fn init(&self) -> Network {
            Network::init(self.architecture.clone(), &mut Initial::new(11, &self.device))
        }
    }

    /// The losses of the trainer on `devices`.
    fn trained(description: &Description, devices: &[Device]) -> Vec<f64> {
        let world = World::new(description, &devices[0]);
        let run = Run { seed: 9, device: DeviceChoice::Cpu, progress: &Silent };
        let mut trainer = Trainer::new(world.init(), &world.options, devices);
        let mut losses = Vec::new();
        for epoch in 1..=EPOCHS {
            let order = shuffled(world.columns.len(), run.seed, epoch);
            let rows = Buffer { columns: &world.columns, order: &order, is_new: epoch == 1 };
            let item_features = world.features.as_ref();
            let pass = Pass { rows, item_features, batch_size: world.options.batch_size, sums: [0.0; 2] };
            losses.push(trainer.pass(pass, &run).unwrap()[0] / world.columns.len() as f64);
            trainer.network();
        }
        losses
    }

    /// Those of a plain loop in which whole tables take part in autodiff.
    fn plain(description: &Description) -> Vec<f64> {
        let World { columns, features, options, device, .. } = &World::new(description, &Device::flex());
        let adam = Adam::new(options.learning_rate, options.optimizer);
        let mut moments = std::collections::BTreeMap::new();
        let mut network = World::new(description, device).init().train().set_require_grad(true);
        let (mut losses, mut step) = (Vec::new(), 0);
        for epoch in 1..=EPOCHS {
            let order = shuffled(columns.len(), 9, epoch);
            let mut sum = 0.0;
            for rows in order.chunks(options.batch_size) {
                step += 1;
                let batch = columns.gather(rows);
                let predicted = predict(&network, &batch, features.as_ref(), device);
                let errors = (predicted - column(&batch.targets, device)).abs();
                sum += f64::from(errors.clone().inner().sum().into_scalar::<f32>());
                let gradients = errors.mean().backward();
                let mut mapper = PlainAdam { gradients, moments: &mut moments, rate: adam.rate(step), moved: 0 };
                network = network.map(&mut mapper);
                assert!(mapper.moved >= network.tables().len() + 2);
            }
            losses.push(sum / columns.len() as f64);
        }
        losses
    }

    #[test]
    fn every_network_learns_as_a_plain_loop_does() {
        for description in NETWORKS.iter().chain([&two_tower::NETWORK]) {
            let name = description.name;
            let (ours, plain) = (trained(description, &[Device::flex()]), plain(description));
            for (a, b) in ours.iter().zip(&plain) {
                assert!((a / b - 1.0).abs() < 1e-4, "{name}: {ours:?} and {plain:?}");
            }
            assert!(ours[EPOCHS - 1] < 0.9 * ours[0], "{name} learns: {ours:?}");
        }
    }

    /// Burn's flex is one device, so that it stands for several here; of wgpu's software driver the default adapter and
    /// the one asked for by its kind are two devices, between which tensors are moved.
    #[test]
    fn several_devices_learn_as_one_does() {
        let mut several = vec![vec![Device::flex(); 2], vec![Device::flex(); 3]];
        let has_software = crate::devices().iter().any(|device| device.backend == "vulkan" && device.kind == "cpu");
        match ComputeDevice::find(DeviceChoice::Wgpu) {
            Ok(wgpu) if has_software => several.push(vec![wgpu.device, Device::wgpu(DeviceKind::Cpu)]),
            _ => left_out("two devices of wgpu: there is no software driver: Debian's `mesa-vulkan-drivers` is one"),
        }
        for devices in several {
            // A software driver is slow, and the hybrid has all that a network can have.
            let networks = if devices[0] == Device::flex() { NETWORKS } else { &NETWORKS[2..] };
            for description in networks {
                let ours = trained(description, &devices);
                assert_eq!(ours, trained(description, &devices), "{}: it repeats itself", description.name);
                let one = trained(description, &devices[..1]);
                for (a, b) in ours.iter().zip(&one) {
                    assert!((a / b - 1.0).abs() < 1e-5, "{} on {}: {ours:?}, {one:?}", description.name, devices.len());
                }
            }
        }
    }

    #[test]
    fn more_devices_than_there_are_is_an_error() {
        let train = checkerboard(12, Feedback::Stars).train;
        let options = NetworkOptions { devices: 2, training_step: TrainingStep::Plain, ..NetworkOptions::default() };
        let run = Run { seed: 3, device: DeviceChoice::Cpu, progress: &Silent };
        let error =
            NetworkApproach { description: &neural::NETWORK, options: &options }.fit(&train, &run).err().unwrap();
        assert_eq!(
            error.to_string(),
            "`devices` is `2` and this machine has `1` of the kind of `cpu (flex)`\nhint: lower `devices`, or choose \
             another `device`; `reco doctor` lists those that there are"
        );
    }

    /// Keeps what it is told.
    #[derive(Default)]
    struct Notes(std::sync::Mutex<Vec<String>>);

    impl reco_core::Progress for Notes {
        fn note(&self, text: &str) {
            self.0.lock().unwrap().push(text.to_owned());
        }
    }

    #[test]
    fn what_the_fused_step_cannot_express_is_trained_by_autodiff_and_said() {
        // One tower of users, read by the product and by the layer.
        const SHARED: Description = Description {
            layers: &[Dense { inputs: &[Input::Users("cf_xusers_emb"), Input::Features], ..neural::DENSE }],
            name: "shared",
            ..neural::NETWORK
        };
        let train = checkerboard(12, Feedback::Stars).train;
        let trained = |description: &'static Description, training_step| {
            let options = NetworkOptions { epochs: 3, training_step, ..NetworkOptions::default() };
            let notes = Notes::default();
            let run = Run { seed: 3, device: DeviceChoice::Cpu, progress: &notes };
            let fitted = NetworkApproach { description, options: &options }.fit(&train, &run).unwrap();
            let losses: Vec<f64> = fitted.training().unwrap().epochs.iter().map(|epoch| epoch.train_loss).collect();
            (losses, notes.0.into_inner().unwrap())
        };
        let [(fused, notes), (plain, silence)] =
            [TrainingStep::Fused, TrainingStep::Plain].map(|step| trained(&SHARED, step));
        assert_eq!(fused, plain);
        let expected = "`shared` is trained by autodiff, which is slower: two branches read the tower `cf_xusers_emb`";
        assert_eq!((notes, silence), (vec![expected.to_owned()], Vec::new()));
        assert_eq!(trained(&neural::NETWORK, TrainingStep::Fused).1, Vec::<String>::new());
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
}
