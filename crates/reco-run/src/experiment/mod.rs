//! Reads an experiment: its data, features, split, approaches, evaluation, report, repetitions, tuning and tracking.
//!
//! Does not know what the tables of other crates mean: each is read by its own crate's type. Does not read any data.
//!
//! **Invariant**: an [`Experiment`] that exists is complete: every key is known, every default filled in, every
//! approach configured, and approaches have distinct names that can name folders.

mod error;
mod file;
mod repeat;
mod tuned;
mod written;

use std::sync::Arc;

use reco_core::options::{self, OptionsError, did_you_mean};
use reco_core::{AnyApproach, ApproachEntry, DeviceChoice};
use reco_data::DataConfig;
use reco_eval::Protocol;
use reco_features::{FeaturesConfig, SplitConfig, find_split};
use reco_report::ReportConfig;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

pub use error::ExperimentError;
pub use file::{DEFAULT, Source};
pub use repeat::{RepeatConfig, Repetition};
pub(crate) use tuned::tuned_toml;

use crate::registry::{OWN, approaches};
use crate::{CheckpointConfig, TrackingConfig, TuneConfig, auto, blend};

/// One experiment: its data, how they are prepared and split, its approaches, and how these are judged.
#[derive(Clone)]
pub struct Experiment {
    /// Its name; that of its file where it states none.
    pub name: String,
    /// The seed of all random choices.
    pub seed: u64,
    /// Where networks compute.
    pub device: DeviceChoice,
    /// `[data]`
    pub data: DataConfig,
    /// `[features]`
    pub features: FeaturesConfig,
    /// `[split]`
    pub split: SplitConfig,
    /// `[[approach]]`, in the order of the file.
    pub approaches: Vec<Configured>,
    /// Whether no approaches were listed: then those built-in ones take part that the data can serve.
    pub takes_what_fits: bool,
    /// `[evaluate]`
    pub evaluate: Protocol,
    /// `[report]`
    pub report: ReportConfig,
    /// `[checkpoint]`
    pub checkpoint: CheckpointConfig,
    /// `[repeat]`: the whole experiment once for each value of one key; empty for one run.
    pub repetitions: Vec<Repetition>,
    /// `[repeat]`, which says what these differ in.
    pub repeat: RepeatConfig,
    /// `[tune]`, which `reco tune` alone reads.
    pub tune: TuneConfig,
    /// `[tracking]`: the tools in which the run is followed; nothing that a run makes depends on it.
    pub tracking: TrackingConfig,
}

/// One approach with its options, under the name by which this experiment calls it.
#[derive(Clone)]
pub struct Configured {
    /// Its name in this experiment: of its folder, and of its row in the results.
    pub name: String,
    /// The registry's entry.
    pub kind: &'static str,
    /// The approach.
    pub approach: Arc<dyn AnyApproach>,
}

/// The keys of the file in the order in which one reads them, with its tables as they are.
#[derive(Serialize, Deserialize)]
struct Document {
    name: String,
    seed: u64,
    device: DeviceChoice,
    data: Value,
    features: Value,
    split: Value,
    approach: Vec<Value>,
    evaluate: Value,
    report: Value,
    #[serde(skip_serializing_if = "Value::is_null")]
    checkpoint: Value,
    #[serde(skip_serializing_if = "Value::is_null")]
    repeat: Value,
    #[serde(skip_serializing_if = "Value::is_null")]
    tune: Value,
    #[serde(skip_serializing_if = "Value::is_null")]
    tracking: Value,
}

impl Default for Document {
    fn default() -> Self {
        let table = || Value::Object(Map::new());
        Self {
            name: String::new(),
            seed: 42,
            device: DeviceChoice::Auto,
            data: table(),
            features: table(),
            split: table(),
            approach: Vec::new(),
            evaluate: table(),
            report: table(),
            checkpoint: table(),
            repeat: table(),
            tune: table(),
            tracking: table(),
        }
    }
}

impl Experiment {
    /// Reads an experiment with `sets` (`split.kind=temporal`) over it, reduced to the approaches `only` unless that is
    /// empty; one of `only` that the experiment does not list is added with its default options.
    ///
    /// # Errors
    /// Whatever makes the experiment wrong or incomplete, see [`ExperimentError`].
    pub fn read(source: &Source, sets: &[String], only: &[String]) -> Result<Self, ExperimentError> {
        let stem = match source {
            Source::Default => "default".into(),
            Source::File(path) => path.file_stem().unwrap_or_default().to_string_lossy(),
        };
        let (table, lists) = file::read(source, sets)?;
        Self::from_table(&source.place(), &stem, table, (only, !lists && only.is_empty()))
    }

    fn from_table(
        place: &str,
        stem: &str,
        table: Map<String, Value>,
        (only, takes_what_fits): (&[String], bool),
    ) -> Result<Self, ExperimentError> {
        let options = |error| ExperimentError::Options { place: place.to_owned(), error };
        let table = Value::Object(table);
        let document: Document = options::parse("the experiment", &table).map_err(options)?;
        let repeat: RepeatConfig = options::parse("[repeat]", &document.repeat).map_err(options)?;
        let split: SplitConfig = options::parse("[split]", &document.split).map_err(options)?;
        // For an unknown kind, the stage says which kinds there are.
        if find_split(&split.kind).is_ok() {
            let split = split.check_keys();
            split.map_err(|error| ExperimentError::Split { place: place.to_owned(), error: Box::new(error) })?;
        }
        let evaluate: Protocol = options::parse("[evaluate]", &document.evaluate).map_err(options)?;
        let tune: TuneConfig = options::parse("[tune]", &document.tune).map_err(options)?;
        let tracking: TrackingConfig = options::parse("[tracking]", &document.tracking).map_err(options)?;
        let listed = document.approach.iter().filter_map(|one| one.get("name").and_then(Value::as_str));
        let known = || listed.clone().chain(approaches().map(|entry| entry.name));
        if let Some(key) = tune.space.keys().find(|name| known().all(|known| known != name.as_str())) {
            let (key, place, hint) = (key.clone(), "[tune.space]".to_owned(), did_you_mean(key, known()));
            return Err(options(OptionsError::UnknownKey { key, place, hint }));
        }
        let repetitions = repeat::repetitions(&repeat, place, stem, &table, (only, takes_what_fits))?;
        Ok(Self {
            repetitions,
            repeat,
            tune,
            tracking,
            name: if document.name.is_empty() { stem.to_owned() } else { document.name },
            seed: document.seed,
            device: document.device,
            data: options::parse("[data]", &document.data).map_err(options)?,
            features: options::parse("[features]", &document.features).map_err(options)?,
            split,
            evaluate,
            report: options::parse("[report]", &document.report).map_err(options)?,
            checkpoint: options::parse("[checkpoint]", &document.checkpoint).map_err(options)?,
            approaches: configure(place, document.approach, only)?,
            takes_what_fits,
        })
    }

    /// Computes on `device`, whatever the file says.
    pub fn compute_on(&mut self, device: DeviceChoice) {
        self.device = device;
        for repetition in &mut self.repetitions {
            repetition.experiment.device = device;
        }
    }

    /// `value`, a part of the experiment that a stage's work depends on, as manifests keep it.
    pub(crate) fn part(&self, value: &impl Serialize) -> Value {
        serde_json::to_value(value).expect("a configuration that came from JSON goes back to JSON")
    }
}

impl Configured {
    /// `options` under `name`, of the registry entry `kind`.
    fn new(place: &str, name: &str, kind: &str, options: &Value) -> Result<Self, ExperimentError> {
        let entry = entry(place, kind)?;
        let approach =
            (entry.configure)(options).map_err(|error| ExperimentError::Options { place: place.to_owned(), error })?;
        Ok(Self { name: name.to_owned(), kind: entry.name, approach: approach.into() })
    }
}

/// The registry's entry of that name.
///
/// # Errors
/// No such entry: the message names the nearest one.
pub(crate) fn entry(place: &str, kind: &str) -> Result<&'static ApproachEntry, ExperimentError> {
    approaches().find(|entry| entry.name == kind).ok_or_else(|| ExperimentError::UnknownApproach {
        place: place.to_owned(),
        kind: kind.to_owned(),
        hint: did_you_mean(kind, approaches().map(|entry| entry.name)),
    })
}

fn configure(place: &str, list: Vec<Value>, only: &[String]) -> Result<Vec<Configured>, ExperimentError> {
    let mut configured: Vec<Configured> = Vec::new();
    let mut listed: Vec<(String, String, Value)> = Vec::new();
    for (row, given) in list.into_iter().enumerate() {
        let Value::Object(mut given) = given else {
            let reason = format!("`{given}` is no table\nhint: write `[[approach]]` and `name = \"neural\"`");
            let error = OptionsError::Value { place: "[[approach]]".to_owned(), reason };
            return Err(ExperimentError::Options { place: place.to_owned(), error });
        };
        let mut text = |key: &str| match given.remove(key) {
            Some(Value::String(text)) => Some(text),
            Some(other) => Some(other.to_string()),
            None => None,
        };
        let name = text("name").unwrap_or_default();
        let kind = text("kind").unwrap_or_else(|| name.clone());
        let plain = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_';
        if name.is_empty() || !name.bytes().all(plain) {
            return Err(ExperimentError::ApproachName { place: place.to_owned(), number: row + 1, name });
        }
        if listed.iter().any(|(other, ..)| *other == name) {
            return Err(ExperimentError::ApproachTwice { place: place.to_owned(), name });
        }
        listed.push((name, kind, Value::Object(given)));
    }
    // An approach that consists of others is read last, wherever it stands, because it takes the options that they have
    // here.
    let order: Vec<String> = listed.iter().map(|(name, ..)| name.clone()).collect();
    listed.sort_by_key(|(_, kind, _)| OWN.iter().position(|own| own.name == kind));
    for (name, kind, mut given) in listed {
        let siblings = || -> Vec<_> {
            configured.iter().map(|one| (one.name.as_str(), one.kind, one.approach.options())).collect()
        };
        match kind.as_str() {
            auto::NAME => auto::resolve(&mut given, &siblings()),
            blend::NAME => blend::resolve(&mut given, &siblings()),
            _ => {}
        }
        configured.push(Configured::new(place, &name, &kind, &given)?);
    }
    configured.sort_by_key(|one| order.iter().position(|name| *name == one.name));
    if !only.is_empty() {
        for name in only {
            if !configured.iter().any(|other| other.name == *name) {
                configured.push(Configured::new("--approach", name, name, &Value::Object(Map::new()))?);
            }
        }
        configured.retain(|one| only.contains(&one.name));
    }
    if configured.is_empty() {
        let known = approaches().map(|entry| entry.name).collect::<Vec<_>>().join("`, `");
        return Err(ExperimentError::NoApproach { place: place.to_owned(), known });
    }
    Ok(configured)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str, sets: &[&str], only: &[&str]) -> Result<Experiment, String> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("mine.toml");
        std::fs::write(&path, text).unwrap();
        let owned = |list: &[&str]| list.iter().map(|&text| text.to_owned()).collect::<Vec<_>>();
        Experiment::read(&Source::File(path), &owned(sets), &owned(only)).map_err(|error| error.to_string())
    }

    fn refused(text: &str) -> String {
        read(text, &[], &[]).err().unwrap()
    }

    #[test]
    fn the_built_in_experiment_is_a_short_table_and_the_one_in_the_data_folder() {
        let experiment = Experiment::read(&Source::Default, &[], &[]).unwrap();
        assert_eq!(experiment.name, "default");
        let names: Vec<&str> = experiment.approaches.iter().map(|one| one.name.as_str()).collect();
        let place = |kind: &str| approaches().position(|entry| entry.name == kind);
        assert!(
            experiment.approaches.is_sorted_by_key(|one| place(one.kind)),
            "not in the registry's order: {names:?}"
        );
        assert!(names.starts_with(&["random", "popularity"]) && names.len() <= 12, "{names:?}");
        let file = concat!(env!("CARGO_MANIFEST_DIR"), "/../../data/experiments/default.toml");
        if let Ok(text) = std::fs::read_to_string(file) {
            assert_eq!(text, DEFAULT, "{file} and reco-run/experiments/default.toml are to be the same");
        }
    }

    #[test]
    fn a_small_file_is_filled_in_from_defaults() {
        let experiment = read("[[approach]]\nname = \"random\"", &["seed=7"], &[]).unwrap();
        assert_eq!((experiment.name.as_str(), experiment.seed), ("mine", 7));
        assert_eq!(experiment.device, DeviceChoice::Auto);
        let both = read("[[approach]]\nname = \"random\"", &[], &["popularity", "random"]).unwrap();
        let names: Vec<&str> = both.approaches.iter().map(|one| one.name.as_str()).collect();
        assert_eq!(names, ["random", "popularity"]);
    }

    #[test]
    fn what_another_split_read_goes_with_it_unless_it_is_stated_anew() {
        let text = "[[approach]]\nname = \"random\"\n[split]\nkind = \"k-fold\"\nfold = 1\nfolds = 3\nseed = 4";
        let split = read(text, &["split.kind=random"], &[]).unwrap().split;
        assert_eq!((split.kind.as_str(), split.fold, split.folds, split.seed), ("random", 0, 5, Some(4)));
        let error = read(text, &["split.kind=random", "split.fold=2"], &[]).err().unwrap();
        assert!(error.contains("`fold` is not read by `random`"), "{error}");
        assert_eq!(read(text, &["split.kind=k-fold"], &[]).unwrap().split.fold, 1, "the same split keeps its keys");
        let over = ["repeat.over=split.kind", "repeat.values=[\"random\", \"k-fold\"]"];
        let folds = read(text, &over, &[]).unwrap().repetitions;
        assert_eq!(folds.iter().map(|one| one.experiment.split.fold).collect::<Vec<_>>(), [0, 1]);

        let folder = tempfile::tempdir().unwrap();
        let write = |name: &str, text: &str| std::fs::write(folder.path().join(name), text).unwrap();
        write("base.toml", text);
        write("mine.toml", "extends = \"base.toml\"\n[split]\nkind = \"random\"");
        write("wrong.toml", "extends = \"base.toml\"\n[split]\nkind = \"random\"\nfolds = 7");
        let of = |name: &str| Experiment::read(&Source::File(folder.path().join(name)), &[], &[]);
        assert_eq!(of("mine.toml").unwrap().split.fold, 0);
        assert!(of("wrong.toml").err().unwrap().to_string().contains("`folds` is not read by `random`"));
    }

    #[test]
    fn one_kind_can_stand_twice_under_two_names() {
        let text = "[[approach]]\nname = \"random\"\n[[approach]]\nname = \"dice\"\nkind = \"random\"";
        let experiment = read(text, &[], &["dice"]).unwrap();
        assert_eq!((experiment.approaches[0].name.as_str(), experiment.approaches[0].kind), ("dice", "random"));
    }

    #[test]
    fn repetitions_are_experiments_that_differ_in_one_key() {
        let text = "[[approach]]\nname = \"neural\"\n[repeat]\nover = \"seed\"\nvalues = [3, 4]";
        let experiment = read(text, &["split.kind=random"], &[]).unwrap();
        let seeds: Vec<_> =
            experiment.repetitions.iter().map(|one| (one.label.as_str(), one.experiment.seed)).collect();
        assert_eq!(seeds, [("seed=3", 3), ("seed=4", 4)]);
        assert!(experiment.repetitions.iter().all(|one| {
            one.shares_tables && one.experiment.split.kind == "random" && one.experiment.repetitions.is_empty()
        }));
        let epochs = read(text, &["repeat.over=approach.neural.epochs"], &[]).unwrap();
        assert_eq!(epochs.repetitions[1].experiment.approaches[0].approach.options()["epochs"], 4);
        let data = read(text, &["repeat.over=data.name", "repeat.values=[\"a/b\"]"], &[]).unwrap();
        assert_eq!((data.repetitions[0].label.as_str(), data.repetitions[0].shares_tables), ("data.name=a-b", false));
    }

    #[test]
    fn whatever_is_wrong_is_named_with_its_remedy() {
        for (text, expected) in [
            ("sede = 3", vec!["mine.toml", "unknown key `sede`", "did you mean `seed`?"]),
            ("[splitt]\nkind = \"random\"", vec!["unknown key `splitt`", "did you mean `split`?"]),
            ("[tracking]\nmlflw = \"x\"", vec!["unknown key `mlflw` in [tracking]", "did you mean `mlflow`?"]),
            ("[data]\nnaem = \"x\"", vec!["unknown key `naem` in [data]", "did you mean `name`?"]),
            ("seed = \"three\"", vec!["the experiment", "three"]),
            ("device = \"gpu\"", vec!["`gpu`", "wgpu"]),
            ("name = \"x\"", vec!["no `[[approach]]`", "`random`, `popularity`, `trending`"]),
            ("approach = [3]", vec!["`3` is no table"]),
            ("[[approach]]\nname = \"a/b\"", vec!["`a/b`", "number `1`"]),
            ("[[approach]]\nkind = \"random\"", vec!["number `1`"]),
            ("[[approach]]\nname = \"popularty\"", vec!["unknown approach `popularty`", "did you mean `popularity`?"]),
            ("[[approach]]\nname = \"random\"\n[[approach]]\nname = \"random\"", vec!["two approaches", "`random`"]),
            ("[[approach]]\nname = \"random\"\nepoch = 3", vec!["unknown key `epoch`"]),
            (
                "[checkpoint]\nevery = \"5 minutes\"",
                vec!["`every`: `\"5 minutes\"`: it is no number", "hint: write `30s`"],
            ),
            ("[checkpoint]\nevery = 300", vec!["[checkpoint] `every`: `300`: it is no number above 0 with the unit"]),
            ("[checkpoint]\never = \"5min\"", vec!["unknown key `ever` in [checkpoint]", "did you mean `every`?"]),
            ("[repeat]\nover = \"seed\"", vec!["`repeat.over` is `seed`", "empty", "[repeat]"]),
            ("[repeat]\nvalues = [1]", vec!["`repeat.over` is not"]),
            ("[[approach]]\nname = \"random\"\n[repeat]\nover = \"sede\"\nvalues = [1]", vec!["unknown key `sede`"]),
            (
                "[[approach]]\nname = \"random\"\n[repeat]\nover = \"seed\"\nvalues = [1, 1]",
                vec!["two repetitions would be called `seed=1`"],
            ),
        ] {
            let error = refused(text);
            for part in expected {
                assert!(error.contains(part), "{text}: {error}");
            }
        }
        assert!(read("[[approach]]\nname = \"random\"", &[], &["nueral"]).err().unwrap().contains("`neural`"));
    }
}
