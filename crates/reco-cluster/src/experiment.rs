//! Reads of an experiment what concerns its data: the seed, `[data]`, `[features]` and `[split]`.
//!
//! Does not know approaches, evaluation and reports, nor `--set`: `reco` reads the whole file.
//!
//! **Invariant**: the tables are those that `reco` reads from the same file, bases of `extends` and defaults included;
//! a key that none of them has is an error.

use std::fs;
use std::path::{Path, PathBuf};

use reco_core::options::{self, did_you_mean};
use reco_data::DataConfig;
use reco_features::{FeaturesConfig, SplitConfig, find_split};
use serde_json::{Map, Value};

use crate::ClusterError;

/// The experiment that `extends = "default"` names.
const DEFAULT: &str = include_str!("../../reco-run/experiments/default.toml");

/// Every key of an experiment.
const KEYS: [&str; 13] = [
    "name",
    "seed",
    "device",
    "data",
    "features",
    "split",
    "approach",
    "evaluate",
    "report",
    "checkpoint",
    "repeat",
    "tune",
    "tracking",
];

/// What an experiment says of its data.
#[derive(Clone, Debug)]
pub struct Experiment {
    /// The file.
    pub path: PathBuf,
    /// The seed of all random choices.
    pub seed: u64,
    /// `[data]`
    pub data: DataConfig,
    /// `[features]`
    pub features: FeaturesConfig,
    /// `[split]`
    pub split: SplitConfig,
}

impl Experiment {
    /// Reads the file at `path`.
    ///
    /// # Errors
    /// A file that is missing, is no TOML, or extends itself; a key or a value that its tables cannot have;
    /// `[repeat]`.
    pub fn read(path: &Path) -> Result<Self, ClusterError> {
        let place = format!("`{}`", path.display());
        let table = read_chain(path, &mut Vec::new())?;
        if let Some(key) = table.keys().find(|key| !KEYS.contains(&key.as_str())) {
            let hint = did_you_mean(key, KEYS.into_iter());
            return Err(refuse(&place, format!("unknown key `{key}`"), &hint));
        }
        if table.get("repeat").is_some_and(|repeat| repeat.as_object().is_none_or(|keys| !keys.is_empty())) {
            let hint = "write an experiment for each value, and prepare each into a folder of its own";
            return Err(refuse(&place, "`[repeat]` stands for several experiments".to_owned(), hint));
        }
        let seed = match table.get("seed") {
            None => 42,
            Some(seed) => seed.as_u64().ok_or_else(|| {
                refuse(&place, format!("`seed` is `{seed}`"), "it is a whole number from 0, as in `seed = 42`")
            })?,
        };
        let empty = Value::Object(Map::new());
        let of = |key: &str| table.get(key).unwrap_or(&empty);
        let options = |error| ClusterError::Options { place: place.clone(), error };
        let experiment = Self {
            path: path.to_owned(),
            seed,
            data: options::parse("[data]", of("data")).map_err(options)?,
            features: options::parse("[features]", of("features")).map_err(options)?,
            split: options::parse("[split]", of("split")).map_err(options)?,
        };
        find_split(&experiment.split.kind)?;
        experiment.split.check_keys()?;
        Ok(experiment)
    }

    /// The seed of the split's draws.
    pub(crate) fn split_seed(&self) -> u64 {
        self.split.seed.unwrap_or(self.seed)
    }
}

fn refuse(place: &str, reason: String, hint: &str) -> ClusterError {
    ClusterError::Experiment { place: place.to_owned(), reason, hint: hint.to_owned() }
}

/// The table of the file at `path` over that of the file that it extends. `chain` has the files that led here.
fn read_chain(path: &Path, chain: &mut Vec<PathBuf>) -> Result<Map<String, Value>, ClusterError> {
    let place = format!("`{}`", path.display());
    let text = fs::read_to_string(path).map_err(|error| {
        refuse(&place, format!("it cannot be read: {error}"), "name the TOML file of an experiment")
    })?;
    let mut table = parse(&place, &text)?;
    let Some(extends) = table.remove("extends") else { return Ok(table) };
    let Value::String(base) = extends else {
        return Err(refuse(&place, format!("`extends` is `{extends}`"), "it names a file, or `default`"));
    };
    if base == "default" {
        return Ok(extended(parse("the built-in experiment", DEFAULT)?, table));
    }
    chain.push(fs::canonicalize(path).unwrap_or_else(|_| path.to_owned()));
    let base = path.parent().unwrap_or(Path::new("")).join(base);
    if chain.contains(&fs::canonicalize(&base).unwrap_or_else(|_| base.clone())) {
        let reason = format!("it extends `{}`, which extends it", base.display());
        return Err(refuse(&place, reason, "let one of them stand alone"));
    }
    Ok(extended(read_chain(&base, chain)?, table))
}

fn parse(place: &str, text: &str) -> Result<Map<String, Value>, ClusterError> {
    let broken = |reason: String| refuse(place, reason, "docs/evaluation.md has an experiment to start from");
    let table: toml::Table = toml::from_str(text).map_err(|error| broken(error.message().to_owned()))?;
    match serde_json::to_value(table) {
        Ok(Value::Object(table)) => Ok(table),
        Ok(_) => Err(broken("it is no table".to_owned())),
        Err(error) => Err(broken(error.to_string())),
    }
}

/// `table` over `base`. As in `reco`, other data have another name, and the keys of another split go with it.
fn extended(mut base: Map<String, Value>, table: Map<String, Value>) -> Map<String, Value> {
    base.remove("name");
    if let (Some(Value::Object(data)), Some(other)) = (base.get_mut("data"), table.get("data"))
        && ["path", "from", "fetch"].iter().any(|key| other.get(key).is_some())
    {
        data.remove("name");
    }
    if let Some(kind) = table.get("split").and_then(|split| split.get("kind")).and_then(Value::as_str)
        && let Some(Value::Object(split)) = base.get_mut("split")
        && split.get("kind").and_then(Value::as_str) != Some(kind)
    {
        SplitConfig::unread(kind).for_each(|key| drop(split.remove(key)));
    }
    merge(&mut base, table);
    base
}

fn merge(into: &mut Map<String, Value>, from: Map<String, Value>) {
    for (key, value) in from {
        match (into.get_mut(&key), value) {
            (Some(Value::Object(into)), Value::Object(from)) => merge(into, from),
            (_, value) => drop(into.insert(key, value)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(files: &[(&str, &str)]) -> Result<Experiment, String> {
        let folder = tempfile::tempdir().unwrap();
        for (name, text) in files {
            fs::write(folder.path().join(name), text).unwrap();
        }
        Experiment::read(&folder.path().join(files[0].0)).map_err(|error| error.to_string())
    }

    #[test]
    fn a_file_goes_over_its_base_and_over_defaults() {
        let base = "seed = 7\n[data]\nname = \"a\"\npath = \"a\"\n[split]\nkind = \"k-fold\"\nfolds = 3\nfold = 2";
        let mine = "extends = \"base.toml\"\n[data]\npath = \"b\"\n[split]\nkind = \"random\"\n[[approach]]\nname = \"random\"";
        let found = read(&[("mine.toml", mine), ("base.toml", base)]).unwrap();
        assert_eq!((found.seed, found.data.path.as_str(), found.data.name.as_str()), (7, "b", ""));
        assert_eq!((found.split.kind.as_str(), found.split.folds), ("random", 5));
        let built_in = read(&[("mine.toml", "extends = \"default\"\n[split]\nseed = 3")]).unwrap();
        assert_eq!((built_in.seed, built_in.split_seed(), built_in.features.year_bands), (42, 3, 15));
        let alone = read(&[("mine.toml", "")]).unwrap();
        assert_eq!((alone.features, alone.split), (FeaturesConfig::default(), SplitConfig::default()));
    }

    #[test]
    fn what_is_wrong_is_named_with_a_remedy() {
        for (text, expected) in [
            ("sed = 3", "unknown key `sed`\nhint: did you mean `seed`?"),
            ("seed = -1", "`seed` is `-1`\nhint: "),
            ("[split]\nkind = \"temporl\"", "unknown split `temporl`"),
            ("[split]\nkind = \"article\"\ntest = 0.3", "`test` is not read by `article`"),
            ("[features]\nzone = 1", "unknown key `zone` in [features]"),
            ("[repeat]\nover = \"seed\"\nvalues = [1, 2]", "`[repeat]` stands for several experiments\nhint: "),
            ("[split", "mine.toml`: "),
            ("extends = 3", "`extends` is `3`"),
            ("extends = \"mine.toml\"", "which extends it"),
            ("extends = \"none.toml\"", "none.toml`: it cannot be read"),
        ] {
            let error = read(&[("mine.toml", text)]).unwrap_err();
            assert!(error.contains(expected) && error.contains("\nhint: "), "{text}: {error}");
        }
    }
}
