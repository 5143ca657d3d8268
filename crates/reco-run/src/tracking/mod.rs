//! Follows the training and the evaluation of models in the tools that teams have: one run a model.
//!
//! A tool is a [`Tracker`]: TensorBoard's event files, or a server of MLflow. It is told what trainers report through
//! [`Progress`] anyway, and what stages note. Does not know how a tool keeps it.
//!
//! **Invariant**: nothing that a tool does changes a result or ends the work. What is missing when a run begins is an
//! error before any work; what fails later is said once for each tool.

mod error;
mod mlflow;
mod records;
mod rest;
mod tensorboard;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};

use reco_core::{Checkpoints, EpochLog, Progress};
use reco_eval::Evaluation;
use reco_features::Info;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

pub use error::TrackingError;

use self::mlflow::Mlflow;
use self::rest::Environment;
use self::tensorboard::TensorBoard;
use crate::experiment::Configured;
use crate::folder::Made;
use crate::manifest::Manifest;
use crate::stage::{Context, from_notes, notes};
use crate::{Experiment, RunError};

/// The table `[tracking]` of an experiment; what is not stated, or empty, is off.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct TrackingConfig {
    /// The folder of TensorBoard's event files, from where the command runs; each model's run is a folder in it.
    pub tensorboard: Option<String>,
    /// The address of a server of MLflow; `env` for that in `MLFLOW_TRACKING_URI`.
    pub mlflow: Option<String>,
    /// What both call the experiment; its own name unless stated.
    pub experiment: Option<String>,
}

/// The key of a model's notes under which the ids of its runs stand, by tool.
const NOTED: &str = "tracked";

/// A tool in which models are followed.
trait Tracker: Send + Sync {
    /// Its key in `[tracking]`.
    fn key(&self) -> &'static str;

    /// What failed in it.
    fn problems(&self) -> &Problems;

    /// The run of a model: the one that the tool calls `known`, if it still has it, else a new one. `None` once the
    /// tool is given up.
    fn open(&self, model: &Subject, known: Option<&str>) -> Option<Box<dyn TrackedRun>>;
}

/// The run of one model in one tool. What fails goes to the tool's [`Problems`].
trait TrackedRun: Send {
    /// Takes numbers by their names, at a step.
    fn numbers(&mut self, step: usize, numbers: &[(String, f64)]);

    /// Ends it; gives its id, if the tool has it. `device` is what the model was computed on; `progress` says whether
    /// someone asks to stop.
    fn end(self: Box<Self>, end: End, device: Option<&str>, progress: &dyn Progress) -> Option<String>;
}

/// How the work on a model ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum End {
    Finished,
    Failed,
    Killed,
}

/// A model, as tools are told of it.
struct Subject {
    /// `neural`, or `split.fold=3/neural`
    name: String,
    /// Options, seed, data, versions.
    parameters: BTreeMap<String, Value>,
    /// Where the model lies, or is to lie.
    folder: PathBuf,
    /// The command line, if it is known.
    command: String,
}

impl Subject {
    fn of(context: &Context<'_>, configured: &Configured) -> Result<Self, RunError> {
        let (experiment, features) = (context.experiment, context.at("features"));
        let manifest = Manifest::read(&features, "`reco features` makes it")?;
        let info: Info = from_notes(&features, &manifest.notes)?;
        let folder = context.at("models").join(&configured.name);
        let mut parameters = BTreeMap::new();
        flatten(String::new(), configured.approach.options(), &mut parameters);
        let others = json!({
            "approach": configured.kind,
            "seed": experiment.seed,
            "device": experiment.device,
            "split": experiment.split.kind,
            "dataset": info.dataset.name,
            "dataset_digest": manifest.identity(),
            "reco_version": env!("CARGO_PKG_VERSION"),
        });
        flatten(String::new(), others, &mut parameters);
        Ok(Self {
            name: context.repetition.map_or_else(String::new, |label| format!("{label}/")) + &configured.name,
            parameters,
            folder: std::path::absolute(&folder).unwrap_or(folder),
            command: context.command.to_owned(),
        })
    }
}

/// Adds the fields of `value` by their paths, `negatives.n`; a list as its JSON.
fn flatten(name: String, value: Value, into: &mut BTreeMap<String, Value>) {
    match value {
        Value::Object(fields) => {
            for (key, value) in fields {
                flatten(if name.is_empty() { key } else { format!("{name}.{key}") }, value, into);
            }
        }
        Value::Null => {}
        list @ Value::Array(_) => drop(into.insert(name, list.to_string().into())),
        one => drop(into.insert(name, one)),
    }
}

/// The numbers of a table, each named after its key and `prefix`.
fn numbers_of(prefix: &str, table: &Value) -> Vec<(String, f64)> {
    let fields = table.as_object().into_iter().flatten();
    fields.filter_map(|(key, value)| Some((format!("{prefix}/{key}"), value.as_f64()?))).collect()
}

/// What failed in a tool: the first of each kind is said.
#[derive(Default)]
struct Problems(Mutex<Vec<Found>>);

struct Found {
    kind: Kind,
    what: String,
    is_said: bool,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    /// It may work later.
    Passing,
    /// Something is lost.
    Refused,
    /// Nothing more goes to the tool.
    GivenUp,
}

impl Problems {
    fn found(&self) -> MutexGuard<'_, Vec<Found>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn add(&self, kind: Kind, what: String) {
        let mut found = self.found();
        if found.iter().all(|one| one.kind != kind) {
            found.push(Found { kind, what, is_said: false });
        }
    }

    fn are_final(&self) -> bool {
        self.found().iter().any(|one| one.kind == Kind::GivenUp)
    }

    /// What is still to be said.
    fn unsaid(&self) -> Vec<String> {
        let mut found = self.found();
        let unsaid = found.iter_mut().filter(|one| !one.is_said);
        unsaid
            .map(|one| {
                one.is_said = true;
                one.what.clone()
            })
            .collect()
    }
}

/// The tools of a run.
#[derive(Default)]
pub(crate) struct Tracking {
    tools: Vec<Box<dyn Tracker>>,
}

/// No tools.
pub(crate) static NOT_TRACKED: Tracking = Tracking { tools: Vec::new() };

impl Tracking {
    /// The tools that `experiment` asks for; `replaced` are the folders that a run of it replaces.
    ///
    /// # Errors
    /// A folder that cannot be made, or is in the way of those; a server that does not answer, or says no.
    pub(crate) fn start(
        experiment: &Experiment,
        replaced: impl IntoIterator<Item = PathBuf>,
    ) -> Result<Self, TrackingError> {
        let TrackingConfig { tensorboard, mlflow, experiment: name } = &experiment.tracking;
        let name = stated(name).unwrap_or(&experiment.name);
        let tensorboard = stated(tensorboard).map(|folder| TensorBoard::new(Path::new(folder), name));
        if let Some(tensorboard) = &tensorboard {
            tensorboard.refuse_beside(replaced)?;
        }
        let mut tools: Vec<Box<dyn Tracker>> = Vec::new();
        if let Some(address) = stated(mlflow) {
            tools.push(Box::new(Mlflow::connect(address, name, Environment::read())?));
        }
        // Last, so that nothing is made where a server is missing.
        if let Some(tensorboard) = tensorboard {
            tensorboard.make()?;
            tools.push(Box::new(tensorboard));
        }
        Ok(Self { tools })
    }

    /// Follows the work on a model, which goes on in the runs `known` by tool, where there are any.
    ///
    /// # Errors
    /// No data set.
    pub(crate) fn follow<'a>(
        &'a self,
        context: &Context<'a>,
        configured: &Configured,
        known: &Value,
    ) -> Result<Followed<'a>, RunError> {
        let mut runs = Vec::new();
        if !self.tools.is_empty() {
            let subject = Subject::of(context, configured)?;
            for tool in &self.tools {
                let run = tool.open(&subject, known[tool.key()].as_str());
                runs.extend(run.map(|run| (tool.key(), run)));
            }
        }
        let state = State { runs, prefix: String::new(), begun: BTreeMap::new() };
        let progress = context.progress.train();
        Ok(Followed { tracking: self, progress, kind: configured.kind, state: Mutex::new(state) })
    }

    /// Tells what the evaluation of a model came to, in the run of its training where that is known.
    ///
    /// # Errors
    /// No model, or no data set.
    pub(crate) fn evaluated(
        &self,
        context: &Context<'_>,
        configured: &Configured,
        measured: &[(String, f64)],
    ) -> Result<(), RunError> {
        if self.tools.is_empty() {
            return Ok(());
        }
        let model = Manifest::read(&context.at("models").join(&configured.name), "`reco train` makes it")?;
        let followed = self.follow(context, configured, &model.notes[NOTED])?;
        followed.tell(0, measured);
        followed.close(End::Finished, None);
        Ok(())
    }
}

/// The metrics of an evaluation by the names that tools know: `test/ndcg@10`, and of validation rows
/// `validation/ndcg@10`.
pub(crate) fn measured(evaluation: &Evaluation) -> Vec<(String, f64)> {
    let metrics = [("test", &evaluation.metrics), ("validation", &evaluation.validation)];
    metrics.into_iter().flat_map(|(prefix, metrics)| numbers_of(prefix, &notes(metrics))).collect()
}

fn stated(text: &Option<String>) -> Option<&str> {
    text.as_deref().map(str::trim).filter(|text| !text.is_empty())
}

/// The work on one model, followed in all tools: receives its progress, and passes it on.
pub(crate) struct Followed<'a> {
    tracking: &'a Tracking,
    progress: &'a dyn Progress,
    kind: &'static str,
    state: Mutex<State>,
}

struct State {
    /// By the keys of their tools.
    runs: Vec<(&'static str, Box<dyn TrackedRun>)>,
    /// What the names of the present fit's numbers begin with.
    prefix: String,
    /// How many fits of each approach have begun.
    begun: BTreeMap<String, usize>,
}

impl Followed<'_> {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn tell(&self, step: usize, numbers: &[(String, f64)]) {
        if !numbers.is_empty() {
            self.state().runs.iter_mut().for_each(|(_, run)| run.numbers(step, numbers));
        }
        self.say();
    }

    /// Says what failed since it was asked last.
    fn say(&self) {
        for tool in &self.tracking.tools {
            for what in tool.problems().unsaid() {
                self.progress.note(&format!("`tracking.{}`: {what}", tool.key()));
            }
        }
    }

    /// Ends the runs; their ids, by the keys of their tools.
    fn close(&self, end: End, device: Option<&str>) -> Map<String, Value> {
        let runs = std::mem::take(&mut self.state().runs);
        let ids = runs.into_iter().filter_map(|(key, run)| {
            let id = run.end(end, device, self.progress)?;
            Some((key.to_owned(), id.into()))
        });
        let ids = ids.collect();
        self.say();
        ids
    }

    /// Tells how the training came out, and notes in what it made which runs it was followed in. These notes are of the
    /// model's manifest, so that tools hear of the end before the model has its place.
    ///
    /// # Errors
    /// Those of the training.
    pub(crate) fn finish(self, made: Result<Made, RunError>) -> Result<Made, RunError> {
        if let Ok(made) = &made {
            self.tell(0, &numbers_of("training", &made.notes));
        }
        let (end, device) = match &made {
            Ok(made) => (End::Finished, made.device.as_deref()),
            Err(RunError::Interrupted) => (End::Killed, None),
            Err(_) => (End::Failed, None),
        };
        let ids = self.close(end, device);
        let mut made = made?;
        if let Some(notes) = made.notes.as_object_mut().filter(|_| !ids.is_empty()) {
            notes.insert(NOTED.to_owned(), ids.into());
        }
        Ok(made)
    }
}

impl Progress for Followed<'_> {
    fn inner(&self) -> Option<&dyn Progress> {
        Some(self.progress)
    }

    fn begin(&self, approach: &str, epochs: usize, rows: usize) {
        let mut state = self.state();
        let n = state.begun.get(approach).map_or(1, |before| before + 1);
        state.begun.insert(approach.to_owned(), n);
        // An approach that consists of others may fit each of them several times.
        state.prefix = match n {
            1 if approach == self.kind => "epoch".to_owned(),
            n => format!("{approach}-{n}"),
        };
        drop(state);
        self.progress.begin(approach, epochs, rows);
    }

    fn epoch(&self, epoch: &EpochLog) {
        let mut of_epoch = notes(epoch);
        of_epoch.as_object_mut().map(|fields| fields.remove("epoch"));
        let prefix = self.state().prefix.clone();
        self.tell(epoch.epoch, &numbers_of(&prefix, &of_epoch));
        self.progress.epoch(epoch);
    }

    fn checkpoints(&self) -> Option<&dyn Checkpoints> {
        // A state is of one fit, and a model may consist of several.
        None
    }
}

#[cfg(test)]
mod tests;
