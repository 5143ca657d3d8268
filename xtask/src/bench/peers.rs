//! Measures the article's hybrid network in Keras over many seeds.
//!
//! Does not know the network: the peer is a script beside this file, run in a Python environment made for it.
//!
//! **Invariant**: an environment pins its versions, and the section says them.

use std::env;
use std::path::PathBuf;

use anyhow::{Context as _, Result};
use serde::Deserialize;

use super::turns::{deviation, mean};
use crate::process::{Workspace, answer, parsed, shown};
use crate::python::KERAS;

/// The last of the seeds, which begin at 0.
const LAST_SEED: &str = "11";

/// What the script prints for each seed.
#[derive(Deserialize)]
struct OfSeed {
    seed: u32,
    train: f64,
    validation: f64,
    test: f64,
    seconds: f64,
}

/// The article's hybrid over many seeds: a mean, and how far single seeds lie from it.
pub(super) fn keras_hybrid(workspace: &Workspace) -> Result<String> {
    let workbook = env::var_os("RECO_EXTRA_DATA")
        .map(|folder| PathBuf::from(folder).join("movielens-seed/data_movies.xlsx"))
        .filter(|path| path.is_file())
        .context(
            "the article's workbook is not there\nhint: set RECO_EXTRA_DATA to the folder that has movielens-seed/",
        )?;
    let mut command = KERAS.command(workspace)?;
    command.args(["xtask/src/bench/peers/keras_article.py".as_ref(), workbook.as_os_str()]);
    command.args(["hybrid", "0", LAST_SEED]);
    let seeds: Vec<OfSeed> = answer(&mut command)?.lines().map(parsed).collect::<Result<_>>()?;

    let of = |figure: fn(&OfSeed) -> f64| seeds.iter().map(figure).collect::<Vec<f64>>();
    let shown =
        shown(&command).replace(&workbook.display().to_string(), "$RECO_EXTRA_DATA/movielens-seed/data_movies.xlsx");
    let mut text = format!(
        "`{shown}`, with {}, one thread, {:.0} s a seed. Mean absolute errors of scaled ratings after 100 epochs.\n\n\
         | seed | train | validation | test |\n| --- | ---: | ---: | ---: |\n",
        KERAS.all(workspace),
        mean(&of(|one| one.seconds)),
    );
    for OfSeed { seed, train, validation, test, .. } in &seeds {
        text += &format!("| {seed} | {train:.4} | {validation:.4} | {test:.4} |\n");
    }
    let figures = [of(|one| one.train), of(|one| one.validation), of(|one| one.test)];
    for (name, over) in [("mean", mean as fn(&[f64]) -> f64), ("deviation", deviation)] {
        let cells = figures.each_ref().map(|figures| format!("{:.4}", over(figures)));
        text += &format!("| {name} | {} |\n", cells.join(" | "));
    }
    Ok(text)
}
