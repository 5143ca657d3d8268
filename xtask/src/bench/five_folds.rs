//! How do our models of stars, Surprise's and LensKit's do over the five folds of Surprise's benchmark?
//!
//! Does not know Rust's models, nor Python's: it runs a program for each, which print the same lines.
//!
//! **Invariant**: all predict the same rows from the same rows; each section says what is in its seconds.

use std::env;
use std::path::PathBuf;

use anyhow::{Context as _, Result, bail};
use serde::Deserialize;

use super::Arguments;
use crate::process::{Workspace, answer, parsed, shown, succeed};
use crate::python::python;

const FOLDS: &str = "splits/surprise_folds.csv";
const RATINGS: &str = "data/raw/ml-100k/ml-100k.inter";
const SURPRISE: &[&str] = &["scikit-surprise==1.1.5", "numpy==1.26.4"];
const LENSKIT: &[&str] = &["lenskit==2025.8.1", "torch==2.5.1", "numpy==1.26.4", "pandas==2.2.3", "pyarrow==20.0.0"];

/// What each program prints for each model.
#[derive(Deserialize)]
struct OfModel {
    approach: String,
    variant: String,
    similarity: String,
    rmse: f64,
    mae: f64,
    /// Seconds of all five fits.
    fit: f64,
    /// Seconds of all five predictions.
    score: f64,
}

/// Ours, asked for every item of the catalogue.
pub(super) fn ours(workspace: &Workspace, arguments: &Arguments) -> Result<String> {
    let (ratings, _) = files(workspace, arguments, FOLDS)?;
    let mut command = workspace.cargo(&["run", "--quiet", "--package", "reco-classic", "--example", "five_folds"]);
    if arguments.release {
        command.arg("--release");
    }
    command.env("RECO_ML100K", &ratings);
    let models = models(&answer(&mut command)?)?;
    let scored = "`score` is the time of scoring the whole catalogue for every user with test rows: 1,682 items each";
    Ok(section(&shown(&command), scored, &models))
}

/// Surprise's, asked for the test rows.
pub(super) fn surprise(workspace: &Workspace, arguments: &Arguments) -> Result<String> {
    theirs(workspace, arguments, "surprise", SURPRISE)
}

/// LensKit's, asked for the test rows: its own models of the same families.
pub(super) fn lenskit(workspace: &Workspace, arguments: &Arguments) -> Result<String> {
    theirs(workspace, arguments, "lenskit", LENSKIT)
}

fn theirs(workspace: &Workspace, arguments: &Arguments, who: &str, packages: &[&str]) -> Result<String> {
    let (ratings, folds) = files(workspace, arguments, FOLDS)?;
    let python = python(workspace, who, packages)?;
    let mut command = workspace.command(&python);
    command.arg(format!("xtask/src/bench/peers/{who}_five_folds.py")).args([&ratings, &folds]);
    let models = models(&answer(&mut command)?)?;
    let shown = shown(&command)
        .replace(&ratings.display().to_string(), RATINGS)
        .replace(&folds.display().to_string(), &format!("$RECO_EXTRA_DATA/{FOLDS}"));
    let scored = format!("With {}; `score` is the time of predicting the 100,000 test rows", packages.join(", "));
    Ok(section(&shown, &scored, &models))
}

/// The ratings and how `split` parts them, both in the order of the ratings; the ratings are fetched if they are not there.
pub(super) fn files(workspace: &Workspace, arguments: &Arguments, split: &str) -> Result<(PathBuf, PathBuf)> {
    let parts = env::var_os("RECO_EXTRA_DATA").map(|folder| PathBuf::from(folder).join(split));
    let parts = parts
        .filter(|path| path.is_file())
        .with_context(|| format!("the split is not there\nhint: set RECO_EXTRA_DATA to the folder that has {split}"))?;
    let ratings = env::var_os("RECO_ML100K").map_or_else(|| workspace.root().join(RATINGS), PathBuf::from);
    if !ratings.is_file() {
        let reco = workspace.build_reco(arguments.release)?;
        succeed(workspace.command(reco).args(["fetch", "ml-100k"]))?;
    }
    Ok((ratings, parts))
}

fn models(lines: &str) -> Result<Vec<OfModel>> {
    let models: Vec<OfModel> = lines.lines().map(parsed).collect::<Result<_>>()?;
    if models.is_empty() {
        bail!("the program answered nothing");
    }
    Ok(models)
}

fn section(command: &str, scored: &str, models: &[OfModel]) -> String {
    let mut text = format!(
        "`{command}`. {scored}. Errors are means over the five folds, seconds are sums.\n\n\
         | approach | variant | similarity | rmse | mae | fit | score |\n\
         | --- | --- | --- | ---: | ---: | ---: | ---: |\n",
    );
    for OfModel { approach, variant, similarity, rmse, mae, fit, score } in models {
        text +=
            &format!("| {approach} | {variant} | {similarity} | {rmse:.6} | {mae:.6} | {fit:.2} s | {score:.2} s |\n");
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_become_a_table_and_nothing_is_no_measurement() {
        let line = r#"{"approach":"user-knn","variant":"basic","similarity":"msd","rmse":0.97971557,"mae":0.7736,"fit":0.1,"score":0.456}"#;
        let text = section("a", "B", &models(line).unwrap());
        assert!(text.ends_with("| user-knn | basic | msd | 0.979716 | 0.773600 | 0.10 s | 0.46 s |\n"), "{text}");
        assert_eq!(models("").err().unwrap().to_string(), "the program answered nothing");
        assert_eq!(models("no").err().unwrap().to_string(), "the program answered `no`");
    }
}
