//! Defines the arguments that all commands over an experiment share.
//!
//! Does not know which commands those are.
//!
//! **Invariant**: what the command line states comes before what the experiment's file states.

use std::path::PathBuf;

use clap::Args;
use reco_core::DeviceChoice;

/// An experiment, with what the command line changes in it.
#[derive(Args)]
pub(crate) struct ExperimentFile {
    /// The experiment's file; left out, the built-in one: MovieLens 100K, the best approach of each kind
    pub(crate) experiment: Option<PathBuf>,
    /// Override a key of the experiment, as `seed=3`, `split.kind=temporal`, `approach.neural.epochs=3`
    #[arg(long, value_name = "KEY=VALUE")]
    pub(crate) set: Vec<String>,
    /// Only these approaches; one that the experiment does not list takes its default options
    #[arg(long, value_name = "NAME", value_delimiter = ',')]
    pub(crate) approach: Vec<String>,
}

/// An experiment, and where it runs.
#[derive(Args)]
pub(crate) struct ExperimentArgs {
    #[command(flatten)]
    pub(crate) file: ExperimentFile,
    /// Where networks compute, instead of where the experiment says: auto, wgpu, cpu, cuda
    #[arg(long, value_parser = device)]
    pub(crate) device: Option<DeviceChoice>,
    /// Run stages even where nothing changed
    #[arg(long)]
    pub(crate) force: bool,
    #[command(flatten)]
    pub(crate) folders: Folders,
    /// Print what was done and the results as JSON
    #[arg(long)]
    pub(crate) json: bool,
}

/// Scores that somebody else computed, for the stage `evaluate`.
#[derive(Args)]
pub(crate) struct ScoresArgs {
    /// Measure this file instead of trained models: CSV, TSV, JSON lines or Parquet with the columns user, item and
    /// score (more is better) or rank (from 1); pairs left out are never recommended, ties are in catalogue order
    #[arg(long, value_name = "FILE", conflicts_with = "approach")]
    pub(crate) scores: Option<PathBuf>,
    /// The experiment's file, as if it were given without a name
    #[arg(long = "experiment", value_name = "FILE", conflicts_with = "experiment")]
    pub(crate) experiment_file: Option<PathBuf>,
    /// The scores are stars: measure errors too
    #[arg(long, requires = "scores")]
    pub(crate) stars: bool,
    /// Which repetition of a repeated experiment the scores are for, as `split.fold=0`
    #[arg(long, value_name = "KEY=VALUE", requires = "scores")]
    pub(crate) repetition: Option<String>,
    /// Write each user's values into this file, `.parquet` for `reco compare`, or `.csv`
    #[arg(long, value_name = "FILE", requires = "scores")]
    pub(crate) per_user: Option<PathBuf>,
}

/// Where things lie.
#[derive(Args)]
pub(crate) struct Folders {
    /// Raw files, shared by experiments
    #[arg(long, value_name = "DIR", default_value = "data/raw")]
    pub(crate) raw: PathBuf,
    /// What the run makes: tables, features, models, evaluation, report
    #[arg(long, value_name = "DIR", default_value = "data")]
    pub(crate) out: PathBuf,
}

pub(super) fn device(text: &str) -> Result<DeviceChoice, String> {
    serde_json::from_value(text.into()).map_err(|_| "known are auto, wgpu, cpu, cuda".to_owned())
}
