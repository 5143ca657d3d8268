//! How does a whole experiment run?
//!
//! Does not know what a stage does.
//!
//! **Invariant**: stages run in the order of [`STAGES`], each after the ones that it reads.

use std::fs;
use std::path::{Path, PathBuf};

use reco_report::Results;
use serde::Serialize;

use crate::stage::{Context, position, repeated};
use crate::{Experiment, Outcome, PAGE, RESULTS, Repetition, RunError, RunProgress, STAGES};

/// Which part of a run, and where.
#[derive(Clone, Copy)]
pub struct RunOptions<'a> {
    /// Raw files, shared by experiments: `data/raw`.
    pub raw: &'a Path,
    /// What the run makes: `data`.
    pub out: &'a Path,
    /// The first stage; those before it are taken as they lie.
    pub from: Option<&'a str>,
    /// The only stage.
    pub only: Option<&'a str>,
    /// Whether to work even where nothing changed.
    pub force: bool,
    /// The command line that asked for it, for the report to tell; may be empty.
    pub command: &'a str,
    /// Is told of progress, and can ask to stop.
    pub progress: &'a dyn RunProgress,
}

/// What a run did.
#[derive(Clone, Debug, Serialize)]
pub struct Summary {
    /// Each piece of work, skipped ones included.
    pub work: Vec<Outcome>,
    /// The results, where the report stage took part.
    pub results: Option<Results>,
    /// Where the report for people lies, if it did.
    pub page: Option<PathBuf>,
}

/// Runs `experiment`, or a part of it.
///
/// # Errors
/// Whatever a stage reports; an unknown stage; an interruption, which leaves nothing half-written.
pub fn run(experiment: &Experiment, options: &RunOptions<'_>) -> Result<Summary, RunError> {
    let stages = match (options.from, options.only) {
        (_, Some(only)) => {
            let at = position(only)?;
            &STAGES[at..=at]
        }
        (Some(from), None) => &STAGES[position(from)?..],
        (None, None) => STAGES,
    };
    // What is wrong with the last stage is said before the first one works.
    for experiment in [experiment].into_iter().chain(experiment.repetitions.iter().map(|one| &one.experiment)) {
        experiment.evaluate.check()?;
    }
    let RunOptions { out, .. } = *options;
    let whole = within(experiment, out, out, options);
    let mut work = Vec::new();
    for (row, repetition) in experiment.repetitions.iter().enumerate() {
        let Repetition { label, shares_tables, experiment } = repetition;
        let at = out.join(label);
        let tables = if *shares_tables { out } else { &at };
        let context = Context { experiment, out: &at, tables, repetition: Some(label), ..whole };
        options.progress.repetition(label, row + 1, whole.experiment.repetitions.len());
        for stage in stages {
            work.extend((stage.run)(&context)?);
        }
    }
    if experiment.repetitions.is_empty() {
        for stage in stages {
            work.extend((stage.run)(&whole)?);
        }
    }
    let reported = work.iter().any(|outcome| Some(outcome.stage.as_str()) == STAGES.last().map(|stage| stage.name));
    if reported && !experiment.repetitions.is_empty() {
        work.push(repeated(&whole)?);
    }
    Ok(Summary {
        work,
        results: reported.then(|| results(out)).transpose()?,
        page: reported.then(|| out.join("report").join(PAGE)),
    })
}

/// What a stage is given that works in `out`, with tables that lie in `tables`.
pub(crate) fn within<'a>(
    experiment: &'a Experiment,
    out: &'a Path,
    tables: &'a Path,
    options: &RunOptions<'a>,
) -> Context<'a> {
    let RunOptions { raw, force, command, progress, .. } = *options;
    Context { experiment, raw, out, tables, repetition: None, force, command, progress }
}

/// The results that the last run left under `out`.
///
/// # Errors
/// None there, or not written by this reco.
pub fn results(out: &Path) -> Result<Results, RunError> {
    let path = out.join("report").join(RESULTS);
    let text = fs::read_to_string(&path).map_err(RunError::reading(&path))?;
    serde_json::from_str(&text).map_err(|error| RunError::Json {
        path: path.display().to_string(),
        reason: error.to_string(),
        hint: "`reco report` makes it".to_owned(),
    })
}
