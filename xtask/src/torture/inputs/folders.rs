//! Draws damage to a finished run: its tables, models, manifests and results, with and without digests that fit.
//!
//! Does not know what a file holds, except that some are JSON.
//!
//! **Invariant**: a model whose digests were left alone answers as before, or not at all.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};
use serde_json::Value;

use super::Drawn;
use super::experiments::VALUES;
use crate::files::{self, json};
use crate::torture::bytes::{damaged, damaged_parquet};
use crate::torture::chance::Chance;
use crate::torture::prepared::{Prepared, answer, sign};
use crate::torture::trial::copy;

pub(super) fn damaged_run(prepared: &Prepared, chance: &mut Chance, folder: &Path) -> Result<Drawn> {
    let out = folder.join("out");
    copy(&prepared.folder.join("out"), &out)?;
    fs::copy(prepared.folder.join("experiment.toml"), folder.join("experiment.toml"))?;
    let models = prepared.models();
    let model = &models[chance.below(models.len())];
    let stage = match chance.below(6) {
        0 => PathBuf::from("tables"),
        1 => PathBuf::from("features"),
        2 => PathBuf::from("evaluation"),
        3 if chance.one_in(3) => PathBuf::from("report"),
        _ => Path::new("models").join(model),
    };
    let place = out.join(&stage);
    let files = files::all(&place)?;
    let signs = chance.one_in(2);
    for _ in 0..=chance.below(2) {
        damage(&files[chance.below(files.len())], chance)?;
    }
    let of_model = stage.starts_with("models");
    if signs {
        sign(&place)?;
        if of_model {
            // It says which models are the last run's: without it, a model that is signed anew is not refused before it
            // is read.
            fs::remove_file(out.join("models/answers.json")).context("the prepared run has no `answers.json`")?;
        }
    }
    if of_model && chance.one_in(2) {
        let known = prepared.answers.iter().find(|(name, _)| name == model);
        let answer_before = known.map(|(_, answer)| answer.clone()).filter(|_| !signs);
        return Ok(Drawn { has_run: true, answer: answer_before, ..Drawn::words(answer(model)) });
    }
    let file = files[chance.below(files.len())].strip_prefix(folder)?.display().to_string();
    let drawn = match chance.below(9) {
        0 => Drawn::words(["show", &file]),
        1 => Drawn::words(["describe", model.as_str(), "--models", "out/models"]),
        2 => Drawn::words(["compare", "out"]),
        3 => Drawn::words(["report", "experiment.toml", "--out", "out"]),
        4 => Drawn::words(["evaluate", "experiment.toml", "--out", "out"]),
        5 => Drawn::words(["check", "experiment.toml", "--out", "out"]),
        6 => Drawn::words(["recommend", "--all", "--out", "all.parquet", "--models", "out/models", "--device", "cpu"]),
        7 => Drawn::words(["run", "experiment.toml", "--out", "out", "--from", "evaluate"]),
        _ => Drawn::words(["run", "experiment.toml", "--out", "out"]),
    };
    Ok(Drawn { has_run: true, ..drawn })
}

/// Damages a file in a way that fits its kind.
fn damage(path: &Path, chance: &mut Chance) -> Result<()> {
    let Ok(bytes) = fs::read(path) else { return Ok(()) };
    let extension = path.extension().unwrap_or_default();
    let is_json = extension == "json";
    match chance.below(10) {
        0 => fs::write(path, [])?,
        1 => fs::remove_file(path)?,
        2 => {
            fs::remove_file(path)?;
            fs::create_dir(path)?;
        }
        3 => fs::write(path, damaged(bytes, chance))?,
        _ if is_json => {
            let mut value = json(path).unwrap_or_default();
            for _ in 0..=chance.below(2) {
                replace(&mut value, chance);
            }
            fs::write(path, value.to_string())?;
        }
        _ if extension == "parquet" => fs::write(path, damaged_parquet(bytes, chance))?,
        _ => fs::write(path, damaged(bytes, chance))?,
    }
    Ok(())
}

/// Puts another value somewhere inside of `value`, or takes something out.
fn replace(value: &mut Value, chance: &mut Chance) {
    match value {
        Value::Object(map) if !map.is_empty() && !chance.one_in(8) => {
            let at = chance.below(map.len());
            let key = map.keys().nth(at).cloned().unwrap_or_default();
            if chance.one_in(10) {
                map.remove(&key);
            } else if let Some(inside) = map.get_mut(&key) {
                replace(inside, chance);
            }
        }
        Value::Array(values) if !values.is_empty() && !chance.one_in(4) => {
            let at = chance.below(values.len());
            match chance.below(6) {
                0 => drop(values.remove(at)),
                1 => values.push(values[at].clone()),
                _ => replace(&mut values[at], chance),
            }
        }
        // What is TOML and not JSON becomes null.
        value => *value = serde_json::from_str(chance.pick(&VALUES)).unwrap_or_default(),
    }
}
