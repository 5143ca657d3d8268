//! Defines the errors of a run, besides those that the crates it joins report themselves.
//!
//! Does not know how an error is shown.
//!
//! **Invariant**: what another crate says is passed on word for word.

use std::io;
use std::path::Path;

use reco_core::memory::MemoryError;
use reco_core::{FitError, LoadError, RatingError, ScoreError};
use reco_data::DataError;
use reco_eval::EvalError;
use reco_features::FeaturesError;
use reco_report::ReportError;

use crate::{CompareError, ExperimentError, ManifestError, TrackingError, TuneError};

/// Why a run, or an answer of a trained model, failed.
#[derive(Debug, thiserror::Error)]
pub enum RunError {
    /// The experiment is wrong.
    #[error(transparent)]
    Experiment(#[from] ExperimentError),
    /// A folder of an earlier stage cannot be used.
    #[error(transparent)]
    Manifest(#[from] ManifestError),
    /// Fetching, ingesting, or a table.
    #[error(transparent)]
    Data(#[from] DataError),
    /// Features or the split.
    #[error(transparent)]
    Features(#[from] FeaturesError),
    /// More memory than the machine has.
    #[error(transparent)]
    Memory(#[from] MemoryError),
    /// Training.
    #[error(transparent)]
    Fit(#[from] FitError),
    /// Loading a model.
    #[error(transparent)]
    Load(#[from] LoadError),
    /// A file of weights that is foreign, damaged, or of another model.
    #[error("`{path}` does not hold the weights of `{approach}`: {reason}\nhint: train again: `reco train`")]
    Weights {
        /// The file.
        path: String,
        /// The approach.
        approach: String,
        /// What is wrong with it.
        reason: String,
    },
    /// Answering.
    #[error(transparent)]
    Score(#[from] ScoreError),
    /// Evaluating.
    #[error(transparent)]
    Eval(#[from] EvalError),
    /// Runs that cannot be compared.
    #[error(transparent)]
    Compare(#[from] CompareError),
    /// Options that cannot be searched for.
    #[error(transparent)]
    Tune(#[from] TuneError),
    /// A tool in which the run is to be followed and that is not there.
    #[error(transparent)]
    Tracking(#[from] TrackingError),
    /// Writing the results.
    #[error(transparent)]
    Report(#[from] ReportError),
    /// What the experiment asks for and these data cannot give, found before anything is trained.
    #[error("this experiment cannot run on these data:\n{}", .0.join("\n"))]
    Refused(Vec<String>),
    /// A repeated experiment of which no repetition is named, or one that does not exist.
    #[error("{}", which_repetition(given, known))]
    WhichRepetition {
        /// What was named; empty for nothing.
        given: String,
        /// Their labels.
        known: String,
    },
    /// A model of another split, or of other data, than it is to be measured on.
    #[error(
        "`{name}` was trained on other rows: it may have learned what is held out here\nhint: measure it on the test part of the split that it was fitted to"
    )]
    OtherSplit {
        /// The model.
        name: String,
    },
    /// A model that a format cannot state.
    #[error("`{name}` cannot be written as `{format}`\nhint: {hint}")]
    Export {
        /// The model.
        name: String,
        /// The format.
        format: &'static str,
        /// What can.
        hint: String,
    },
    /// A file of scores that cannot be measured.
    #[error("the scores in `{path}` cannot be measured: {reason}\nhint: {hint}")]
    Scores {
        /// The file.
        path: String,
        /// What is wrong.
        reason: String,
        /// The way out.
        hint: String,
    },
    /// Whoever started the run asked to stop.
    #[error("interrupted; nothing half-written was left")]
    Interrupted,
    /// Something that is not ours lies where a run would write.
    #[error("`{path}` is in the way: {reason}\nhint: {hint}")]
    InTheWay {
        /// What lies there.
        path: String,
        /// Why it is not replaced.
        reason: String,
        /// The way out.
        hint: String,
    },
    /// Another run works in the folder.
    #[error("`{out}` is in use by {holder}\nhint: wait until that is done, or name another folder with `--out`")]
    Busy {
        /// The folder.
        out: String,
        /// Its command line, process and host, and since when.
        holder: String,
    },
    /// A folder was made for another experiment.
    #[error("`{path}` was not made for this experiment: {why}\nhint: {hint}")]
    Stale {
        /// The folder.
        path: String,
        /// What differs.
        why: String,
        /// What makes it again.
        hint: String,
    },
    /// No stage of that name.
    #[error("unknown stage `{name}`\nhint: {hint}")]
    UnknownStage {
        /// The name.
        name: String,
        /// The nearest one.
        hint: String,
    },
    /// No trained model at all.
    #[error(
        "there is no trained model in `{path}`\n\
         hint: `--models` names the folder that a run wrote with `--out`; `reco run` writes into `data`"
    )]
    NoModels {
        /// The folder.
        path: String,
    },
    /// Models that know only their own users.
    #[error(
        "no trained model in `{path}` has an answer for someone new\n\
         hint: train one that has: `reco run --approach popularity`"
    )]
    NoneForVisitors {
        /// The folder.
        path: String,
    },
    /// No trained model of that name.
    #[error("there is no trained model `{name}` in `{path}`\nhint: {hint}")]
    UnknownModel {
        /// The name.
        name: String,
        /// The folder.
        path: String,
        /// The nearest one, or how to train it.
        hint: String,
    },
    /// A model that is there, but is not of the last run.
    #[error("the model `{name}` in `{path}` is not of the last run there: {why}\nhint: {hint}")]
    NotOfLastRun {
        /// The approach.
        name: String,
        /// The folder.
        path: String,
        /// What the last run was of, or what happened since.
        why: String,
        /// The way out.
        hint: String,
    },
    /// The last run was repeated, and its models lie elsewhere.
    #[error(
        "the last run beside `{path}` was of the experiment `{experiment}`, whose repetitions have models of their \
         own\nhint: name one with `--models`: `{known}`"
    )]
    RepeatedModels {
        /// The folder.
        path: String,
        /// The experiment.
        experiment: String,
        /// The folders.
        known: String,
    },
    /// An approach without layers.
    #[error(
        "`{name}` is not a network and has no layers to show\n\
         hint: describe `collaborative`, `neural` or `hybrid`"
    )]
    NoNetwork {
        /// The approach.
        name: String,
    },
    /// A visitor names one item twice.
    #[error("item `{item}` is named twice among the ratings\nhint: name it once")]
    RatedTwice {
        /// Its id.
        item: String,
    },
    /// A visitor's rating is not valid.
    #[error("item `{item}`: {source}\nhint: rate as the data do: `{item}=STARS`")]
    Rated {
        /// Its id.
        item: String,
        /// What is wrong with it.
        source: RatingError,
    },
    /// A folder that holds something other than a model.
    #[error("`{path}` holds no model of this reco: {reason}\nhint: train again: `reco train`")]
    ForeignModel {
        /// The folder.
        path: String,
        /// What is wrong.
        reason: String,
    },
    /// A file that should be JSON of ours, and is not.
    #[error("`{path}` cannot be understood: {reason}\nhint: {hint}")]
    Json {
        /// The file.
        path: String,
        /// What the parser says.
        reason: String,
        /// What makes it again.
        hint: String,
    },
    /// The system does not let us read.
    #[error("cannot read `{path}`: {reason}")]
    Read {
        /// The file or folder.
        path: String,
        /// What the system says.
        reason: String,
    },
    /// The system does not let us write.
    #[error("cannot write `{path}`: {reason}\nhint: is there room, and may you write there?")]
    Write {
        /// The file or folder.
        path: String,
        /// What the system says.
        reason: String,
    },
}

/// The way out if something that is not ours is in the way.
const ELSEWHERE: &str = "name another folder with `--out`, or move it elsewhere";

impl RunError {
    /// Something at `path` that is not ours, for this reason.
    pub(crate) fn in_the_way(path: &Path, reason: impl Into<String>) -> Self {
        Self::InTheWay { path: path.display().to_string(), reason: reason.into(), hint: ELSEWHERE.to_owned() }
    }

    /// For `map_err`, where `path` is read.
    pub(crate) fn reading(path: &Path) -> impl Fn(io::Error) -> Self {
        let path = path.display().to_string();
        move |error| Self::Read { path: path.clone(), reason: error.to_string() }
    }

    /// For `map_err`, where `path` is written.
    pub(crate) fn writing(path: &Path) -> impl Fn(io::Error) -> Self {
        let path = path.display().to_string();
        move |error| Self::Write { path: path.clone(), reason: error.to_string() }
    }
}

fn which_repetition(given: &str, known: &str) -> String {
    match (given, known) {
        (given, "") => {
            format!(
                "the experiment is not repeated, so that there is no repetition `{given}`\n\
                 hint: leave out `--repetition`"
            )
        }
        ("", known) => format!(
            "the experiment has several repetitions, and scores are for one of them\n\
             hint: name one with `--repetition`: `{known}`"
        ),
        (given, known) => {
            format!("the experiment has no repetition `{given}`\nhint: name one with `--repetition`: `{known}`")
        }
    }
}
