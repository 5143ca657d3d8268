//! Prepares what trials begin with: a finished run of the fixture, its models' answers, and an experiment's keys.
//!
//! Does not know trials.
//!
//! **Invariant**: nothing writes into it once it is made: trials work on copies.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, bail};
use serde_json::Value;

use super::trial::{self, How};
use crate::files::{empty, json, read, remove, sha256, write};
use crate::process::{Workspace, succeed};

/// The experiment: seconds long, and nothing to fetch.
const EXPERIMENT: &str = "data/experiments/fixture.toml";

/// Networks train for one epoch.
const SHORT: [&str; 3] =
    ["--set=approach.collaborative.epochs=1", "--set=approach.neural.epochs=1", "--set=approach.hybrid.epochs=1"];

/// Options whose large values ask for much work, not for something impossible.
const WORK: [&str; 3] = ["epochs", "patience", "n_iterations"];

/// What trials begin with.
pub(super) struct Prepared {
    pub(super) reco: PathBuf,
    /// `target/torture`.
    pub(super) torture: PathBuf,
    pub(super) seed: u64,
    /// The fixture's experiment, with an absolute path.
    pub(super) experiment: toml::Table,
    /// What its run left: `out`.
    pub(super) folder: PathBuf,
    /// Keys of an experiment, as `--set` calls them, with their values.
    pub(super) keys: Vec<(String, Value)>,
    /// What each model answers, by its name.
    pub(super) answers: Vec<(String, Vec<u8>)>,
}

impl Prepared {
    /// Runs the fixture's experiment again.
    pub(super) fn make(workspace: &Workspace, seed: u64) -> Result<Self> {
        let reco = workspace.build_reco(false)?;
        let torture = workspace.target().join("torture");
        let folder = torture.join("prepared");
        empty(&folder)?;
        remove(&torture.join("work"))?;
        let text = read(&workspace.root().join(EXPERIMENT))?;
        let mut experiment: toml::Table = text.parse().context("the fixture's experiment is no TOML")?;
        if let Some(data) = experiment.get_mut("data").and_then(toml::Value::as_table_mut) {
            data.insert("path".to_owned(), workspace.root().join("data/fixture").display().to_string().into());
        }
        fs::write(folder.join("experiment.toml"), experiment.to_string())?;
        let mut command = workspace.command(&reco);
        command.current_dir(&folder).args(["run", "experiment.toml", "--out", "out"]).args(SHORT);
        succeed(command.stdout(std::process::Stdio::null()).stderr(std::process::Stdio::null()))?;

        let mut prepared = Self { reco, torture, seed, experiment, folder, keys: Vec::new(), answers: Vec::new() };
        prepared.keys = prepared.known_keys()?;
        for model in prepared.models() {
            let ended = prepared.reco(&prepared.folder, &answer(&model))?;
            if ended.how != How::Code(0) {
                bail!("`{model}` gives no answer: {}", ended.stderr);
            }
            prepared.answers.push((model, ended.stdout));
        }
        Ok(prepared)
    }

    pub(super) fn reco(&self, folder: &Path, words: &[String]) -> Result<trial::Ended> {
        trial::reco(&self.reco, folder, words, None)
    }

    /// Names of approaches, in their order.
    pub(super) fn models(&self) -> Vec<String> {
        let listed = self.experiment.get("approach").and_then(toml::Value::as_array).into_iter().flatten();
        listed.filter_map(|one| one.get("name")?.as_str()).map(str::to_owned).collect()
    }

    /// An experiment's keys, from the run's own manifests, with defaults filled in.
    fn known_keys(&self) -> Result<Vec<(String, Value)>> {
        let mut keys = vec![("seed".to_owned(), Value::from(42)), ("name".to_owned(), Value::from("x"))];
        for stage in ["tables", "features", "evaluation", "report"] {
            let manifest = json(&self.folder.join("out").join(stage).join("manifest.json"))?;
            for table in ["data", "features", "split", "evaluate", "report"] {
                leaves(table, &manifest["experiment"][table], &mut keys);
            }
        }
        for model in self.models() {
            let config = json(&self.folder.join("out/models").join(&model).join("config.json"))?;
            leaves(&format!("approach.{model}"), &config["options"], &mut keys);
        }
        keys.retain(|(key, _)| !WORK.iter().any(|work| key.ends_with(work)));
        if keys.len() < 50 {
            bail!("the run's manifests name only {} keys", keys.len());
        }
        Ok(keys)
    }
}

/// The arguments that ask a model for an answer.
pub(super) fn answer(model: &str) -> Vec<String> {
    ["recommend", "--user", "1", "--models", "out/models", "--device", "cpu", "--json", "--approach", model]
        .map(str::to_owned)
        .to_vec()
}

fn leaves(place: &str, value: &Value, keys: &mut Vec<(String, Value)>) {
    match value {
        Value::Object(map) if !map.is_empty() => {
            map.iter().for_each(|(key, value)| leaves(&format!("{place}.{key}"), value, keys));
        }
        Value::Null if !place.contains('.') => {}
        _ => keys.push((place.to_owned(), value.clone())),
    }
}

/// Writes the digests of a folder's files again into its manifest, as someone who tampers with it would.
pub(super) fn sign(folder: &Path) -> Result<()> {
    let path = folder.join("manifest.json");
    let Ok(mut manifest) = json(&path) else { return Ok(()) };
    if let Some(outputs) = manifest.get_mut("outputs").and_then(Value::as_object_mut) {
        for (file, digest) in outputs {
            if let Ok(found) = sha256(&folder.join(file)) {
                *digest = found.into();
            }
        }
    }
    write(&path, manifest.to_string())
}
