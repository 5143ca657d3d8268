//! Defines how a run reports its progress, and how it is asked to stop.
//!
//! Does not know terminals: progress bars are an implementation elsewhere.
//!
//! **Invariant**: nothing that an implementation does changes a result, except that it can stop the run.

use std::path::Path;

use reco_core::Progress;
use reco_data::IngestProgress;
use reco_data::fetch::FetchProgress;
use serde::Serialize;

/// One piece of work of a run: a stage, or one approach of one.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Outcome {
    /// The stage.
    pub stage: String,
    /// The approach, where the stage works through several.
    pub approach: Option<String>,
    /// Which repetition of the experiment, where there are several: `split.fold=3`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub repetition: Option<String>,
    /// Whether there was nothing to do.
    pub skipped: bool,
    /// Wall time of the work, zero where it was skipped.
    pub seconds: f64,
    /// What the work concluded from the user's own files, in words.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub said: Vec<String>,
}

/// Receives the progress of a run.
pub trait RunProgress: Send + Sync {
    /// Receives the progress of a fetch.
    fn fetch(&self) -> &dyn FetchProgress;

    /// Receives the progress of an ingest.
    fn ingest(&self) -> &dyn IngestProgress;

    /// Receives the progress of a training; also asked whether the run should stop.
    fn train(&self) -> &dyn Progress;

    /// A repetition begins: `split.fold=3`, the `number`-th of `n`.
    fn repetition(&self, label: &str, number: usize, n: usize) {
        let _ = (label, number, n);
    }

    /// Work begins, for the reason `why`.
    fn began(&self, stage: &str, approach: Option<&str>, why: &str) {
        let _ = (stage, approach, why);
    }

    /// A file of the run was changed after it was written, and is kept at `kept`.
    fn set_aside(&self, file: &Path, kept: &Path) {
        let _ = (file, kept);
    }

    /// What the work came to so far, in a few words.
    fn told(&self, words: &str) {
        let _ = words;
    }

    /// Work is done, or was skipped.
    fn ended(&self, outcome: &Outcome) {
        let _ = outcome;
    }
}

/// Shows nothing and never stops.
pub struct Quiet;

impl RunProgress for Quiet {
    fn fetch(&self) -> &dyn FetchProgress {
        &reco_data::fetch::Silent
    }

    fn ingest(&self) -> &dyn IngestProgress {
        &reco_data::SilentIngest
    }

    fn train(&self) -> &dyn Progress {
        &reco_core::Silent
    }
}
