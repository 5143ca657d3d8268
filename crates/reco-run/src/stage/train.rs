//! The stage `train`: trains every approach into a model that stands alone.
//!
//! Does not know any approach: it asks the registry.
//!
//! **Invariant**: one folder and one manifest per approach, which depends on the features, the approach's options, the
//! seed and the device alone, so that a new approach trains nothing but itself. A folder holds all that an answer
//! needs.

use std::cell::OnceCell;
use std::collections::BTreeMap;
use std::error::Error;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Instant;

use reco_core::memory::affordable;
use reco_core::{
    FitError, Interactions, Progress, Requirement, RowGroups, Run, Train, TrainingLog, Weights, check_stars,
};
use reco_data::DataError;
use reco_data::table::{Column, ROW_GROUP, Table, TableWriter};
use reco_features::{Info, StoredDataset};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::evaluate::unmeasurable;
use super::report::from_notes;
use super::{Context, StageEntry, features, notes, own_version};
use crate::artifact::{self, ArtifactConfig};
use crate::checkpoint::{self, Checkpoint};
use crate::experiment::Configured;
use crate::folder::{Folder, Made, write_json};
use crate::manifest::Digests;
use crate::{Experiment, Outcome, RunError, models};

pub(super) const ENTRY: StageEntry = StageEntry {
    name: "train",
    about: "Trains every approach that changed, each into a folder that stands alone",
    example: "  reco train --approach neural --set approach.neural.epochs=3\n  reco train --device cpu --json\n  \
        reco train --set checkpoint.every=5min\n  \
        reco train --set tracking.mlflow=http://127.0.0.1:5000",
    folders: |context| {
        let names = context.experiment.approaches.iter().map(|one| &one.name);
        names.flat_map(|name| ["models", checkpoint::FOLDER].map(|of| context.at(of).join(name))).collect()
    },
    run,
};

/// The bytes from which a training says what it needs before it begins: 1 GiB.
const SAID: u128 = 1 << 30;

/// What a model's manifest notes of its training.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct TrainNotes {
    /// Learned parameters.
    pub(super) n_parameters: usize,
    /// Epochs done; `None` for what is not trained by epochs.
    pub(super) epochs: Option<usize>,
    /// The epoch whose weights were kept.
    pub(super) best_epoch: Option<usize>,
    /// Rows that were learned from.
    pub(super) n_train: usize,
    /// Rows that each epoch was judged by.
    pub(super) n_validation: usize,
    /// Wall time of the whole fit.
    pub(super) train_seconds: f64,
    /// `n_train × epochs / train_seconds`; `None` for what is not trained by epochs.
    pub(super) ratings_per_second: Option<f64>,
}

/// The data set that the approaches learn from; its training rows come into memory for the first that needs them there,
/// and what is asked of them is answered once for all approaches.
struct Data {
    stored: StoredDataset,
    train: OnceCell<Train>,
    without_stars: OnceCell<Option<(usize, usize)>>,
    has_stars: OnceCell<bool>,
    /// Who met what, as the first approach that was trained has it in its folder.
    seen: Option<PathBuf>,
}

impl Data {
    fn open(context: &Context<'_>) -> Result<Self, RunError> {
        Ok(Self {
            stored: StoredDataset::open(&context.at("features"))?,
            train: OnceCell::new(),
            without_stars: OnceCell::new(),
            has_stars: OnceCell::new(),
            seen: None,
        })
    }

    fn train(&self) -> Result<&Train, FitError> {
        once(&self.train, || self.stored.train().collect())
    }

    /// How many rows that an approach for stars would read have none, and of how many; `None` where all have stars.
    fn without_stars(&self) -> Result<Option<(usize, usize)>, FitError> {
        let StoredDataset { fit, validation, fold_in, info, .. } = &self.stored;
        let count = || -> Result<Option<(usize, usize)>, FitError> {
            if !info.unmet.contains(&Requirement::Stars) {
                return Ok(None);
            }
            // A user who was held out whole is answered from the fold-in rows. Rows are read only to be counted.
            for fit in [Some(fit), fold_in.as_ref()].into_iter().flatten() {
                let parts = [Some(fit), validation.as_ref()].into_iter().flatten().map(|part| part as &dyn RowGroups);
                match check_stars(ENTRY.name, &parts.collect::<Vec<_>>()) {
                    Err(FitError::NoStars { n_missing, n_rows, .. }) => return Ok(Some((n_missing, n_rows))),
                    checked => checked?,
                }
            }
            Ok(None)
        };
        once(&self.without_stars, count).copied()
    }

    /// Whether every row to learn from has stars.
    fn has_stars(&self) -> Result<bool, FitError> {
        let StoredDataset { fit, info, .. } = &self.stored;
        let look = || -> Result<bool, FitError> {
            let n_groups = if info.unmet.contains(&Requirement::Stars) { fit.n_groups() } else { 0 };
            for group in 0..n_groups {
                if fit.read(group)?.ratings().iter().any(Option::is_none) {
                    return Ok(false);
                }
            }
            Ok(true)
        };
        once(&self.has_stars, look).copied()
    }
}

/// What is in `cell`, which is made if nothing is.
fn once<T>(cell: &OnceCell<T>, make: impl FnOnce() -> Result<T, FitError>) -> Result<&T, FitError> {
    match cell.get() {
        Some(made) => Ok(made),
        None => {
            let made = make()?;
            Ok(cell.get_or_init(|| made))
        }
    }
}

fn run(context: &Context<'_>) -> Result<Vec<Outcome>, RunError> {
    let (_, inputs) = features::folder(context)?.ready(context, "features")?;
    let mut data = None;
    let mut outcomes = Vec::new();
    // An approach that consists of others takes their weights, and so comes after them.
    let (composite, plain): (Vec<&Configured>, Vec<&Configured>) =
        context.experiment.approaches.iter().partition(|one| !one.approach.parts().is_empty());
    for configured in plain.into_iter().chain(composite) {
        let folder = folder(context, configured, &inputs);
        let outcome = context.work(&folder, Some(&configured.name), |at| {
            let data = match &mut data {
                Some(data) => data,
                none => {
                    let data = none.insert(Data::open(context)?);
                    refuse(context, data)?;
                    data
                }
            };
            let followed = context.tracking.follow(context, configured, &Value::Null)?;
            let made = fit(context, configured, self::folder(context, configured, &inputs), data, at, &followed);
            followed.finish(made)
        })?;
        // Data are there once an approach was trained, and the first of them is this one.
        if let Some(data) = &mut data {
            data.seen.get_or_insert_with(|| folder.path.join(artifact::SEEN));
        }
        checkpoint::remove(context, &configured.name, folder, !outcome.skipped)?;
        outcomes.push(outcome);
    }
    models::after_training(context)?;
    Ok(outcomes)
}

/// Refuses what [`run`] would, unless nothing is left to train.
///
/// # Errors
/// All that the experiment asks for and its data cannot give.
pub(crate) fn refuse_before(context: &Context<'_>) -> Result<(), RunError> {
    let (_, inputs) = features::folder(context)?.ready(context, "features")?;
    let is_trained = |one: &Configured| folder(context, one, &inputs).ready(context, "").is_ok();
    if !context.force && context.experiment.approaches.iter().all(is_trained) {
        return Ok(());
    }
    refuse(context, &Data::open(context)?)
}

/// The experiment of `context`; if nobody listed approaches, with those of the built-in ones that its data can serve.
///
/// # Errors
/// No data set that was made for it.
pub(crate) fn fitting(context: &Context<'_>) -> Result<Experiment, RunError> {
    let mut experiment = context.experiment.clone();
    if !experiment.takes_what_fits {
        return Ok(experiment);
    }
    // The manifest says which requirements the data do not meet, so that no rows are read for it.
    let (manifest, _) = features::folder(context)?.ready(context, "features")?;
    let info: Info = from_notes(&context.at("features"), &manifest.notes)?;
    let fits = |one: &Configured| one.approach.requires().iter().all(|need| !info.unmet.contains(need));
    let (fit, others): (Vec<Configured>, Vec<Configured>) = experiment.approaches.into_iter().partition(fits);
    if !others.is_empty() {
        let names: Vec<&str> = others.iter().map(|one| one.name.as_str()).collect();
        let (which, them) = (names.join("`, `"), names.join(","));
        let note = format!("left out, as these data cannot serve them: `{which}` (`--approach {them}` says why)");
        context.progress.train().note(&note);
    }
    experiment.approaches = fit;
    Ok(experiment)
}

/// What `configured` requires and `data` do not have.
fn unmet(configured: &Configured, data: &Data) -> Result<Vec<String>, RunError> {
    let Configured { name, approach, .. } = configured;
    let StoredDataset { catalogue, fold_in, .. } = &data.stored;
    // Features are of the catalogue: no rows are looked at for them.
    let none = Train { catalogue: Arc::clone(catalogue), fit: Interactions::default(), validation: None };
    let mut unmet = Vec::new();
    for need in approach.requires() {
        let refusal = match need {
            Requirement::KnownUsers if fold_in.is_some() => {
                unmet.push(format!(
                    "`{name}` has no answer for users who are held out whole: it is never trained on them\n\
                     hint: leave it out with `--approach`, or split so that every user is in train, as `per-user-random` \
                     does"
                ));
                continue;
            }
            Requirement::Stars => match data.without_stars() {
                Ok(None) => Ok(()),
                Ok(Some((n_missing, n_rows))) => {
                    Err(FitError::NoStars { approach: approach.name(), n_missing, n_rows })
                }
                Err(error) => Err(error),
            },
            need => need.check(approach.name(), &none),
        };
        match refusal {
            Ok(()) => {}
            Err(error @ (FitError::NoStars { .. } | FitError::NoItemFeatures { .. })) => {
                unmet.push(named(configured, &error.to_string()));
            }
            Err(error) => return Err(stopped(error)),
        }
    }
    Ok(unmet)
}

/// `error`, with the approach's name in front unless that is the name of its kind.
fn named(Configured { name, approach, .. }: &Configured, error: &str) -> String {
    if name == approach.name() { error.to_owned() } else { format!("`{name}`: {error}") }
}

/// Refuses, before anything is trained, all that the experiment asks for and `data` cannot give.
fn refuse(context: &Context<'_>, data: &Data) -> Result<(), RunError> {
    let (experiment, dataset) = (context.experiment, &data.stored);
    let mut refusals: Vec<String> = Vec::new();
    let mut fine: Vec<&str> = Vec::new();
    for configured in &experiment.approaches {
        let before = refusals.len();
        let n_rows = dataset.info.split.n_train;
        let memory = affordable(configured.approach.as_ref(), &dataset.catalogue, n_rows).err();
        refusals.extend(memory.map(|error| named(configured, &error.to_string())));
        refusals.extend(unmet(configured, data)?);
        if refusals.len() == before {
            fine.push(&configured.name);
        }
    }
    if !refusals.is_empty() && !fine.is_empty() {
        refusals.push(format!("hint: the others can: `--approach {}`", fine.join(",")));
    }
    let fold_in = dataset.fold_in.as_ref().map(RowGroups::collect).transpose()?;
    let test = dataset.test.collect()?;
    refusals.extend(unmeasurable(experiment, &dataset.catalogue, &test, &fold_in.unwrap_or_default()));
    if refusals.is_empty() { Ok(()) } else { Err(RunError::Refused(refusals)) }
}

/// The folder of one approach as this experiment requires it.
pub(super) fn folder(context: &Context<'_>, configured: &Configured, inputs: &Digests) -> Folder {
    let experiment = context.experiment;
    let mut versions = own_version();
    versions.extend(reco_models::versions().into_iter().map(|(name, version)| (name.to_owned(), version.to_owned())));
    Folder {
        stage: ENTRY.name,
        version: 7,
        path: context.at("models").join(&configured.name),
        part: json!({
            "name": configured.name,
            "kind": configured.kind,
            "options": configured.approach.options(),
            "device": experiment.device,
        }),
        inputs: inputs.clone(),
        versions,
        seed: experiment.seed,
    }
}

/// The weights of the approach `kind` where this experiment has it trained with these very options.
fn trained(
    context: &Context<'_>,
    (kind, options): (&str, &Value),
    inputs: &Digests,
) -> Result<Option<Weights>, FitError> {
    let same = |one: &&Configured| one.kind == kind && one.approach.options() == *options;
    let found = context.experiment.approaches.iter().find(same).map(|one| folder(context, one, inputs));
    let Some(folder) = found.filter(|folder| folder.ready(context, "").is_ok()) else { return Ok(None) };
    let failed = |error: Box<dyn Error + Send + Sync>| FitError::Other(error);
    let bytes = fs::read(folder.path.join(artifact::WEIGHTS)).map_err(|error| failed(error.into()))?;
    Weights::from_bytes(&bytes).map(Some).map_err(|error| failed(error.into()))
}

fn fit(
    context: &Context<'_>,
    configured: &Configured,
    model: Folder,
    data: &Data,
    at: &Path,
    progress: &dyn Progress,
) -> Result<Made, RunError> {
    let experiment = context.experiment;
    let dataset = &data.stored;
    let n_rows = dataset.info.split.n_train;
    let inputs = model.inputs.clone();
    let checkpoint = Checkpoint::of(context, configured, model, progress)?;
    // The parts of an approach would take each other's states.
    let progress: &dyn Progress = if configured.approach.parts().is_empty() { &checkpoint } else { progress };
    let run = Run { seed: experiment.seed, device: experiment.device, progress };
    let need = affordable(configured.approach.as_ref(), &dataset.catalogue, n_rows)?;
    if need.bytes() >= SAID {
        run.progress.note(&format!("`{}` needs about {need}", configured.name));
    }
    let started = Instant::now();
    let weights = |kind: &str, options: &Value| trained(context, (kind, options), &inputs);
    let fitted = match configured.approach.streams() {
        true => configured.approach.fit_streamed(&dataset.train(), &run),
        false => data.train().and_then(|train| configured.approach.fit_with(train, &run, &weights)),
    };
    let fitted = fitted.map_err(stopped).inspect_err(|error| checkpoint.stopped(error))?;
    let before = checkpoint.seconds_before();
    let seconds = before + started.elapsed().as_secs_f64();
    if run.progress.interrupted() {
        return Err(RunError::Interrupted).inspect_err(|error| checkpoint.stopped(error));
    }

    let config = ArtifactConfig {
        name: configured.name.clone(),
        kind: configured.kind.to_owned(),
        options: configured.approach.options(),
        seed: experiment.seed,
        dataset: dataset.info.dataset.name.clone(),
        has_stars: data.has_stars()?,
    };
    write_json(&at.join(artifact::CONFIG), &config)?;
    let path = at.join(artifact::WEIGHTS);
    fs::write(&path, fitted.save()?.to_bytes()).map_err(RunError::writing(&path))?;
    let catalogue = at.join(artifact::CATALOGUE);
    fs::create_dir(&catalogue).map_err(RunError::writing(&catalogue))?;
    dataset.write_catalogue(&catalogue)?;
    let seen = at.join(artifact::SEEN);
    match &data.seen {
        Some(written) => {
            fs::copy(written, &seen).map_err(RunError::writing(&seen))?;
        }
        None => write_seen(dataset, &seen, run.progress)?,
    }
    if let Some(layers) = fitted.layers() {
        write_json(&at.join(artifact::LAYERS), &layers)?;
    }
    let log = fitted.training().map(|log| TrainingLog { train_seconds: before + log.train_seconds, ..log.clone() });
    if let Some(log) = &log {
        // Times stand in the manifest, so that two trainings leave equal files.
        write_json(&at.join(artifact::HISTORY), &log.epochs)?;
    }
    Ok(Made {
        device: Some(fitted.device()),
        notes: notes(&TrainNotes {
            n_parameters: fitted.n_parameters(),
            epochs: log.as_ref().map(|log| log.epochs.len()),
            best_epoch: log.as_ref().map(|log| log.best_epoch),
            n_train: log.as_ref().map_or(n_rows, |log| log.n_train),
            n_validation: log.as_ref().map_or(0, |log| log.n_validation),
            train_seconds: log.as_ref().map_or(seconds, |log| log.train_seconds),
            ratings_per_second: log.as_ref().map(TrainingLog::ratings_per_second),
        }),
    })
}

/// Reports a request to stop as an interruption, not as a failed training.
fn stopped(error: FitError) -> RunError {
    match error {
        FitError::Interrupted => RunError::Interrupted,
        other => other.into(),
    }
}

/// Writes who met what, held out or not, row by row, so that an artifact can leave it out by itself. Equal for all
/// approaches: it is written for the first that is trained, and copied for the others.
fn write_seen(dataset: &StoredDataset, path: &Path, progress: &dyn Progress) -> Result<(), RunError> {
    let before_test = dataset.validation.iter().chain(&dataset.fold_in).map(|part| (1, part));
    let parts = [(0, &dataset.fit)].into_iter().chain(before_test).chain([(2, &dataset.test)]);
    let mut seen = SeenRows::default();
    let mut writer = TableWriter::create(path, &seen.take(0)?)?;
    for (number, part) in parts {
        for group in 0..part.n_groups() {
            if progress.interrupted() {
                return Err(RunError::Interrupted);
            }
            seen.add(number, &part.read(group)?);
            while seen.users.len() >= ROW_GROUP {
                writer.write(&seen.take(ROW_GROUP)?)?;
            }
        }
    }
    writer.write(&seen.take(seen.users.len())?)?;
    Ok(writer.finish(&BTreeMap::new())?)
}

/// Rows that are not written yet.
#[derive(Default)]
struct SeenRows {
    users: Vec<u32>,
    items: Vec<u32>,
    parts: Vec<u32>,
    targets: Vec<Option<f32>>,
}

impl SeenRows {
    fn add(&mut self, part: u32, rows: &Interactions) {
        self.users.extend(rows.users().iter().map(|user| user.get()));
        self.items.extend(rows.items().iter().map(|item| item.get()));
        self.parts.resize(self.users.len(), part);
        self.targets.extend(rows.targets().iter().map(|target| Some(target.get())));
    }

    /// The first `n` rows, which are then no longer here.
    fn take(&mut self, n: usize) -> Result<Table, DataError> {
        let mut table = Table::new();
        table.push(artifact::SEEN_USER, Column::U32(self.users.drain(..n).collect()))?;
        table.push(artifact::SEEN_ITEM, Column::U32(self.items.drain(..n).collect()))?;
        table.push(artifact::SEEN_PART, Column::U32(self.parts.drain(..n).collect()))?;
        table.push(artifact::SEEN_TARGET, Column::F32(self.targets.drain(..n).collect()))?;
        Ok(table)
    }
}

#[cfg(test)]
mod tests;
