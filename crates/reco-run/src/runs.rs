//! Lists the runs below a folder: with what they were run, and how it came out.
//!
//! Does not run, lock or mend anything.
//!
//! **Invariant**: nothing is written; a run that is unfinished or damaged is in the list as such, with the reason; the
//! repetitions of a repeated run are told by that run alone.

use std::cmp::Reverse;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use reco_eval::{BestFor, Column};
use reco_report::Results;
use serde::Serialize;
use serde_json::Value;

use crate::folder::first_line;
use crate::manifest::{MANIFEST, Manifest, digest};
use crate::{ANSWERS, RESULTS, RunError};

/// The folders of a run that stages make, in their order.
const STAGE_FOLDERS: [&str; 5] = ["tables", "features", "models", "evaluation", "report"];
/// Other folders of a run, in which no run is looked for.
const OTHER_FOLDERS: [&str; 5] = ["raw", "tuning", "tuned", "set-aside", "checkpoints"];
/// How deep folders are looked into.
const DEPTH: usize = 6;

/// A run that was found.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct FoundRun {
    /// Its folder, what `--out` was.
    pub folder: PathBuf,
    /// Whether it is whole.
    pub state: RunState,
    /// Why it is not.
    pub problem: Option<String>,
    /// When its last stage ended, UTC.
    pub when: Option<String>,
    /// The experiment's name.
    pub experiment: Option<String>,
    /// What the data are called.
    pub data: Option<String>,
    /// How they were split.
    pub split: Option<String>,
    /// The approaches, in the experiment's order; where there is no report, those that were trained, by their names.
    pub approaches: Vec<String>,
    /// How many repetitions the results are means of; 0 where the run was not repeated.
    pub n_repetitions: usize,
    /// The best for lists and the best for stars, as far as there are such metrics.
    pub best: Vec<BestOf>,
    /// The seed of all random choices.
    pub seed: Option<u64>,
    /// Where networks were trained.
    pub device: Option<String>,
    /// For the order of the list.
    #[serde(skip)]
    ended: Option<SystemTime>,
}

/// Whether a run is whole.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum RunState {
    /// It has results.
    Done,
    /// It was stopped, or is at work, or only some of its stages were run.
    Unfinished,
    /// Something in it cannot be read.
    Broken,
}

/// The best approach by the metric that tells approaches apart.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct BestOf {
    /// The metric.
    pub metric: Column,
    /// The approach.
    pub approach: String,
    /// Its value.
    pub value: f64,
}

/// The runs in `folder` and below it, the newest first. Links and hidden folders are not followed.
///
/// # Errors
/// A folder that is not there.
pub fn runs(folder: &Path) -> Result<Vec<FoundRun>, RunError> {
    fs::read_dir(folder).map_err(RunError::reading(folder))?;
    let mut found = Vec::new();
    look_into(folder, 0, &mut found);
    found.sort_by_key(|run| (Reverse(run.ended), run.folder.clone()));
    Ok(found)
}

fn look_into(folder: &Path, depth: usize, found: &mut Vec<FoundRun>) {
    let (run, repetitions) = run_in(folder).unzip();
    let (is_run, repetitions) = (run.is_some(), repetitions.unwrap_or_default());
    found.extend(run);
    if depth == DEPTH {
        return;
    }
    // A folder that may not be read has no runs to tell of.
    let entries = fs::read_dir(folder).into_iter().flatten().filter_map(Result::ok);
    let mut folders: Vec<(String, PathBuf)> = entries
        .filter(|entry| entry.file_type().is_ok_and(|kind| kind.is_dir()))
        .map(|entry| (entry.file_name().to_string_lossy().into_owned(), entry.path()))
        .collect();
    folders.sort();
    for (name, path) in folders {
        let is_ours = STAGE_FOLDERS.contains(&name.as_str()) || OTHER_FOLDERS.contains(&name.as_str());
        if !(name.starts_with('.') || is_run && is_ours || repetitions.contains(&name)) {
            look_into(&path, depth + 1, found);
        }
    }
}

fn texts(list: &Value) -> Vec<String> {
    list.as_array().into_iter().flatten().filter_map(|one| one.as_str().map(str::to_owned)).collect()
}

/// The list of models in a run's folder, of whatever version.
fn answers(folder: &Path) -> Option<Value> {
    serde_json::from_slice(&fs::read(folder.join("models").join(ANSWERS)).ok()?).ok()
}

/// The run in `folder`, if any stage left something of it there, and the names of its repetitions, if it was repeated.
fn run_in(folder: &Path) -> Option<(FoundRun, Vec<String>)> {
    let mut run = FoundRun {
        folder: folder.to_owned(),
        state: RunState::Unfinished,
        problem: None,
        when: None,
        experiment: None,
        data: None,
        split: None,
        approaches: Vec::new(),
        n_repetitions: 0,
        best: Vec::new(),
        seed: None,
        device: None,
        ended: None,
    };
    let (mut done, mut stopped, mut broken, mut report) = (Vec::new(), Vec::new(), None, None);
    for name in STAGE_FOLDERS {
        let at = folder.join(name);
        let marks = [format!(".{name}.partial"), format!(".{name}.old")];
        if marks.iter().any(|mark| folder.join(mark).is_dir()) {
            stopped.push(name);
        }
        if name == "models" {
            models(&mut run, &at, &mut done, &mut stopped);
            continue;
        }
        if !at.join(MANIFEST).exists() {
            continue;
        }
        run.note_time(&at);
        match Manifest::read(&at, "") {
            Ok(manifest) => {
                done.push(name);
                run.note(&manifest);
                if name == "report" {
                    report = Some(manifest);
                }
            }
            Err(error) => broken = broken.or(Some(first_line(&error))),
        }
    }
    if done.is_empty() && stopped.is_empty() && broken.is_none() {
        return None;
    }
    let (answers, results) = (answers(folder), results(folder));
    let of_results = results.iter().flat_map(|results| results.repeat.iter().flatten());
    let mut repetitions: Vec<String> = of_results.map(|one| one.repetition.clone()).collect();
    if let Some(answers) = &answers {
        if repetitions.is_empty() {
            repetitions = texts(&answers["repetitions"]);
        }
        if done.contains(&"models") {
            run.experiment = answers["experiment"].as_str().map(str::to_owned);
        }
    }
    let has_report = report.is_some();
    if let Some(manifest) = report {
        match unchanged(folder, &manifest).and(results) {
            Ok(results) => run.note_results(results),
            Err(why) => broken = broken.or(Some(why)),
        }
    }
    (run.state, run.problem) = match (broken, stopped.is_empty()) {
        (Some(why), _) => (RunState::Broken, Some(why)),
        (None, false) => (RunState::Unfinished, Some(format!("stopped, or at work, in {}", stopped.join(", ")))),
        (None, true) if has_report => (RunState::Done, None),
        (None, true) => (RunState::Unfinished, Some(format!("no report yet; it has {}", done.join(", ")))),
    };
    run.when = run.ended.and_then(|ended| {
        let since = ended.duration_since(SystemTime::UNIX_EPOCH).ok()?;
        Some(reco_features::in_utc(i64::try_from(since.as_secs()).ok()?))
    });
    Some((run, repetitions))
}

/// Notes what lies in the folder of models.
fn models(run: &mut FoundRun, models: &Path, done: &mut Vec<&str>, stopped: &mut Vec<&str>) {
    let entries = fs::read_dir(models).into_iter().flatten().filter_map(Result::ok);
    let names: Vec<String> = entries.map(|entry| entry.file_name().to_string_lossy().into_owned()).collect();
    if names.iter().any(|name| name.starts_with('.') && name.ends_with(".partial")) {
        stopped.push("models");
    }
    let mut trained: Vec<String> =
        names.into_iter().filter(|name| !name.starts_with('.') && models.join(name).join(MANIFEST).exists()).collect();
    if trained.is_empty() {
        return;
    }
    trained.sort();
    done.push("models");
    for name in &trained {
        run.note_time(&models.join(name));
    }
    run.approaches = trained;
}

/// Whether the results of the run in `folder` are those that its report was written with; else what is wrong.
fn unchanged(folder: &Path, report: &Manifest) -> Result<(), String> {
    let path = folder.join("report").join(RESULTS);
    let is = digest(&path).map_err(|error| first_line(&error))?;
    match report.outputs.get(RESULTS) == Some(&is) {
        true => Ok(()),
        false => Err(format!("`{}` was changed since it was written", path.display())),
    }
}

/// The results in a run's folder, or why they cannot be read.
fn results(folder: &Path) -> Result<Results, String> {
    let path = folder.join("report").join(RESULTS);
    let text = fs::read(&path).map_err(|error| format!("cannot read `{}`: {error}", path.display()))?;
    serde_json::from_slice(&text).map_err(|error| format!("`{}` is of another version: {error}", path.display()))
}

impl FoundRun {
    /// Notes when the stage in `folder` ended.
    fn note_time(&mut self, folder: &Path) {
        let ended = fs::metadata(folder.join(MANIFEST)).and_then(|found| found.modified()).ok();
        self.ended = self.ended.max(ended);
    }

    /// Notes what a stage's manifest says of the run.
    fn note(&mut self, manifest: &Manifest) {
        if let Some(name) = manifest.notes["dataset"]["name"].as_str() {
            self.data = Some(name.to_owned());
        }
        if let Some(kind) = manifest.experiment["split"]["kind"].as_str() {
            self.split = Some(kind.to_owned());
        }
        if manifest.stage != "ingest" {
            self.seed = Some(manifest.seed);
        }
    }

    fn note_results(&mut self, results: Results) {
        self.best = best(&results);
        self.n_repetitions = results.repeat.as_ref().map_or(0, Vec::len);
        self.approaches = results.approaches.into_iter().map(|one| one.name).collect();
        self.experiment = Some(results.experiment);
        self.data = Some(results.dataset.name);
        self.split = Some(results.split.kind);
        self.seed = Some(results.seed);
        self.device = Some(results.device);
    }
}

/// Who is best, as the results say; where they are from before they said it, by the same metrics.
fn best(results: &Results) -> Vec<BestOf> {
    if let Some(summary) = &results.summary {
        let of = summary.best.iter();
        return of
            .map(|best| BestOf { metric: best.metric.clone(), approach: best.approach.clone(), value: best.value })
            .collect();
    }
    let columns = results.applying();
    let mains = BestFor::ALL.into_iter().filter_map(|of| of.main_column(columns.iter().copied(), reco_eval::METRICS));
    mains
        .filter_map(|column| {
            let is_lower = results.lower_is_better.contains(column);
            let values = results.approaches.iter().filter_map(|one| Some((one, one.metrics.get(column)?)));
            let (one, value) =
                values.min_by(|(_, a), (_, b)| if is_lower { a.total_cmp(b) } else { b.total_cmp(a) })?;
            Some(BestOf { metric: column.clone(), approach: one.name.clone(), value })
        })
        .collect()
}
