//! Searches for the options of approaches that do best on validation rows.
//!
//! Every trial is a fit on train rows and a measurement on validation rows; the test part is not read. Does not know
//! any approach: which options there are, its defaults say, and which values are tried, `[tune.space]` or the built-in
//! spaces.
//!
//! **Invariant**: the same experiment, seed and number of trials leave the same bytes, on any number of threads, and
//! whether or not the search was stopped and begun again; a limit of time changes how many trials there are, and none
//! of them.

mod config;
mod desk;
mod error;
mod importance;
mod judge;
mod record;
mod search;
mod space;
mod tpe;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use reco_report::{SearchedOption, SearchedValues, Tuned, Tuning, TuningTrial, tuning_page};
use serde_json::json;

pub use config::{Method, TuneConfig};
pub use error::TuneError;
pub(crate) use space::Options;

use self::desk::Desk;
use self::judge::Judge;
use self::record::Record;
use self::search::{Proposal, Search, Trial};
use self::space::{Space, Values};
use crate::experiment::{Configured, tuned_toml};
use crate::folder::{Folder, Made, write};
use crate::lock::Lock;
use crate::manifest::{Digests, Hashed, digests};
use crate::run::{folders, refuse_foreign, whole};
use crate::stage::{Context, own_version, position, ready_training, train};
use crate::{Experiment, Outcome, RunError, RunOptions, STAGES, Source};

/// The table of an approach's trials, `<out>/tuning/<approach>/trials.parquet`.
pub const TRIALS: &str = "trials.parquet";

/// The experiment with the best options, `<out>/tuned/best.toml`.
pub const BEST: &str = "best.toml";

/// The page about a search, `<out>/tuned/tuning.html`.
pub const TUNING_PAGE: &str = "tuning.html";

/// What command lines, progress and manifests call it.
const TUNE: &str = "tune";

/// The parts of the data set that a search reads.
const READ: [&str; 6] =
    ["catalogue.json", "users.parquet", "items.parquet", "dataset.json", "train.parquet", "validation.parquet"];

/// Where an experiment was read from, for the one that extends it.
#[derive(Clone, Copy)]
pub struct TuneSource<'a> {
    /// The experiment's file.
    pub source: &'a Source,
    /// The overrides of its keys.
    pub sets: &'a [String],
}

/// Searches for options of the approaches of `experiment` as its `[tune]` says, and writes `<out>/tuning` and
/// `<out>/tuned`. Tables and features are made where they are missing; trials that were made before are taken as they
/// are.
///
/// # Errors
/// Whatever stops the stages up to `features`; a repeated experiment, a split without validation rows, a space or a
/// metric that cannot be; an interruption, which keeps the trials that are done.
pub fn tune(experiment: &Experiment, options: &RunOptions<'_>, read_from: &TuneSource<'_>) -> Result<Tuning, RunError> {
    if !experiment.repetitions.is_empty() {
        let (experiment, over) = (experiment.name.clone(), experiment.repeat.over.clone());
        return Err(TuneError::Repeated { experiment, over }.into());
    }
    // All that can be wrong with what is asked for is found before any data are read.
    let metric = judge::metric(&experiment.tune.metric, &experiment.evaluate)?;
    for configured in &experiment.approaches {
        Space::of(configured, &experiment.tune.space).map_err(TuneError::from)?;
    }
    let (hashed, lock) = (Hashed::default(), Lock::of(options.out));
    let context = whole(experiment, &hashed, &lock, options);
    let stages = &STAGES[..position("train")?];
    let mut replaced: Vec<PathBuf> = folders(&context, stages);
    replaced.extend(experiment.approaches.iter().map(|one| trials_of(&context, &one.name)));
    replaced.push(context.at("tuned"));
    refuse_foreign(&replaced.iter().map(|folder| (&context, folder.clone())).collect::<Vec<_>>())?;
    for stage in stages {
        hashed.forget();
        // Where nothing of a stage changed, `force` is about the trials alone.
        (stage.run)(&Context { force: false, ..context })?;
    }
    let fitting = train::fitting(&context)?;
    let context = Context { experiment: &fitting, ..context };
    let (data, inputs) = ready_training(&context)?;
    let inputs: Digests = inputs.into_iter().filter(|(name, _)| READ.iter().any(|read| name.ends_with(read))).collect();
    let judge = Judge::new(data, &fitting, metric, context.progress.train())?;
    let searched = search_all(&context, &judge, &inputs).inspect_err(|error| {
        if matches!(error, RunError::Interrupted) {
            context.progress.train().note("trials that are done are kept: the same command goes on from there");
        }
    })?;
    let (dataset, n_users, n_rows) = judge.measured_on();
    let tuning = Tuning {
        experiment: experiment.name.clone(),
        dataset: dataset.to_owned(),
        method: experiment.tune.method.name().to_owned(),
        seed: seed(experiment),
        metric: judge.column().clone(),
        better: judge.entry.better,
        n_users,
        n_rows,
        approaches: searched.tuned,
        left_out: searched.left_out,
    };
    write_tuned(&context, &tuning, read_from)?;
    Ok(tuning)
}

/// The seed of the search.
fn seed(experiment: &Experiment) -> u64 {
    experiment.tune.seed.unwrap_or(experiment.seed)
}

/// The folder of an approach's trials.
fn trials_of(context: &Context<'_>, name: &str) -> PathBuf {
    context.at("tuning").join(name)
}

/// What came of the searches of all approaches.
struct Searched {
    tuned: Vec<Tuned>,
    left_out: Vec<String>,
}

fn search_all(context: &Context<'_>, judge: &Judge<'_>, inputs: &Digests) -> Result<Searched, RunError> {
    let experiment = context.experiment;
    let mut left_out = Vec::new();
    let mut spaces: Vec<(&Configured, Space)> = Vec::new();
    for configured in &experiment.approaches {
        match Space::of(configured, &experiment.tune.space).map_err(TuneError::from)? {
            None => left_out.push(format!("`{}` has no values to try", configured.name)),
            Some(space) => {
                let largest = space.largest(configured);
                match judge.refusal(configured.approach.as_ref(), largest.as_deref()) {
                    Some(refusal) => return Err(RunError::Refused(vec![refusal])),
                    None => spaces.push((configured, space)),
                }
            }
        }
    }
    let mut tuned = Vec::new();
    for (configured, space) in &spaces {
        let folder = folder(context, judge, configured, space, inputs);
        match search_one(context, judge, configured, space, folder)? {
            Ok(found) => tuned.push(found),
            Err(why) => left_out.push(why),
        }
    }
    if tuned.is_empty() {
        let example = experiment.approaches.first().map(|one| one.name.clone()).unwrap_or_default();
        let built_in = space::built_in();
        let known = built_in.keys().map(String::as_str).collect::<Vec<_>>().join("`, `");
        return Err(TuneError::Nothing { why: left_out, example, known }.into());
    }
    Ok(Searched { tuned, left_out })
}

/// The search of one approach; or why nothing was found.
fn search_one(
    context: &Context<'_>,
    judge: &Judge<'_>,
    configured: &Configured,
    space: &Space,
    folder: Folder,
) -> Result<Result<Tuned, String>, RunError> {
    let config = &context.experiment.tune;
    let search = Search {
        method: config.method,
        space,
        defaults: space.defaults(configured),
        n_trials: config.trials.get(),
        seed: seed(context.experiment),
        table: table_of(&configured.name),
        lower_is_better: judge.lower_is_better(),
    };
    let (record, why) = Record::open(context, folder, &configured.name, space)?;
    let began = record.seconds();
    let why = why.unwrap_or_else(|| "goes on where it was".to_owned());
    context.progress.began(TUNE, Some(&configured.name), &why);
    let desk = Desk::new(context, judge, configured, record);
    let progress = context.progress.train();
    progress.begin(TUNE, search.n_proposals(), 1);
    let made = desk.make_all(&search);
    progress.end();
    let (trials, out_of_time) = made?;

    let whole = trials.iter().filter(|trial| trial.proposal.share == 1.0 && trial.value.is_ok());
    let loss = |trial: &Trial| trial.loss(search.lower_is_better);
    // Of equals the first, which is the default where it is among them.
    let best = whole.reduce(|best, trial| if loss(trial) < loss(best) { trial } else { best });
    let outcome = |seconds: f64| Outcome {
        stage: TUNE.to_owned(),
        approach: Some(configured.name.clone()),
        repetition: None,
        skipped: seconds <= 0.0,
        seconds,
        said: Vec::new(),
    };
    let Some(best) = best else {
        context.progress.ended(&outcome(desk.seconds() - began));
        let failure = trials.iter().find_map(|trial| trial.value.clone().err()).unwrap_or_default();
        return Ok(Err(format!("no trial of `{}` has a value: {failure}", configured.name)));
    };
    let whole_default =
        trials.iter().find(|trial| trial.proposal.share == 1.0 && trial.proposal.options == search.defaults);
    let is_default = best.proposal.options == search.defaults;
    let difference = match whole_default.filter(|_| !is_default) {
        None => None,
        Some(default) => desk.difference(default, best)?,
    };
    context.progress.ended(&outcome(desk.seconds() - began));
    Ok(Ok(Tuned {
        name: configured.name.clone(),
        kind: configured.kind.to_owned(),
        best_trial: if is_default { 0 } else { best.proposal.number },
        value: best.value.clone().unwrap_or_default(),
        options: best.proposal.options.clone(),
        default_value: whole_default.and_then(|default| default.value.clone().ok()),
        default_options: search.defaults.clone(),
        difference,
        out_of_time,
        seconds: desk.seconds(),
        searched: searched(space, &trials),
        trials: trials.into_iter().map(shown).collect(),
    }))
}

/// A number that a name always has: 32 bits of FNV-1a.
fn table_of(name: &str) -> u32 {
    name.bytes().fold(0x811c_9dc5, |hash: u32, byte| (hash ^ u32::from(byte)).wrapping_mul(0x0100_0193))
}

/// The folder of an approach's trials as this experiment requires it. How many trials there are to be, and how much
/// time, is no part of it: a search goes on.
fn folder(
    context: &Context<'_>,
    judge: &Judge<'_>,
    configured: &Configured,
    space: &Space,
    inputs: &Digests,
) -> Folder {
    let experiment = context.experiment;
    let config = &experiment.tune;
    let of_halving = (config.method == Method::SuccessiveHalving).then_some(config.trials);
    let values = |values: &Values| match values {
        Values::Range { from, to, log, integer } => json!({ "from": from, "to": to, "log": log, "integer": integer }),
        Values::List(list) => json!(list),
    };
    let mut versions = own_version();
    versions.extend(reco_models::versions().into_iter().map(|(name, version)| (name.to_owned(), version.to_owned())));
    Folder {
        stage: TUNE,
        version: 1,
        path: trials_of(context, &configured.name),
        part: json!({
            "name": configured.name,
            "kind": configured.kind,
            "options": configured.approach.options(),
            "space": space.dimensions.iter().map(|one| (one.option.clone(), values(&one.values))).collect::<Options>(),
            "method": config.method,
            "trials": of_halving,
            "metric": judge.column(),
            "evaluate": experiment.part(&experiment.evaluate),
            "search_seed": seed(experiment),
            "device": experiment.device,
        }),
        inputs: inputs.clone(),
        versions,
        seed: experiment.seed,
    }
}

fn shown(trial: Trial) -> TuningTrial {
    let Trial { proposal: Proposal { number, options, share }, value } = trial;
    TuningTrial { trial: number, share, options, failure: value.clone().err(), value: value.ok() }
}

/// The options, the one that explains most first. Trials of the share that most have are compared: other shares are
/// other numbers.
fn searched(space: &Space, trials: &[Trial]) -> Vec<SearchedOption> {
    let count = |share: f64| trials.iter().filter(|trial| trial.proposal.share == share).count();
    let most = trials.iter().map(|trial| trial.proposal.share).max_by_key(|share| count(*share)).unwrap_or_default();
    let compared: Vec<(Vec<Option<f64>>, f64)> = (trials.iter().filter(|trial| trial.proposal.share == most))
        .filter_map(|trial| Some((space.places(&trial.proposal.options), *trial.value.as_ref().ok()?)))
        .collect();
    let one = |(at, dimension): (usize, &space::Dimension)| {
        let values: Vec<(f64, f64)> =
            compared.iter().filter_map(|(places, value)| Some((places[at]?, *value))).collect();
        SearchedOption {
            option: dimension.option.clone(),
            values: match &dimension.values {
                Values::Range { from, to, log, .. } => SearchedValues::Range(*from, *to, *log),
                Values::List(list) => SearchedValues::List(list.clone()),
            },
            explains: importance::share(dimension.n_values(), &values),
        }
    };
    let mut searched: Vec<SearchedOption> = space.dimensions.iter().enumerate().map(one).collect();
    searched.sort_by(|a, b| b.explains.unwrap_or(-1.0).total_cmp(&a.explains.unwrap_or(-1.0)));
    searched
}

/// Writes `<out>/tuned`: the experiment with the best options, and the page.
fn write_tuned(context: &Context<'_>, tuning: &Tuning, read_from: &TuneSource<'_>) -> Result<(), RunError> {
    let experiment = context.experiment;
    let at = context.at("tuned");
    let best: BTreeMap<&str, &Options> = (tuning.approaches.iter())
        .filter(|one| one.best_trial > 0)
        .map(|one| (one.name.as_str(), &one.options))
        .collect();
    let names: Vec<&str> = experiment.approaches.iter().map(|one| one.name.as_str()).collect();
    let extends = match read_from.source {
        Source::Default => "default".to_owned(),
        Source::File(path) => relative(path, &at)?,
    };
    let comment = format!(
        "# Written by `reco tune`: options chosen by {} on validation rows ({}, seed {}). `reco run` measures them on the test.\n",
        tuning.metric, tuning.method, tuning.seed
    );
    let toml = tuned_toml(read_from.source, read_from.sets, &extends, &experiment.name, &names, &best)?;
    let (toml, page) = (comment + &toml, tuning_page(tuning));
    let mut inputs = Digests::new();
    for one in &tuning.approaches {
        let found = digests(&trials_of(context, &one.name))?;
        inputs.extend(found.into_iter().map(|(name, digest)| (format!("tuning/{}/{name}", one.name), digest)));
    }
    let folder = Folder {
        stage: TUNE,
        version: 1,
        path: at,
        part: json!({ "experiment": experiment.to_toml(), "best": toml }),
        inputs,
        versions: own_version(),
        seed: experiment.seed,
    };
    context.work(&folder, None, |at| {
        write(&at.join(BEST), &toml)?;
        write(&at.join(TUNING_PAGE), &page)?;
        Ok(Made::default())
    })?;
    Ok(())
}

/// The path of `file` as seen from the folder `at`, so that both can be moved together.
fn relative(file: &Path, at: &Path) -> Result<String, RunError> {
    let out = at.parent().unwrap_or(at);
    std::fs::create_dir_all(out).map_err(RunError::writing(out))?;
    let from = out.canonicalize().map_err(RunError::reading(out))?.join(at.file_name().unwrap_or_default());
    let to = file.canonicalize().map_err(RunError::reading(file))?;
    let n_shared = from.components().zip(to.components()).take_while(|(one, other)| one == other).count();
    let mut path = PathBuf::new();
    from.components().skip(n_shared).for_each(|_| path.push(".."));
    path.extend(to.components().skip(n_shared));
    Ok(path.to_string_lossy().replace('\\', "/"))
}
