//! Runs a whole experiment, or a part of it.
//!
//! Does not know what a stage does.
//!
//! **Invariant**: stages run in the order of [`STAGES`], each after the ones that it reads; before the first of them,
//! all their folders are known to hold nothing but ours, and no other run is at work there.

use std::path::{Path, PathBuf};

use reco_data::located_files;
use reco_eval::METRICS;
use reco_report::Results;
use serde::Serialize;

use crate::lock::{self, Lock};
use crate::manifest::Hashed;
use crate::models;
use crate::place::refuse_inputs_inside;
use crate::stage::{Context, position, repeated, report, train};
use crate::tracking::{NOT_TRACKED, Tracking};
use crate::{Experiment, Outcome, PAGE, RESULTS, RunError, RunProgress, STAGES, StageEntry};

/// The options of a run: which part of it, and where.
#[derive(Clone, Copy)]
pub struct RunOptions<'a> {
    /// Raw files, shared by experiments: `data/raw`.
    pub raw: &'a Path,
    /// What the run makes: `data`.
    pub out: &'a Path,
    /// The first stage; the folders of earlier stages are taken as they are.
    pub from: Option<&'a str>,
    /// The only stage.
    pub only: Option<&'a str>,
    /// Whether to work even where nothing changed.
    pub force: bool,
    /// The command line that asked for it, for the report to tell; may be empty.
    pub command: &'a str,
    /// Receives the progress, and can ask to stop.
    pub progress: &'a dyn RunProgress,
}

/// What a run did.
#[derive(Clone, Debug, Serialize)]
pub struct Summary {
    /// Each piece of work, skipped ones included.
    pub work: Vec<Outcome>,
    /// The results, where the report stage took part.
    pub results: Option<Results>,
    /// The path of the report for people, where the report stage took part.
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
    // An error in what the last stages are asked for is found before the first one works.
    for experiment in [experiment].into_iter().chain(experiment.repetitions.iter().map(|one| &one.experiment)) {
        experiment.evaluate.check(METRICS)?;
    }
    let RunOptions { out, command, .. } = *options;
    let places: Vec<PathBuf> = experiment.repetitions.iter().map(|one| out.join(&one.label)).collect();
    // The folder of a repetition may be named alone by another run, so it is locked too.
    let lock = places.iter().fold(Lock::of(out), |lock, place| lock.and(place));
    let hashed = Hashed::default();
    let whole = whole(experiment, &hashed, &lock, options);
    let contexts = contexts(&whole, &places);
    let reports = stages.iter().any(|stage| stage.name == report::ENTRY.name);

    // All that is in the way is found before anything begins, and nothing of anyone else's is touched.
    let mut of_whole = Vec::new();
    if reports {
        of_whole.extend((report::ENTRY.folders)(&whole));
    }
    let folders: Vec<(&Context<'_>, PathBuf)> = contexts
        .iter()
        .flat_map(|context| folders(context, stages).into_iter().map(move |folder| (context, folder)))
        .chain(of_whole.into_iter().map(|folder| (&whole, folder)))
        .collect();
    let refused =
        refuse_foreign(&folders).and_then(|()| contexts.iter().chain([&whole]).try_for_each(models::refuse_foreign));
    if refused.is_err() && out.join(lock::FILE).exists() {
        // Another run may be writing what is in the way.
        Lock::of(out).take(command)?;
    }
    refused?;
    let tracking = match stages.iter().any(StageEntry::is_tracked) {
        true => {
            let replaced = contexts.iter().chain([&whole]).flat_map(|context| self::folders(context, STAGES));
            Tracking::start(experiment, replaced)?
        }
        false => Tracking::default(),
    };
    lock.take(command)?;
    for (context, folder) in &folders {
        context.place(folder)?.recover()?;
    }
    contexts.iter().chain([&whole]).try_for_each(models::recover)?;

    let mut work = Vec::new();
    // The data of all repetitions are made before any of them trains, so that all refusals come before.
    let trains = position("train")?;
    let of_data = stages.iter().take_while(|stage| position(stage.name).is_ok_and(|at| at < trains)).count();
    let (data, rest) = stages.split_at(of_data);
    work_through(&contexts, data, &mut work)?;
    let mut fitting = experiment.clone();
    if !rest.is_empty() {
        match fitting.repetitions.as_mut_slice() {
            [] => fitting = train::fitting(&whole)?,
            repetitions => {
                for (repetition, context) in repetitions.iter_mut().zip(&contexts) {
                    repetition.experiment = train::fitting(context)?;
                }
            }
        }
    }
    let whole = Context { experiment: &fitting, tracking: &tracking, ..whole };
    let contexts = self::contexts(&whole, &places);
    if contexts.len() > 1 && rest.iter().any(StageEntry::makes_models) {
        contexts.iter().try_for_each(train::refuse_before)?;
    }
    work_through(&contexts, rest, &mut work)?;
    if !experiment.repetitions.is_empty() && stages.iter().any(|stage| stage.makes_models()) {
        models::write_repeated(&whole)?;
    }
    if reports && !experiment.repetitions.is_empty() {
        work.push(repeated(&whole)?);
    }
    Ok(Summary {
        work,
        results: reports.then(|| results(out)).transpose()?,
        page: reports.then(|| out.join("report").join(PAGE)),
    })
}

/// The context of each repetition, at its place in `places`; `whole` alone where nothing is repeated.
fn contexts<'a>(whole: &Context<'a>, places: &'a [PathBuf]) -> Vec<Context<'a>> {
    let repetitions = whole.experiment.repetitions.iter().zip(places);
    let each: Vec<Context<'a>> = repetitions.map(|(one, at)| whole.of_repetition(one, at)).collect();
    if each.is_empty() { vec![*whole] } else { each }
}

/// Runs `stages` for each of `contexts`.
fn work_through(contexts: &[Context<'_>], stages: &[StageEntry], work: &mut Vec<Outcome>) -> Result<(), RunError> {
    for (row, context) in contexts.iter().enumerate().filter(|_| !stages.is_empty()) {
        if let Some(label) = context.repetition {
            context.progress.repetition(label, row + 1, contexts.len());
        }
        for stage in stages {
            context.hashed.forget();
            work.extend((stage.run)(context)?);
        }
    }
    Ok(())
}

/// The context of a run that is not repeated, or of all its repetitions together.
pub(crate) fn whole<'a>(
    experiment: &'a Experiment,
    hashed: &'a Hashed,
    lock: &'a Lock,
    options: &RunOptions<'a>,
) -> Context<'a> {
    let RunOptions { raw, out, force, command, progress, .. } = *options;
    let tracking = &NOT_TRACKED;
    Context { experiment, raw, out, tables: out, repetition: None, force, command, progress, hashed, lock, tracking }
}

/// The folders that `stages` make in `context`.
pub(crate) fn folders(context: &Context<'_>, stages: &[StageEntry]) -> Vec<PathBuf> {
    stages.iter().flat_map(|stage| (stage.folders)(context)).collect()
}

/// Refuses folders that would be replaced and hold an input, or something that is not ours.
///
/// # Errors
/// What is in the way.
pub(crate) fn refuse_foreign(folders: &[(&Context<'_>, PathBuf)]) -> Result<(), RunError> {
    for (context, folder) in folders {
        let Context { experiment, raw, .. } = **context;
        let mut inputs = located_files(&experiment.data, raw);
        inputs.extend([raw.to_owned()].into_iter().chain(experiment.split.file().ok().flatten()));
        refuse_inputs_inside(&inputs, folder)?;
        context.place(folder)?.refuse_foreign()?;
    }
    Ok(())
}

/// The results that the last run left under `out`.
///
/// # Errors
/// No results, or none that this reco wrote.
pub fn results(out: &Path) -> Result<Results, RunError> {
    report::read(&out.join("report").join(RESULTS), "`reco report` makes it")
}
