//! Runs one trial: damages a Parquet file that `reco` reads (the user's table, a run's tables, a model), and runs
//! `reco` on it.
//!
//! Does not know the format of Parquet: [`super::bytes`] does.
//!
//! **Invariant**: where the digests of a damaged model stay as they were, the trial expects the answer of the sound
//! model or an error.

use std::fs;
use std::path::Path;

use anyhow::Result;

use super::bytes::damaged_parquet;
use super::chance::Chance;
use super::inputs::table;
use super::prepared::{Prepared, answer, sign};
use super::trial::{Foreign, copy};
use super::{Judged, Report};
use crate::files::with_extension;

/// The damaged file numbered `number`.
pub(super) fn trial(prepared: &Prepared, number: usize, folder: &Path) -> Result<Report> {
    let mut chance = Chance::new(prepared.seed, "parquet", number);
    super::keep_beside(folder)?;
    let mut expected = None;
    let (kind, words, ours) = match number % 8 {
        0 | 1 => ("user's table", table(prepared, &mut chance, folder)?, false),
        2 => {
            let among = with_extension(&prepared.folder.join("out"), "parquet")?;
            let from = &among[chance.below(among.len())];
            fs::write(folder.join("table.parquet"), damaged_parquet(fs::read(from)?, &mut chance))?;
            let rows = chance.pick(&["0", "3", "100000000"]);
            ("shown", ["show", "table.parquet", "--rows", rows].map(str::to_owned).to_vec(), false)
        }
        // A run that goes on from damaged tables.
        3 => {
            for stage in ["tables", "features", "models/popularity", "models/svd"] {
                copy(&prepared.folder.join("out").join(stage), &folder.join("out").join(stage))?;
            }
            fs::copy(prepared.folder.join("experiment.toml"), folder.join("experiment.toml"))?;
            let stages =
                [("tables", "features"), ("features", "train"), ("features", "evaluate"), ("models/svd", "evaluate")];
            let (stage, from) = stages[chance.below(stages.len())];
            damage_one(&folder.join("out").join(stage), &mut chance)?;
            sign(&folder.join("out").join(stage))?;
            let words = ["run", "experiment.toml", "--out", "out", "--approach", "popularity,svd", "--from", from];
            ("run's table", words.map(str::to_owned).to_vec(), true)
        }
        kind => {
            let (model, known) = &prepared.answers[chance.below(prepared.answers.len())];
            let place = Path::new("out/models").join(model);
            copy(&prepared.folder.join(&place), &folder.join(&place))?;
            damage_one(&folder.join(&place), &mut chance)?;
            if kind < 7 {
                sign(&folder.join(&place))?;
                ("model, signed anew", answer(model), true)
            } else {
                expected = Some(known.as_slice());
                ("model", answer(model), true)
            }
        }
    };
    let foreign = Foreign::of(folder, |path| {
        ours && path.starts_with("out") && path.file_name().is_some_and(|name| name != "keep.txt")
    })?;
    let ended = prepared.reco(folder, &words)?;
    let judged = Judged { may_be_long: false, answer: expected };
    Ok(Report::of(kind, words, ended, foreign.changed(folder)?, &judged))
}

/// Damages one of the Parquet files under `folder`.
fn damage_one(folder: &Path, chance: &mut Chance) -> Result<()> {
    let among = with_extension(folder, "parquet")?;
    let path = &among[chance.below(among.len())];
    Ok(fs::write(path, damaged_parquet(fs::read(path)?, chance))?)
}
