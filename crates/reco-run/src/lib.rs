//! Runs an experiment from raw files to a report, stage by stage, and skips the stages that have nothing to do.
//!
//! Does not know terminals, formats, tensors or metrics: it joins the crates that do, and their registries.
//!
//! **Invariant**: what a run leaves is whole: each stage's folder is written beside its place and renamed, with a
//! manifest of what it was made from; a folder that still matches is left alone, so that a new metric trains nothing.
//!
//! ```
//! use reco_run::{Experiment, Source};
//!
//! let experiment = Experiment::read(&Source::Default, &["split.kind=temporal".to_owned()], &["popularity".to_owned()])?;
//! assert_eq!(experiment.split.kind, "temporal");
//! assert_eq!(experiment.approaches[0].name, "popularity");
//! # Ok::<(), reco_run::ExperimentError>(())
//! ```

mod answer;
mod artifact;
mod auto;
mod blend;
mod check;
mod checkpoint;
mod compare;
mod doctor;
mod error;
mod everyone;
mod experiment;
mod export;
mod folder;
mod init;
mod lock;
mod manifest;
mod memory;
mod models;
mod part;
mod place;
mod progress;
mod protobuf;
mod reasons;
mod registry;
mod run;
mod runs;
mod scores;
mod show;
mod stage;
mod tracking;
mod tune;
mod validation;

pub use answer::{Answer, Asker, Reason, ReasonCause, Reasons, Visitor, WithoutFeature};
pub use artifact::{Artifact, ArtifactConfig, Recommendation, describe};
pub use check::{CHECKS, CheckEntry, Checked, Finding, Fine, Severity, Unchecked, check};
pub use checkpoint::{CheckpointConfig, Every};
pub use compare::{CompareError, CompareOptions, compare, compare_exposures};
pub use doctor::{Doctor, KnownPath, doctor};
pub use error::RunError;
pub use everyone::{Everyone, ListOptions, ListsWritten, Shard};
pub use experiment::{Configured, DEFAULT, Experiment, ExperimentError, RepeatConfig, Repetition, Source};
pub use export::{ExportFormat, export};
pub use init::{experiment_beside, experiment_for, folder_for};
pub use manifest::{Digests, MANIFEST, Manifest, ManifestError, SCHEMA_VERSION, digest, digests};
pub use models::{ANSWERS, AskedBy, Available, Chosen, RunnerUp, available, choose, chooser, find, remove_others};
pub use progress::{Outcome, Quiet, RunProgress};
pub use reasons::ItemFacts;
pub use registry::approaches;
pub use run::{RunOptions, Summary, results, run};
pub use runs::{BestOf, FoundRun, RunState, runs};
pub use scores::{ScoredFile, ScoresOptions, measure_model, measure_scores};
pub use show::{Shown, show};
pub use stage::{EXPERIMENT, PAGE, RESULTS, STAGES, StageEntry, shell_word};
pub use tracking::{TrackingConfig, TrackingError};
pub use tune::{BEST, Method, TRIALS, TUNING_PAGE, TuneConfig, TuneError, TuneSource, tune};

pub use reco_data::{
    DATA_KEYS, DataKey, EXPOSURE, EventCounts, EventRow, Guess, IngestProgress, ItemRow, Output, Piped, Role,
    StatedColumns, TableOutput, TimeFormat, erased_digest, fetch, guess, is_table, read_events, synth, write_events,
};
pub use reco_eval::compare::{ArmComparison, ArmMeasure};
pub use reco_features::{feature_of_year, in_utc};
pub use reco_models::{Ceiling, DeviceCeilings, Unit, ceilings};
pub use reco_report::{
    Comparison, Results, Tuned, Tuning, comparison_page, comparison_summary, comparison_table, diagram, last_words,
    mermaid, summary, terminal_table, tuning_table,
};
