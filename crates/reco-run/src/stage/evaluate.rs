//! The stage `evaluate`: measures every model on the held-out rows.
//!
//! Does not know any metric: reco-eval does. Trains nothing.
//!
//! **Invariant**: a model is judged from its artifact, as anyone would load it, by held-out rows it never saw.

use std::collections::BTreeMap;
use std::time::Instant;

use reco_core::{Catalogue, Interactions, Progress, Recommender, Seen, TestUser};
use reco_data::table::{Column, Table};
use reco_eval::{
    Ask, EvalError, Evaluation, Group, METRICS, Protocol, Task, TrainingCounts, UserValues, evaluate_watched, gaps,
    groups, intervals_watched, unanswerable,
};
use reco_features::{Dataset, SplitConfig};
use serde::{Deserialize, Serialize};
use serde_json::json;

use super::report::from_notes;
use super::{Context, StageEntry, features, notes, own_version, train};
use crate::artifact::Artifact;
use crate::folder::{Folder, Made, write_json};
use crate::manifest::Manifest;
use crate::models::{Lists, RankedBy};
use crate::validation::{Asked, Validation};
use crate::{Experiment, Outcome, RunError, models, tracking};

/// The name of the file of users' values, after the approach's name.
pub(crate) const USERS: &str = ".users.parquet";

pub(super) const ENTRY: StageEntry = StageEntry {
    name: "evaluate",
    about: "Judges every trained model by the held-out ratings",
    example: "  reco evaluate --set 'evaluate.k=[5, 10]'\n  reco evaluate --experiment data/experiments/ratio-811.toml \
        --scores mine.parquet --json",
    folders: |context| vec![context.at("evaluation")],
    run,
};

fn run(context: &Context<'_>) -> Result<Vec<Outcome>, RunError> {
    let experiment = context.experiment;
    let folder = folder(context)?;
    let outcome = context.work(&folder, None, |at| {
        let ruler = Ruler::new(context)?;
        let validation = ruler.validation(&experiment.split)?;
        let (mut devices, mut values, mut seconds) = (Vec::new(), BTreeMap::new(), BTreeMap::new());
        let mut measured = Vec::new();
        for configured in &experiment.approaches {
            context.go_on()?;
            let model = context.at("models").join(&configured.name);
            let artifact =
                Artifact::load_once(&model, experiment.device, context.progress.train(), context.hashed, None)?;
            let started = Instant::now();
            let mut evaluation = ruler.measure(artifact.model.as_ref(), Ask::AsVisitors)?;
            seconds.insert(configured.name.clone(), started.elapsed().as_secs_f64());
            if let Ok(validation) = &validation {
                let measured = validation.measure(artifact.model.as_ref(), &ruler.asked());
                evaluation.validation = measured.map_err(stopped)?.metrics;
                let value = evaluation.validation.get(&validation.column);
                values.extend(value.map(|value| (configured.name.clone(), value)));
            }
            write_json(&at.join(format!("{}.json", configured.name)), &evaluation)?;
            let table = predictions(&evaluation, &ruler.dataset.catalogue, &configured.name)?;
            table.write(&at.join(format!("{}.parquet", configured.name)))?;
            users(&evaluation, &configured.name)?.write(&at.join(format!("{}{USERS}", configured.name)))?;
            measured.push((configured, tracking::measured(&evaluation)));
            let device = artifact.model.device();
            if !devices.contains(&device) {
                devices.push(device);
            }
        }
        // Once all is measured, so that an evaluation that is broken off and begun again tells nothing twice.
        for (configured, measured) in measured {
            context.tracking.evaluated(context, configured, &measured)?;
        }
        let ranked_by = match validation {
            Ok(validation) => RankedBy::Metric(validation.column),
            Err(why) => RankedBy::Nothing(why),
        };
        let told = EvaluateNotes { n_users: ruler.test_users.len(), seconds, lists: Lists { ranked_by, values } };
        Ok(Made { device: Some(devices.join(", ")), notes: notes(&told) })
    })?;
    let manifest = Manifest::read(&folder.path, "`reco evaluate` makes it")?;
    let EvaluateNotes { lists, .. } = from_notes(&folder.path, &manifest.notes)?;
    models::write(context, &lists)?;
    Ok(vec![outcome])
}

/// What an evaluation's manifest notes.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct EvaluateNotes {
    /// Users with test rows.
    n_users: usize,
    /// Wall time of scoring, ranking and measuring the test rows, by the approach's name.
    pub(super) seconds: BTreeMap<String, f64>,
    /// How the approaches rank validation rows.
    lists: Lists,
}

/// Reports a request to stop as an interruption, not as a failed evaluation.
fn stopped(error: EvalError) -> RunError {
    match error {
        EvalError::Interrupted => RunError::Interrupted,
        other => other.into(),
    }
}

/// What the evaluation asks for and these data cannot give: a context that they do not have, a threshold above all
/// ratings, a user to show who has nothing to show, more sampled candidates than items. `fold_in` are the rows given of
/// users who are held out whole.
pub(super) fn unmeasurable(
    experiment: &Experiment,
    catalogue: &Catalogue,
    test: &Interactions,
    fold_in: &Interactions,
) -> Vec<String> {
    let config = &experiment.evaluate;
    let Protocol { context, relevance_threshold, .. } = config;
    let moment = reco_features::context_vector(catalogue, context);
    let mut refusals: Vec<String> =
        moment.err().map(|error| format!("`evaluate.context`: {error}")).into_iter().collect();
    let highest = catalogue.scale.max();
    let is_rated = test.ratings().iter().any(Option::is_some);
    // A threshold that is not stated lies on the scale; the names of metrics were read before anything was made.
    let reads = is_rated && config.reads_relevance(METRICS).unwrap_or(false);
    if let Some(threshold) = relevance_threshold.filter(|threshold| reads && *threshold > highest) {
        refusals.push(format!(
            "`evaluate.relevance_threshold` is `{threshold}` and no rating is above `{highest}`: no item would be \
             relevant\n\
             hint: it is in stars; lower it"
        ));
    }
    let test_users = TestUser::group_with_fold_in(test, fold_in, catalogue.n_users());
    let refused = unanswerable(config, &test_users, catalogue);
    refusals.extend(refused.iter().map(EvalError::to_string));
    refusals
}

/// What every recommender is measured by: the held-out rows of one data set, and the rules of one experiment.
pub(crate) struct Ruler<'a> {
    config: &'a Protocol,
    seed: u64,
    pub(crate) dataset: Dataset,
    test_users: Vec<TestUser>,
    seen: Vec<Seen>,
    known: TrainingCounts,
    groups: Vec<Group>,
    moment: Vec<f32>,
    progress: &'a dyn Progress,
}

impl<'a> Ruler<'a> {
    /// Reads what the stage `features` left.
    pub(crate) fn new(context: &Context<'a>) -> Result<Self, RunError> {
        let experiment = context.experiment;
        let dataset = Dataset::read(&context.at("features"))?;
        let fold_in = dataset.fold_in.clone().unwrap_or_default();
        let refusals = unmeasurable(experiment, &dataset.catalogue, &dataset.test, &fold_in);
        if !refusals.is_empty() {
            return Err(RunError::Refused(refusals));
        }
        let genres = dataset.details.iter().map(|item| item.genres.as_slice());
        Ok(Self {
            config: &experiment.evaluate,
            progress: context.progress.train(),
            seed: experiment.seed,
            test_users: dataset.test_users(),
            seen: dataset.seen(),
            known: TrainingCounts::new(&dataset.fit, &dataset.catalogue).with_genres(genres),
            groups: groups(&dataset.catalogue),
            moment: reco_features::context_vector(&dataset.catalogue, &experiment.evaluate.context)?,
            dataset,
        })
    }

    /// What each user met before the test, one entry per user of the catalogue.
    pub(crate) fn seen(&self) -> &[Seen] {
        &self.seen
    }

    /// The validation rows, measured by the lists alone; or why there is nothing to measure.
    fn validation(&self, split: &SplitConfig) -> Result<Result<Validation, String>, RunError> {
        let Dataset { validation, fit, .. } = &self.dataset;
        let chosen = self.config.of_lists(METRICS)?;
        Ok(Validation::new(validation.as_ref(), fit, &self.known, split, chosen))
    }

    fn asked(&self) -> Asked<'_> {
        Asked { known: &self.known, moment: &self.moment, seed: self.seed, progress: self.progress }
    }

    /// Measures `recommender`, with the bounds of each metric and the gaps between groups of users.
    pub(crate) fn measure(&self, recommender: &dyn Recommender, held_out: Ask) -> Result<Evaluation, RunError> {
        let Self { config, seed, test_users, seen, known, moment, progress, .. } = self;
        let metrics = METRICS;
        let task = Task { test_users, seen, known, metrics, config, context: moment, seed: *seed, held_out };
        let mut evaluation = evaluate_watched(recommender, &task, *progress).map_err(stopped)?;
        evaluation.intervals = intervals_watched(&evaluation, metrics, *seed, *progress).map_err(stopped)?;
        evaluation.by_group = gaps(&evaluation, metrics, &self.dataset.catalogue, &self.groups, &config.buckets);
        Ok(evaluation)
    }
}

/// Every user's share in the metrics: `user_id` (as the ratings file writes it), `n_train` (ratings that were known),
/// `n_test`, `n_rated`, `n_relevant`, and a column for each metric that has a value for some user; missing where a user
/// is left out of it.
pub(crate) fn users(evaluation: &Evaluation, name: &str) -> Result<Table, RunError> {
    let users = &evaluation.per_user;
    let mut table = Table::new().with_metadata("model", name);
    table.push("user_id", Column::of_ids(users.iter().map(|user| &user.user.0)))?;
    type Count = (&'static str, fn(&UserValues) -> usize);
    let counts: [Count; 4] = [
        ("n_train", |user| user.n_train),
        ("n_test", |user| user.n_test),
        ("n_rated", |user| user.n_rated),
        ("n_relevant", |user| user.n_relevant),
    ];
    for (name, count) in counts {
        // There are fewer rows than 2^63.
        table.push(name, Column::I64(users.iter().map(|user| Some(count(user) as i64)).collect()))?;
    }
    for (at, column) in evaluation.metrics.columns().enumerate() {
        let values: Vec<Option<f64>> = users.iter().map(|user| user.values[at]).collect();
        if values.iter().any(Option::is_some) {
            table.push(&column.to_string(), Column::F64(values))?;
        }
    }
    Ok(table)
}

/// Every rated test row that has a score, with its prediction: `user_id`, `item_id` (as the ratings file writes them),
/// `y` (the rating after scaling) and `yhat` (on the same scale; a raw score where the recommender gives an order
/// only).
fn predictions(evaluation: &Evaluation, catalogue: &Catalogue, name: &str) -> Result<Table, RunError> {
    let rows = &evaluation.predictions;
    let mut table = Table::new().with_metadata("model", name);
    table.push("user_id", Column::of_ids(rows.iter().map(|row| &catalogue.users.id(row.user).0)))?;
    table.push("item_id", Column::of_ids(rows.iter().map(|row| &catalogue.items.id(row.item).0)))?;
    table.push("y", Column::F64(rows.iter().map(|row| Some(row.y)).collect()))?;
    table.push("yhat", Column::F64(rows.iter().map(|row| Some(row.yhat)).collect()))?;
    Ok(table)
}

/// The folder as this experiment requires it.
pub(super) fn folder(context: &Context<'_>) -> Result<Folder, RunError> {
    let experiment = context.experiment;
    let (_, features) = features::folder(context)?.ready(context, "features")?;
    let mut inputs = features.clone();
    for configured in &experiment.approaches {
        let prefix = format!("models/{}", configured.name);
        inputs.extend(train::folder(context, configured, &features).ready(context, &prefix)?.1);
    }
    let names: Vec<&str> = experiment.approaches.iter().map(|one| one.name.as_str()).collect();
    Ok(Folder {
        stage: ENTRY.name,
        version: 9,
        path: context.at("evaluation"),
        part: json!({
            "evaluate": experiment.part(&experiment.evaluate),
            // A metric that is new in the registry changes no key of the experiment.
            "columns": experiment.evaluate.columns(METRICS)?,
            "approaches": names,
            "device": experiment.device,
        }),
        inputs,
        versions: own_version(),
        seed: experiment.seed,
    })
}
