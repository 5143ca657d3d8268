//! Selects the model that answers: which ones in a folder may, and which one does where none is named.
//!
//! Does not know how a model answers. A run leaves a list of its models beside them, so that models of an earlier
//! experiment in the same folder are told apart; a folder without a list is one that somebody put together.
//!
//! **Invariant**: where there is a list, a model that it does not name, or that changed since, does not answer; the
//! model that answers unnamed was chosen by validation rows, or by a fixed order that is told as such, never by test
//! rows.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use reco_core::options::did_you_mean;
use reco_core::{AnyApproach, Requirement};
use reco_eval::Column;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::folder::json;
use crate::lock::Lock;
use crate::manifest::{Digests, MANIFEST, Manifest, SCHEMA_VERSION, sealed};
use crate::place::Place;
use crate::registry::approaches;
use crate::stage::Context;
use crate::{RunError, RunProgress, auto, checkpoint};

/// The list of the last run's models, in their folder.
pub const ANSWERS: &str = "answers.json";

/// The approaches that answer if nothing says which one ranks best. What is popular comes first: it needs to know
/// nothing of who asks.
const SIMPLE: &[&str] = &["popularity", "profile", "top-rated"];

/// Without `auto`, visitors with fewer ratings than this get what is popular. On MovieLens 100K, with a third of the
/// users held out whole and cut to 1, 2, 3 and 5 ratings, popularity has an NDCG@10 of 0.36 to 0.37, and the best of
/// the approaches that follow ratings 0.25 to 0.27.
pub(crate) const LISTS_FOLLOW: usize = 5;

/// A yardstick: it answers only if it is named, or if it is alone.
pub(crate) const CHANCE: &str = "random";

/// An approach that scores all items alike has no list: the catalogue's order decides which of them come first.
const NO_LISTS: &str = "user-mean";

/// The models of the last run, and what is known of their lists.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Answers {
    schema_version: u32,
    /// The experiment that was run.
    experiment: String,
    /// For a repeated experiment, the folders beside this one that have its models; else empty.
    repetitions: Vec<String>,
    ranked_by: RankedBy,
    approaches: Vec<Model>,
}

/// What the models of a run are ranked by.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum RankedBy {
    /// A metric of the validation rows, the more the better.
    Metric(Column),
    /// Nothing, for this reason.
    Nothing(String),
}

/// What an evaluation says of the lists of validation rows.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Lists {
    pub(crate) ranked_by: RankedBy,
    /// The metric's value by approach, without those that it does not apply to.
    pub(crate) values: BTreeMap<String, f64>,
}

/// One model of a folder.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Model {
    /// The name of its folder.
    name: String,
    /// The registry's entry; the folder's name, where there is no list.
    kind: String,
    /// [`Manifest::identity`].
    identity: String,
    /// How good its lists of validation rows were.
    validation: Option<f64>,
}

/// Who asks without naming an approach.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AskedBy {
    /// Users that the models were trained on.
    Users,
    /// Someone whom no model was trained on.
    Visitor {
        /// How many ratings are told.
        n_rated: usize,
        /// Whether liked features or attributes are stated.
        states: bool,
    },
}

/// The model that answers where none was named.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Chosen {
    /// Its folder.
    #[serde(skip)]
    pub folder: PathBuf,
    /// The registry's entry.
    #[serde(skip)]
    pub kind: String,
    /// Whether its lists follow the ratings that a visitor tells.
    #[serde(skip)]
    pub(crate) follows_ratings: bool,
    /// Why it is this one, worded to follow its name:
    /// `which ranked best on validation (ndcg@10 0.1290; next profile 0.1100)`.
    pub why: String,
    /// What the models were ranked by, if they were.
    pub metric: Option<Column>,
    /// Its value.
    pub value: Option<f64>,
    /// The second best.
    pub next: Option<RunnerUp>,
}

/// The second best of those that could answer.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct RunnerUp {
    /// Its name.
    pub approach: String,
    /// The metric's value.
    pub value: f64,
}

/// Writes the list after a training. A list of the same experiment that already has these models, and more, is kept.
pub(crate) fn after_training(context: &Context<'_>) -> Result<(), RunError> {
    let (mine, _) = trained(context)?;
    // A list that is damaged or of another version is written again.
    let old = Answers::read(&context.at("models")).ok().flatten();
    let same = |old: &Answers| {
        let knows = |one: &Model| old.approaches.iter().any(|known| (&known.name, &known.identity) == one.key());
        old.experiment == context.experiment.name && mine.iter().all(knows)
    };
    if old.as_ref().is_some_and(same) {
        return Ok(());
    }
    let why = "the last run was not evaluated (`reco evaluate` does)".to_owned();
    write(context, &Lists { ranked_by: RankedBy::Nothing(why), values: BTreeMap::new() })
}

/// Writes the list after an evaluation.
pub(crate) fn write(context: &Context<'_>, lists: &Lists) -> Result<(), RunError> {
    let models = context.at("models");
    let (mut mine, inputs) = trained(context)?;
    mine.iter_mut().for_each(|one| one.validation = lists.values.get(&one.name).copied());
    // If only a part of the experiment was run, its other models stay in the list, but they are not of this run and get
    // no rank.
    let old = Answers::read(&models).ok().flatten().filter(|old| old.experiment == context.experiment.name);
    for one in old.into_iter().flat_map(|old| old.approaches) {
        let fresh = || Manifest::read(&models.join(&one.name), "").ok().filter(|found| found.inputs == inputs);
        if mine.iter().all(|other| other.name != one.name) && fresh().is_some_and(|it| it.identity() == one.identity) {
            mine.push(Model { validation: None, ..one });
        }
    }
    save(context, &Answers::of(context, Vec::new(), lists.ranked_by.clone(), mine))
}

/// Writes, in the place of an earlier run's list, that the last run was repeated.
pub(crate) fn write_repeated(context: &Context<'_>) -> Result<(), RunError> {
    let labels: Vec<String> = context.experiment.repetitions.iter().map(|one| one.label.clone()).collect();
    let nothing = RankedBy::Nothing("the last run was repeated".to_owned());
    save(context, &Answers::of(context, labels, nothing, Vec::new()))
}

fn save(context: &Context<'_>, answers: &Answers) -> Result<(), RunError> {
    let models = context.at("models");
    let path = models.join(ANSWERS);
    let text = sealed(&json(&path, answers)?);
    // Somebody may have put something else there meanwhile.
    refuse_foreign(context)?;
    context.place(&models)?.keep_edited(&models, ANSWERS)?;
    context.place(&path)?.replace_file(&text)
}

/// Removes the models under `out` that are not called as one of `keep`, and states of trainings, and names them: an
/// earlier training made them, and they know its users. `command` is what the folder is locked for.
///
/// # Errors
/// A folder that holds something that is not ours; another run at work there; what the system says.
pub fn remove_others(
    out: &Path,
    keep: &[String],
    command: &str,
    progress: &dyn RunProgress,
) -> Result<Vec<String>, RunError> {
    let lock = Lock::of(out);
    lock.take(command)?;
    let states = checkpoint::remove_all(out, progress)?;
    let shelf = match Shelf::open(&out.join("models")) {
        Err(RunError::NoModels { .. }) => return Ok(states),
        shelf => shelf?,
    };
    let others: Vec<String> = shelf.folders.into_iter().filter(|name| !keep.contains(name)).collect();
    for name in &others {
        Place::new(out, &shelf.models.join(name), progress)?.remove()?;
    }
    Ok(others.into_iter().chain(states).collect())
}

/// Removes what a run that was killed while it wrote the list left.
///
/// # Errors
/// Something under its hidden name that is not ours.
pub(crate) fn recover(context: &Context<'_>) -> Result<(), RunError> {
    context.place(&context.at("models").join(ANSWERS))?.clear()
}

/// Refuses anything but a list of ours in the place where the list of `context` is written.
///
/// # Errors
/// What is in the way.
pub(crate) fn refuse_foreign(context: &Context<'_>) -> Result<(), RunError> {
    let path = context.at("models").join(ANSWERS);
    if fs::symlink_metadata(&path).is_err() {
        return context.place(&path)?.refuse_foreign_partial();
    }
    let found = fs::metadata(&path).is_ok_and(|found| found.is_file()).then(|| fs::read(&path).ok()).flatten();
    let found: Value = found.and_then(|text| serde_json::from_slice(&text).ok()).unwrap_or_default();
    // Any version of reco may have written it.
    if ["schema_version", "approaches"].iter().all(|key| found.get(key).is_some()) {
        return context.place(&path)?.refuse_foreign_partial();
    }
    Err(RunError::in_the_way(&path, "it is no list of models that reco wrote"))
}

/// The models of this experiment, and what they were made from.
fn trained(context: &Context<'_>) -> Result<(Vec<Model>, Digests), RunError> {
    let (mut models, mut inputs) = (Vec::new(), Digests::new());
    for one in &context.experiment.approaches {
        let manifest = Manifest::read(&context.at("models").join(&one.name), "`reco train` makes it")?;
        let (name, kind) = (one.name.clone(), one.kind.to_owned());
        models.push(Model { name, kind, identity: manifest.identity(), validation: None });
        inputs = manifest.inputs;
    }
    Ok((models, inputs))
}

impl Model {
    fn key(&self) -> (&String, &String) {
        (&self.name, &self.identity)
    }

    /// What it was trained as; where its manifest does not tell, with the defaults. `None` for a kind that no registry
    /// has.
    fn approach(&self, models: &Path) -> Option<Box<dyn AnyApproach>> {
        let entry = approaches().find(|entry| entry.name == self.kind)?;
        let made = Manifest::read(&models.join(&self.name), "").ok();
        let options = made.map_or_else(entry.defaults, |made| made.experiment["options"].clone());
        (entry.configure)(&options).ok()
    }

    /// Its place in the registry's order.
    fn place(&self) -> Option<usize> {
        approaches().position(|entry| entry.name == self.kind)
    }
}

impl Answers {
    fn of(context: &Context<'_>, repetitions: Vec<String>, ranked_by: RankedBy, approaches: Vec<Model>) -> Self {
        let experiment = context.experiment.name.clone();
        Self { schema_version: SCHEMA_VERSION, experiment, repetitions, ranked_by, approaches }
    }

    /// The list in `models`, if there is one.
    fn read(models: &Path) -> Result<Option<Self>, RunError> {
        let path = models.join(ANSWERS);
        if !path.exists() {
            return Ok(None);
        }
        let refuse = |reason: String| RunError::Json {
            path: path.display().to_string(),
            reason,
            hint: "keep it elsewhere, and `reco train` writes a new one".to_owned(),
        };
        let text = fs::read_to_string(&path).map_err(RunError::reading(&path))?;
        let answers: Self = serde_json::from_str(&text).map_err(|error| refuse(error.to_string()))?;
        match answers.schema_version {
            SCHEMA_VERSION => Ok(Some(answers)),
            other => Err(refuse(format!("its schema version is `{other}`, and this reco reads `{SCHEMA_VERSION}`"))),
        }
    }
}

/// What lies in a folder of models.
struct Shelf {
    models: PathBuf,
    answers: Option<Answers>,
    /// Every folder there.
    folders: Vec<String>,
    /// Those that may answer, in the registry's order.
    available: Vec<Model>,
}

impl Shelf {
    /// `models` is the folder of models, or the folder of the run that has it.
    fn open(models: &Path) -> Result<Self, RunError> {
        let inside = models.join("models");
        let models = if inside.is_dir() && !models.join(ANSWERS).exists() { &inside } else { models };
        let answers = Answers::read(models)?;
        let path = models.display().to_string();
        if let Some(answers) = answers.as_ref().filter(|answers| !answers.repetitions.is_empty()) {
            let folder = |label: &String| models.with_file_name(label).join("models").display().to_string();
            let known = answers.repetitions.iter().map(folder).collect::<Vec<_>>().join("`, `");
            return Err(RunError::RepeatedModels { path, experiment: answers.experiment.clone(), known });
        }
        let mut folders: Vec<String> = match fs::read_dir(models) {
            Ok(entries) => entries
                .filter_map(Result::ok)
                .map(|entry| entry.file_name().to_string_lossy().into_owned())
                .filter(|name| !name.starts_with('.') && models.join(name).join(MANIFEST).exists())
                .collect(),
            Err(_) => Vec::new(),
        };
        if folders.is_empty() {
            return Err(RunError::NoModels { path });
        }
        folders.sort();
        let unlisted =
            |name: &String| Model { name: name.clone(), kind: name.clone(), identity: String::new(), validation: None };
        let mut available: Vec<Model> = match &answers {
            None => folders.iter().map(unlisted).collect(),
            Some(answers) => answers.approaches.iter().filter(|one| is_same(models, one)).cloned().collect(),
        };
        available.sort_by_key(|one| (one.place(), one.name.clone()));
        Ok(Self { models: models.to_owned(), answers, folders, available })
    }

    fn find(&self, name: &str) -> Result<PathBuf, RunError> {
        if self.available.iter().any(|one| one.name == name) {
            return Ok(self.models.join(name));
        }
        let (name, path) = (name.to_owned(), self.models.display().to_string());
        let in_registry = approaches().any(|entry| entry.name == name);
        if let (Some(answers), true) = (&self.answers, self.folders.contains(&name)) {
            return Err(answers.refusal(name, path));
        }
        let hint = if in_registry {
            format!("train it: `reco train --approach {name}`")
        } else {
            let trained = self.available.iter().map(|one| one.name.as_str());
            did_you_mean(&name, trained.chain(approaches().map(|entry| entry.name)))
        };
        Err(RunError::UnknownModel { name, path, hint })
    }

    /// The last model in the registry's order that may answer and is `such`; if none is, the last that may answer.
    fn last(&self, such: impl Fn(&Path) -> bool) -> Result<PathBuf, RunError> {
        let folders: Vec<PathBuf> = self.available.iter().map(|one| self.models.join(&one.name)).collect();
        match folders.iter().rev().find(|folder| such(folder)).or(folders.last()) {
            Some(last) => Ok(last.clone()),
            // Only other models are there, and the error says so.
            None => self.find(&self.folders[0]),
        }
    }

    fn choose(&self, by: AskedBy) -> Result<Chosen, RunError> {
        if self.available.is_empty() {
            // Only other models are there, and the error says so.
            self.find(&self.folders[0])?;
        }
        let first = |kind: &str| self.available.iter().find(|one| one.kind == kind);
        // It takes what did best for so many ratings; validation rows say how good it is for users alone.
        if let (AskedBy::Visitor { n_rated: 1.., .. }, Some(one)) = (by, first(auto::NAME)) {
            return Ok(self.chosen(one, "which takes what does best for as many ratings".to_owned()));
        }
        let (wishes, reason): (&[&str], &str) = match by {
            AskedBy::Users => (SIMPLE, ""),
            AskedBy::Visitor { n_rated, states }
                if n_rated >= LISTS_FOLLOW
                    || (n_rated > 0 && !states && SIMPLE.iter().all(|kind| first(kind).is_none())) =>
            {
                (&["content", "profile"], "")
            }
            AskedBy::Visitor { states: true, .. } => (&["profile"], "which follows what is stated"),
            AskedBy::Visitor { n_rated: 1.., .. } => {
                (SIMPLE, "which serves those who rated fewer than 5 items better than approaches that follow ratings")
            }
            AskedBy::Visitor { .. } => (SIMPLE, "which needs to know nothing of who asks"),
        };
        // The best ranked of those that can answer. Validation rows say nothing of what visitors state.
        let ranked_by = self.answers.as_ref().map(|answers| &answers.ranked_by);
        if let (Some(RankedBy::Metric(metric)), true) = (ranked_by, reason.is_empty()) {
            let can = |one: &&Model| by == AskedBy::Users || self.follows_ratings(one);
            let value = |one: &Model| Some((one.clone(), one.validation?));
            let candidates =
                self.available.iter().filter(can).filter(|one| ![CHANCE, NO_LISTS].contains(&one.kind.as_str()));
            let mut best: Vec<(Model, f64)> = candidates.filter_map(value).collect();
            // A stable sort: of equals, the earlier in the registry comes first.
            best.sort_by(|one, other| other.1.total_cmp(&one.1));
            let mut best = best.into_iter();
            if let Some((one, value)) = best.next() {
                let next = best.next().map(|(next, value)| RunnerUp { approach: next.name, value });
                let than = match (&next, by) {
                    (Some(RunnerUp { approach, value }), _) => format!("; next {approach} {value:.4}"),
                    (None, AskedBy::Users) => "; no other was ranked".to_owned(),
                    (None, _) => "; no other follows ratings".to_owned(),
                };
                let among = if by == AskedBy::Users { "" } else { " of those that follow ratings" };
                let why = format!("which ranked best on validation{among} ({metric} {value:.4}{than})");
                return Ok(Chosen { metric: Some(metric.clone()), value: Some(value), next, ..self.chosen(&one, why) });
            }
        }
        let find = |kinds: &[&str]| kinds.iter().find_map(|kind| first(kind));
        let answers = || self.available.iter().rev().find(|one| by == AskedBy::Users || self.answers_visitors(one));
        let (one, why) = match (find(wishes), find(SIMPLE).or_else(answers)) {
            (Some(wished), _) if !reason.is_empty() => (wished, reason.to_owned()),
            (Some(wished), _) => (wished, self.unranked(&[])),
            (None, Some(other)) if reason.is_empty() => (other, self.unranked(wishes)),
            (None, Some(other)) => (other, format!("asked because none of `{}` was trained", wishes.join("`, `"))),
            (None, None) => return Err(RunError::NoneForVisitors { path: self.models.display().to_string() }),
        };
        Ok(self.chosen(one, why))
    }

    /// Unranked, for this reason.
    fn chosen(&self, one: &Model, why: String) -> Chosen {
        let (folder, follows_ratings) = (self.models.join(&one.name), self.follows_ratings(one));
        Chosen { folder, kind: one.kind.clone(), follows_ratings, why, metric: None, value: None, next: None }
    }

    /// Whether a model has an answer for someone whom it was not trained on. For a kind that no registry has, loading
    /// the model says what is wrong.
    fn answers_visitors(&self, one: &Model) -> bool {
        one.approach(&self.models).is_none_or(|approach| !approach.requires().contains(&Requirement::KnownUsers))
    }

    fn follows_ratings(&self, one: &Model) -> bool {
        one.approach(&self.models).is_some_and(|approach| approach.follows_ratings()) && self.answers_visitors(one)
    }

    /// Why an approach answers that was not ranked, and which `missing` ones would have come before it.
    fn unranked(&self, missing: &[&str]) -> String {
        let why = match self.answers.as_ref().map(|answers| &answers.ranked_by) {
            None => format!("no run left a list of its models (`{ANSWERS}`)"),
            Some(RankedBy::Nothing(why)) => why.clone(),
            Some(RankedBy::Metric(_)) => "none that can answer was ranked on validation".to_owned(),
        };
        match missing {
            [] => format!("asked because {why}"),
            _ => format!("asked because {why} and none of `{}` was trained", missing.join("`, `")),
        }
    }
}

impl Answers {
    /// Why a model that is there does not answer.
    fn refusal(&self, name: String, path: String) -> RunError {
        let experiment = &self.experiment;
        if self.approaches.iter().any(|one| one.name == name) {
            let why = format!("a later run, which did not finish, changed it after the run of `{experiment}`");
            let hint = "run to its end the experiment that is to answer; what did not change is not trained again";
            return RunError::NotOfLastRun { name, path, why, hint: hint.to_owned() };
        }
        let names: Vec<&str> = self.approaches.iter().map(|one| one.name.as_str()).collect();
        let why = format!("that was of the experiment `{experiment}`, with `{}`", names.join("`, `"));
        let hint = "run the experiment that has it with an `--out` of its own, and ask there with `--models`";
        RunError::NotOfLastRun { name, path, why, hint: hint.to_owned() }
    }
}

/// Whether a listed model is as it was. A model whose manifest cannot be read counts as such: loading it says what is
/// wrong.
fn is_same(models: &Path, one: &Model) -> bool {
    let folder = models.join(&one.name);
    folder.is_dir() && Manifest::read(&folder, "").map_or(true, |found| found.identity() == one.identity)
}

/// The folder of the model called `name` under `models`.
///
/// # Errors
/// No model at all, none of that name, or one that is not of the last run there.
pub fn find(models: &Path, name: &str) -> Result<PathBuf, RunError> {
    Shelf::open(models)?.find(name)
}

/// The model under `models` that answers those who name none. Of the last run's models, users get the one that ranked
/// best on validation rows; visitors who rated something, `auto`; without it, those who rated five items or more the
/// best ranked of those whose lists follow ratings; visitors who state something, `profile`; other visitors, what is
/// popular. Where nothing was ranked, users get `popularity`, else `profile` or `top-rated`, and visitors who rated
/// that much `content` or `profile`. Where none of these was trained, what is popular answers, else the last in the
/// registry's order that can answer the asker.
///
/// # Errors
/// No model at all, or none that answers visitors; a last run that was repeated.
pub fn choose(models: &Path, by: AskedBy) -> Result<Chosen, RunError> {
    Shelf::open(models)?.choose(by)
}

/// As [`choose`], for several askers, one after the other: the folder is read once.
///
/// # Errors
/// No model at all; a last run that was repeated.
pub fn chooser(models: &Path) -> Result<impl Fn(AskedBy) -> Result<Chosen, RunError>, RunError> {
    let shelf = Shelf::open(models)?;
    Ok(move |by| shelf.choose(by))
}

/// A model that may answer.
#[derive(Clone, Debug, PartialEq)]
pub struct Available {
    /// Its name in the experiment.
    pub name: String,
    /// The registry's entry.
    pub kind: String,
    /// Its folder.
    pub folder: PathBuf,
    /// How good its lists of validation rows were, where they were ranked.
    pub validation: Option<f64>,
    /// Whether it answers someone whom it was not trained on.
    pub answers_visitors: bool,
    /// Whether its lists follow the ratings that a visitor tells.
    pub follows_ratings: bool,
    /// Whether its scores depend on the moment.
    pub uses_context: bool,
}

/// The models under `models` that may answer, in the registry's order.
///
/// # Errors
/// No model at all; a last run that was repeated.
pub fn available(models: &Path) -> Result<Vec<Available>, RunError> {
    let shelf = Shelf::open(models)?;
    let one = |one: &Model| Available {
        name: one.name.clone(),
        kind: one.kind.clone(),
        folder: shelf.models.join(&one.name),
        validation: one.validation,
        answers_visitors: shelf.answers_visitors(one),
        follows_ratings: shelf.follows_ratings(one),
        uses_context: one.approach(&shelf.models).is_some_and(|approach| approach.uses_context()),
    };
    Ok(shelf.available.iter().map(one).collect())
}

/// The folder of the model called `name`, else of the last in the registry's order that has a file `file`.
pub(crate) fn find_with(models: &Path, name: Option<&str>, file: &str) -> Result<PathBuf, RunError> {
    let shelf = Shelf::open(models)?;
    match name {
        Some(name) => shelf.find(name),
        None => shelf.last(|folder| folder.join(file).exists()),
    }
}

#[cfg(test)]
mod tests;
