//! Lists the stages of a run in their order, and holds what they share.
//!
//! Does not know what a stage does: each is a file here and a row of [`STAGES`].
//!
//! **Invariant**: a stage reads only folders that earlier ones finished for the same experiment, and never one that is
//! damaged or was made for another.

mod advice;
mod counts;
mod detail;
mod evaluate;
mod features;
mod headline;
mod ingest;
mod repeated;
pub(crate) mod report;
pub(crate) mod train;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use reco_core::options::did_you_mean;
use reco_features::{Dataset, TrainingData};
use reco_report::Results;
use serde_json::Value;

use crate::folder::{Folder, Made};
use crate::lock::Lock;
use crate::manifest::{Digests, Hashed, Manifest};
use crate::place::Place;
use crate::tracking::Tracking;
use crate::{Experiment, Outcome, Repetition, RunError, RunProgress, results};

pub use advice::shell_word;
pub(crate) use evaluate::{Ruler, USERS, users};
pub(crate) use features::digests as features_digests;
pub(crate) use repeated::repeated;
pub(crate) use report::from_notes;
pub use report::{EXPERIMENT, PAGE, RESULTS};

/// One stage.
pub struct StageEntry {
    /// Its name: `reco <name>`, `reco run --from <name>`, the folder of its manifest's `stage`.
    pub name: &'static str,
    /// One line for help.
    pub about: &'static str,
    /// The lines of its help that explain by example.
    pub example: &'static str,
    /// The folders that it makes.
    pub(crate) folders: fn(&Context<'_>) -> Vec<PathBuf>,
    /// Runs the stage.
    pub(crate) run: fn(&Context<'_>) -> Result<Vec<Outcome>, RunError>,
}

impl StageEntry {
    /// Whether the stage trains models.
    pub(crate) fn makes_models(&self) -> bool {
        self.name == train::ENTRY.name
    }

    /// Whether its work on models is followed in the tools of `[tracking]`.
    pub(crate) fn is_tracked(&self) -> bool {
        self.makes_models() || self.name == evaluate::ENTRY.name
    }
}

/// Every stage, in the order of a run.
pub static STAGES: &[StageEntry] = &[ingest::ENTRY, features::ENTRY, train::ENTRY, evaluate::ENTRY, report::ENTRY];

/// The position of the stage called `name`.
///
/// # Errors
/// No such stage.
pub(crate) fn position(name: &str) -> Result<usize, RunError> {
    STAGES.iter().position(|stage| stage.name == name).ok_or_else(|| RunError::UnknownStage {
        name: name.to_owned(),
        hint: did_you_mean(name, STAGES.iter().map(|stage| stage.name)),
    })
}

/// All that a stage is given.
#[derive(Clone, Copy)]
pub(crate) struct Context<'a> {
    pub(crate) experiment: &'a Experiment,
    pub(crate) raw: &'a Path,
    pub(crate) out: &'a Path,
    /// Where the tables lie: in `out`, or beside those of other repetitions.
    pub(crate) tables: &'a Path,
    /// Which repetition of several this is.
    pub(crate) repetition: Option<&'a str>,
    /// Whether work is done even where nothing changed.
    pub(crate) force: bool,
    /// The command line that the report shows.
    pub(crate) command: &'a str,
    pub(crate) progress: &'a dyn RunProgress,
    /// The files that the stage has hashed.
    pub(crate) hashed: &'a Hashed,
    /// Held while something is made in the folder of the run.
    pub(crate) lock: &'a Lock,
    /// The tools in which models are followed.
    pub(crate) tracking: &'a Tracking,
}

impl<'a> Context<'a> {
    /// The context of a repetition of the experiment that this context is of, in the folder `out`.
    pub(crate) fn of_repetition(&self, repetition: &'a Repetition, out: &'a Path) -> Self {
        let Repetition { label, shares_tables, experiment } = repetition;
        let tables = if *shares_tables { self.tables } else { out };
        Self { experiment, out, tables, repetition: Some(label), ..*self }
    }
}

impl Context<'_> {
    /// A folder of the run.
    pub(crate) fn at(&self, name: &str) -> PathBuf {
        self.out.join(name)
    }

    /// Where a folder of the run lies, or is to lie.
    pub(crate) fn place(&self, path: &Path) -> Result<Place<'_>, RunError> {
        let out = if path.starts_with(self.out) { self.out } else { path.parent().unwrap_or(self.out) };
        Place::new(out, path, self.progress)
    }

    /// Asks whether to continue.
    ///
    /// # Errors
    /// Whoever started the run asks to stop.
    pub(crate) fn go_on(&self) -> Result<(), RunError> {
        if self.progress.train().interrupted() { Err(RunError::Interrupted) } else { Ok(()) }
    }

    /// Makes `folder` with `make` if it has to be made.
    pub(crate) fn work(
        &self,
        folder: &Folder,
        approach: Option<&str>,
        make: impl FnOnce(&Path) -> Result<Made, RunError>,
    ) -> Result<Outcome, RunError> {
        self.go_on()?;
        let why = folder.why(self.hashed).or_else(|| self.force.then(|| "asked for".to_owned()));
        let mut outcome = Outcome {
            stage: folder.stage.to_owned(),
            approach: approach.map(str::to_owned),
            repetition: self.repetition.map(str::to_owned),
            skipped: why.is_none(),
            seconds: 0.0,
            said: Vec::new(),
        };
        if let Some(why) = why {
            self.lock.take(self.command)?;
            self.progress.began(folder.stage, approach, &why);
            let manifest = folder.make(&self.place(&folder.path)?, make)?;
            outcome.seconds = manifest.seconds;
            let said = manifest.notes["said"].as_array().into_iter().flatten();
            outcome.said = said.filter_map(|what| what.as_str().map(str::to_owned)).collect();
        }
        self.progress.ended(&outcome);
        Ok(outcome)
    }
}

impl Folder {
    /// The manifest and the files (`features/fit.parquet`) of a folder that an earlier stage finished, for this
    /// experiment.
    fn ready(&self, context: &Context<'_>, prefix: &str) -> Result<(Manifest, Digests), RunError> {
        let hint = format!("`reco {}` makes it; `reco run` makes all that is missing", self.stage);
        let manifest = Manifest::read(&self.path, &hint)?;
        if let Some(why) = self.differs(&manifest) {
            let path = self.path.display().to_string();
            let hint = format!("`reco run` makes anew what changed, or make this alone: `reco {}`", self.stage);
            return Err(RunError::Stale { path, why, hint });
        }
        manifest.verify_once(&self.path, &hint, context.hashed)?;
        let files =
            manifest.outputs.iter().map(|(name, digest)| (format!("{prefix}/{name}"), digest.clone())).collect();
        Ok((manifest, files))
    }
}

/// The data set that the stage `features` left.
///
/// # Errors
/// No data set; one that is damaged or was made for another experiment.
pub(crate) fn ready_dataset(context: &Context<'_>) -> Result<Dataset, RunError> {
    features::folder(context)?.ready(context, "features")?;
    Ok(Dataset::read(&context.at("features"))?)
}

/// What a choice between models may look at of the data set that the stage `features` left, and the files of that
/// folder.
///
/// # Errors
/// As [`ready_dataset`].
pub(crate) fn ready_training(context: &Context<'_>) -> Result<(TrainingData, Digests), RunError> {
    let (_, files) = features::folder(context)?.ready(context, "features")?;
    Ok((TrainingData::read(&context.at("features"))?, files))
}

/// The results of a run of all stages.
///
/// # Errors
/// As [`ready_dataset`].
pub(crate) fn ready_results(context: &Context<'_>) -> Result<Results, RunError> {
    report::folder(context)?.ready(context, "report")?;
    results(context.out)
}

/// The versions of what does the work of a stage without Burn.
pub(crate) fn own_version() -> BTreeMap<String, String> {
    BTreeMap::from([("reco".to_owned(), env!("CARGO_PKG_VERSION").to_owned())])
}

/// What a stage notes of its work, as JSON.
pub(crate) fn notes(value: &impl serde::Serialize) -> Value {
    serde_json::to_value(value).unwrap_or(Value::Null)
}
