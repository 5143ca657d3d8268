//! The stage `report`: writes the outcome of a run for people and for machines.
//!
//! Does not know how a table looks: reco-report does.
//!
//! **Invariant**: every number comes from a manifest or an evaluation; nothing is computed again except how far apart
//! two of them are.

use std::fs;
use std::path::Path;

use reco_core::{EpochLog, TrainingLog, UserId};
use reco_eval::compare::RunValues;
use reco_eval::metric::Better;
use reco_eval::{BestFor, Column, Evaluation};
use reco_features::{Dataset, Info};
use reco_report::{
    ApproachFacts, ApproachResult, DatasetSummary, Facts, Figures, Headline, Provenance, ReportConfig, Results,
    SplitSummary, Suggestion, Work,
};
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use super::evaluate::EvaluateNotes;
use super::train::{self, TrainNotes};
use super::{Context, StageEntry, USERS, advice, counts, detail, evaluate, features, headline, ingest, own_version};
use crate::compare::read_file;
use crate::experiment::Configured;
use crate::folder::{Folder, Made};
use crate::manifest::{MANIFEST, Manifest, digest};
use crate::{Experiment, Outcome, RunError, artifact, check, registry};

/// The file of results, in the report's folder.
pub const RESULTS: &str = "results.json";

/// The report for people, beside it: one page with all figures.
pub const PAGE: &str = "report.html";

/// The whole experiment beside it, every default filled in: `reco run` takes it again.
pub const EXPERIMENT: &str = "experiment.toml";

/// The same in plain words and tables.
const REPORT: &str = "report.md";

/// The folder of figures that stand alone.
const FIGURES: &str = "figures";

pub(crate) const ENTRY: StageEntry = StageEntry {
    name: "report",
    about: "Writes the results as a page for people and as a file for machines",
    example: "  reco report\n  reco report --json",
    folders: |context| vec![context.at("report")],
    run,
};

/// One approach, with all that is known of it.
struct ResultRow {
    name: String,
    manifest: Manifest,
    trained: TrainNotes,
    history: Option<Vec<EpochLog>>,
    evaluation: Evaluation,
    evaluate_seconds: Option<f64>,
}

fn run(context: &Context<'_>) -> Result<Vec<Outcome>, RunError> {
    let experiment = context.experiment;
    let folder = folder(context)?;
    let outcome = context.work(&folder, None, |at| {
        let Evaluated { info, rows, values } = Evaluated::read(context)?;
        let mut results = results(context, &info, &rows);
        results.summary = Some(headline::of_run(experiment, &results, &values));
        let data = Dataset::read(&context.at("features"))?;
        let mut facts = facts(context, &info, &data, &rows)?;
        first_minute(context, &results, data, &values, &mut facts)?;
        context.go_on()?;
        write_all(at, &results, &facts, &experiment.report)?;
        context.go_on()?;
        Ok(Made::default())
    })?;
    Ok(vec![outcome])
}

/// What the stages before this one left, besides the data set.
struct Evaluated {
    info: Info,
    rows: Vec<ResultRow>,
    /// Each user's values of each approach.
    values: Vec<RunValues>,
}

impl Evaluated {
    fn read(context: &Context<'_>) -> Result<Self, RunError> {
        let features = Manifest::read(&context.at("features"), "`reco features` makes it")?;
        let evaluation = context.at("evaluation");
        let judged = Manifest::read(&evaluation, "`reco evaluate` makes it")?;
        let EvaluateNotes { seconds, .. } = from_notes(&evaluation, &judged.notes)?;
        let names = || context.experiment.approaches.iter().map(|one| one.name.as_str());
        // The notes are dropped: the evaluation is this reco's own, and whatever is left out was left out there.
        let users = |name: &str| evaluation.join(format!("{name}{USERS}"));
        Ok(Self {
            info: from_notes(&context.at("features"), &features.notes)?,
            rows: names().map(|name| row(context, name, seconds.get(name).copied())).collect::<Result<_, _>>()?,
            values: names().map(|name| read_file(&users(name), &mut Vec::new())).collect::<Result<_, _>>()?,
        })
    }
}

/// Fills in what the report of all repetitions, whose headline is `headline`, tells of one user and of what to try
/// next, by the data and the models of the repetition of `context`.
pub(super) fn of_repetition(context: &Context<'_>, headline: &Headline, facts: &mut Facts) -> Result<(), RunError> {
    let Evaluated { info, rows, values } = Evaluated::read(context)?;
    let results = Results { summary: Some(headline.clone()), ..results(context, &info, &rows) };
    let data = Dataset::read(&context.at("features"))?;
    let details = detail::users(&data, rows.iter().map(|row| (row.name.as_str(), &row.evaluation)));
    let mut own = Facts { details, ..Facts::default() };
    first_minute(context, &results, data, &values, &mut own)?;
    let label = context.repetition.unwrap_or_default();
    if let Some(recommended) = &mut own.recommended {
        recommended.user += &format!(" in the first repetition, {label}");
    }
    let at = |folder: &str| advice::shell_word(&format!("data/{label}{folder}"));
    let of_it = |mut one: Suggestion| {
        one.command = one.command.replacen("reco recommend", &format!("reco recommend --models {}", at("/models")), 1);
        one.command = one.command.replacen("reco compare data", &format!("reco compare {}", at("")), 1);
        one
    };
    (facts.recommended, facts.chosen_by) = (own.recommended, own.chosen_by);
    facts.suggestions = own.suggestions.into_iter().map(of_it).collect();
    Ok(())
}

/// Fills in what the first screen tells beside the best: one user, what that user would be recommended, and what to try
/// next.
fn first_minute(
    context: &Context<'_>,
    results: &Results,
    data: Dataset,
    values: &[RunValues],
    facts: &mut Facts,
) -> Result<(), RunError> {
    let Context { experiment, .. } = context;
    let headline = results.summary.clone().unwrap_or_default();
    let named = &experiment.evaluate.detail_user;
    let everyone = || values.first().map(|run| run.users.iter().map(|row| row.user.clone()).collect());
    let (whom, shown): (&str, Vec<UserId>) = match facts.details.is_empty() {
        // Nobody has a rated row; lists of events apply to everyone all the same.
        true => (" with held-out rows", everyone().unwrap_or_default()),
        false => {
            let detailed = facts.details.iter().map(|detail| UserId::parse(&detail.user));
            (" with the most held-out ratings", detailed.collect())
        }
    };
    let user = if named.is_empty() {
        let disputed = headline::most_disputed(results, values, (whom, &shown));
        disputed.map(|(user, how)| {
            facts.chosen_by = how;
            user.clone()
        })
    } else {
        Some(UserId::parse(named))
    };
    if let Some(at) = user.as_ref().and_then(|user| facts.details.iter().position(|one| one.user == user.to_string())) {
        facts.details[..=at].rotate_right(1);
    }
    let known = advice::known(&data);
    if let Some((best, user)) = headline.of(BestFor::Lists).or_else(|| headline.of(BestFor::Stars)).zip(user.as_ref()) {
        facts.recommended = advice::recommended(context, (&data, &known), &best.approach, user)?;
    }
    let someone_new = advice::someone_new(context, &data, &known);
    let findings = check::findings(experiment, data, results.clone())?;
    facts.suggestions = advice::suggestions(&headline, &findings, user.as_ref(), someone_new);
    Ok(())
}

/// The folder as this experiment requires it.
pub(super) fn folder(context: &Context<'_>) -> Result<Folder, RunError> {
    let experiment = context.experiment;
    let (_, feature_files) = features::folder(context)?.ready(context, "features")?;
    let (_, mut inputs) = evaluate::folder(context)?.ready(context, "evaluation")?;
    inputs.extend(feature_files.clone());
    for configured in &experiment.approaches {
        let folder = train::folder(context, configured, &feature_files);
        inputs.insert(format!("models/{}/{MANIFEST}", configured.name), digest(&folder.path.join(MANIFEST))?);
    }
    Ok(Folder {
        stage: ENTRY.name,
        version: 9,
        path: context.at("report"),
        part: json!({
            "name": experiment.name,
            "report": experiment.part(&experiment.report),
            // The experiment that lies beside the report says where its data are.
            "data": experiment.part(&experiment.data),
        }),
        inputs,
        versions: own_version(),
        seed: experiment.seed,
    })
}

/// Writes everything that a report's folder has.
pub(super) fn write_all(at: &Path, results: &Results, facts: &Facts, config: &ReportConfig) -> Result<(), RunError> {
    let figures = Figures::new(results, facts);
    write(&at.join(RESULTS), &results.to_json()?)?;
    write(&at.join(REPORT), &reco_report::markdown(results, facts, config))?;
    write(&at.join(PAGE), &reco_report::html(results, facts, &figures, config))?;
    write(&at.join(EXPERIMENT), &facts.provenance.experiment)?;
    let folder = at.join(FIGURES);
    fs::create_dir(&folder).map_err(RunError::writing(&folder))?;
    for drawing in figures.all() {
        write(&folder.join(format!("{}.svg", drawing.name)), &drawing.alone())?;
    }
    Ok(())
}

fn row(context: &Context<'_>, name: &str, evaluate_seconds: Option<f64>) -> Result<ResultRow, RunError> {
    context.go_on()?;
    let model = context.at("models").join(name);
    let manifest = Manifest::read(&model, "`reco train` makes it")?;
    let history = model.join(artifact::HISTORY);
    Ok(ResultRow {
        name: name.to_owned(),
        trained: from_notes(&model, &manifest.notes)?,
        manifest,
        history: if history.exists() { Some(read(&history, AGAIN)?) } else { None },
        evaluation: read(&context.at("evaluation").join(format!("{name}.json")), AGAIN)?,
        evaluate_seconds,
    })
}

fn results(context: &Context<'_>, info: &Info, rows: &[ResultRow]) -> Results {
    let experiment = context.experiment;
    let mut devices: Vec<&str> = Vec::new();
    for device in rows.iter().filter_map(|row| row.manifest.device.as_deref()) {
        if !devices.contains(&device) {
            devices.push(device);
        }
    }
    if devices.len() > 1 {
        // An approach without a device of its own says nothing about where the others were trained.
        devices.retain(|device| *device != "cpu");
    }
    let devices = devices.join(", ");
    // All approaches are measured by the same columns.
    let columns = rows.iter().take(1).flat_map(|row| row.evaluation.metrics.columns());
    Results { device: devices, approaches: rows.iter().map(approach).collect(), ..about(experiment, info, columns) }
}

/// All but the approaches of the results of one run.
fn about<'a>(experiment: &Experiment, info: &Info, columns: impl Iterator<Item = &'a Column> + Clone) -> Results {
    Results {
        experiment: experiment.name.clone(),
        dataset: DatasetSummary {
            name: info.dataset.name.clone(),
            sha256: info.dataset.sha256.clone(),
            n_users: info.n_users,
            n_items: info.n_items,
            n_ratings: info.n_ratings,
        },
        split: SplitSummary {
            kind: info.split.config.kind.clone(),
            n_train: info.split.n_train,
            n_valid: info.split.n_valid,
            n_fold_in: info.split.n_fold_in,
            n_test: info.split.n_test,
        },
        seed: experiment.seed,
        lower_is_better: detail::those(columns.clone(), Better::Lower),
        neither_is_better: detail::those(columns, Better::Neither),
        ..Results::default()
    }
}

/// The results of something that was not trained here.
pub(crate) fn of_one(
    experiment: &Experiment,
    info: &Info,
    (name, device): (&str, &str),
    evaluation: &Evaluation,
) -> Results {
    let approach =
        ApproachResult { name: name.to_owned(), metrics: evaluation.metrics.clone(), ..ApproachResult::default() };
    let columns = evaluation.metrics.columns();
    Results { device: device.to_owned(), approaches: vec![approach], ..about(experiment, info, columns) }
}

fn approach(row: &ResultRow) -> ApproachResult {
    ApproachResult {
        name: row.name.clone(),
        n_parameters: row.trained.n_parameters,
        epochs: row.trained.epochs,
        train_seconds: row.trained.train_seconds,
        evaluate_seconds: row.evaluate_seconds,
        ratings_per_second: row.trained.ratings_per_second,
        row_times: row.evaluation.row_times,
        metrics: row.evaluation.metrics.clone(),
        validation: row.evaluation.validation.clone(),
        intervals: row.evaluation.intervals.clone(),
        by_user_history: row.evaluation.by_user_history.clone(),
        by_item_history: row.evaluation.by_item_history.clone(),
    }
}

fn facts(context: &Context<'_>, info: &Info, data: &Dataset, rows: &[ResultRow]) -> Result<Facts, RunError> {
    let (tables, table_files) = ingest::ready(context)?;
    let dataset = &info.dataset;
    let count = |n: usize| n.to_string();
    let mut facts = Facts {
        dataset: vec![
            ("source".to_owned(), dataset.source.clone()),
            ("licence".to_owned(), dataset.licence.clone()),
            ("citation".to_owned(), dataset.citation.clone()),
            ("rows rejected".to_owned(), dataset.n_rejected.to_string()),
            ("duplicates left out".to_owned(), dataset.n_duplicates.to_string()),
            ("items dropped".to_owned(), count(info.n_items_dropped)),
            ("ratings below `min_rating`, dropped".to_owned(), count(info.filtered.n_ratings_below)),
            ("users with too few ratings, dropped".to_owned(), count(info.filtered.n_users)),
            ("items with too few ratings, dropped".to_owned(), count(info.filtered.n_items)),
            ("their ratings, dropped".to_owned(), count(info.filtered.n_ratings)),
        ],
        evaluation: detail::protocol(
            context.experiment,
            info,
            data.catalogue.scale,
            rows.first().map(|row| &row.evaluation),
        ),
        groups: rows.iter().map(|row| (row.name.clone(), row.evaluation.by_group.clone())).collect(),
        counts: Some(counts::counts(data)),
        approaches: approaches(context, rows)?,
        details: detail::users(data, rows.iter().map(|row| (row.name.as_str(), &row.evaluation))),
        provenance: provenance(context, rows)?,
        ..Facts::default()
    };
    facts.dataset.retain(|(_, value)| !value.is_empty() && value != "0");
    for row in rows {
        if let Some(epochs) = &row.history {
            let log = TrainingLog {
                epochs: epochs.clone(),
                best_epoch: row.trained.best_epoch.unwrap_or(epochs.len()),
                n_train: row.trained.n_train,
                n_validation: row.trained.n_validation,
                train_seconds: row.trained.train_seconds,
            };
            facts.training.push((row.name.clone(), log));
        }
        let weights = row.manifest.outputs.iter().filter(|(name, _)| *name == artifact::WEIGHTS);
        facts.checksums.extend(weights.map(|(name, sha)| (format!("models/{}/{name}", row.name), sha.clone())));
    }
    let raw = tables.inputs.iter().chain(&table_files).map(|(name, sha)| (name.clone(), sha.clone()));
    facts.checksums.splice(0..0, raw);
    Ok(facts)
}

/// What the registry and the artifact say of each approach.
fn approaches(context: &Context<'_>, rows: &[ResultRow]) -> Result<Vec<ApproachFacts>, RunError> {
    let facts = |(row, configured): (&ResultRow, &Configured)| {
        let about = registry::approaches().find(|entry| entry.name == configured.kind).map(|entry| entry.about);
        let layers = context.at("models").join(&row.name).join(artifact::LAYERS);
        Ok(ApproachFacts {
            name: row.name.clone(),
            about: about.unwrap_or_default().to_owned(),
            layers: if layers.exists() { Some(read(&layers, AGAIN)?) } else { None },
        })
    };
    rows.iter().zip(&context.experiment.approaches).map(facts).collect()
}

/// What it takes to repeat the run, and what the run took.
fn provenance(context: &Context<'_>, rows: &[ResultRow]) -> Result<Provenance, RunError> {
    let mut versions = own_version();
    let mut work = Vec::new();
    let mut took = |what: String, manifest: &Manifest| {
        versions.extend(manifest.versions.clone());
        work.push(Work {
            what,
            device: manifest.device.clone().unwrap_or_default(),
            seconds: manifest.seconds,
            peak_memory_bytes: manifest.peak_memory_bytes,
        });
    };
    took("tables".to_owned(), &ingest::ready(context)?.0);
    took("features".to_owned(), &features::folder(context)?.ready(context, "features")?.0);
    rows.iter().for_each(|row| took(format!("models/{}", row.name), &row.manifest));
    took("evaluation".to_owned(), &evaluate::folder(context)?.ready(context, "evaluation")?.0);
    Ok(Provenance {
        command: context.command.to_owned(),
        experiment: context.experiment.to_toml(),
        versions: versions.into_iter().collect(),
        work,
    })
}

pub(crate) fn from_notes<T: DeserializeOwned>(folder: &Path, notes: &Value) -> Result<T, RunError> {
    serde_json::from_value(notes.clone()).map_err(|error| json_error(&folder.join(MANIFEST), &error, AGAIN))
}

/// Reads a file of JSON; `hint` says what makes it again.
pub(crate) fn read<T: DeserializeOwned>(path: &Path, hint: &str) -> Result<T, RunError> {
    let text = fs::read_to_string(path).map_err(RunError::reading(path))?;
    serde_json::from_str(&text).map_err(|error| json_error(path, &error, hint))
}

fn json_error(path: &Path, error: &serde_json::Error, hint: &str) -> RunError {
    RunError::Json { path: path.display().to_string(), reason: error.to_string(), hint: hint.to_owned() }
}

const AGAIN: &str = "make it again: `reco run --force`";

fn write(path: &Path, text: &str) -> Result<(), RunError> {
    fs::write(path, text).map_err(RunError::writing(path))
}
