//! Measures our rating models, Surprise's and LensKit's over the five folds of Surprise's benchmark.
//!
//! Does not know the models: it runs a program for each library, which print the same lines.
//!
//! **Invariant**: all programs learn from the same rows and predict the same rows; each section says what its seconds
//! include.

use anyhow::{Result, bail};
use serde::Deserialize;

use super::turns::{median, spread};
use crate::process::{Workspace, answer, parsed, shown};
use crate::python::{Environment, SURPRISE, TORCH};
use crate::splits::{self, FOLDS};

/// Turns of each.
const TURNS: usize = 3;

/// What each program prints for each model.
#[derive(Clone, Deserialize)]
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
    /// The setting with which another program was fastest.
    #[serde(default)]
    setting: String,
    /// Seconds of fits and predictions together in the quickest and the slowest turn, where there were several.
    #[serde(skip)]
    spread: Option<(f64, f64)>,
}

/// Surprise's models, predicting the test rows.
pub(super) fn surprise(workspace: &Workspace) -> Result<String> {
    theirs(workspace, "surprise", &SURPRISE, &["scikit-surprise", "numpy"])
}

/// LensKit's own models of the same families, predicting the test rows.
pub(super) fn lenskit(workspace: &Workspace) -> Result<String> {
    theirs(workspace, "lenskit", &TORCH, &["lenskit", "torch", "numpy", "pandas", "pyarrow"])
}

/// Theirs and ours in turns, with the medians of each model's seconds.
fn theirs(workspace: &Workspace, who: &str, environment: &Environment, packages: &[&str]) -> Result<String> {
    let (ratings, folds) = splits::files(workspace, FOLDS)?;
    let mut theirs = environment.command(workspace)?;
    theirs.arg(format!("xtask/src/bench/peers/{who}_five_folds.py")).args([&ratings, &folds]);
    let mut ours = workspace.command(workspace.build_example("reco-classic", "five_folds", false)?);
    ours.arg("--test-rows").env("RECO_ML100K", &ratings);
    let mut turns = Vec::new();
    for _ in 0..TURNS {
        turns.push([models(&answer(&mut ours)?)?, models(&answer(&mut theirs)?)?]);
    }
    let [ours, theirs_turns] = [0, 1].map(|who| medians(turns.iter().map(|turn| &turn[who])));
    let told = shown(&theirs).replace(&format!("{}/", workspace.root().display()), "");
    Ok(format!(
        "`{told}`. With {}, and `cargo run -p reco-classic --example five_folds -- --test-rows` in turn with it: \
         medians of {TURNS} turns. `score` is the time of predicting the 100,000 test rows, of both. Errors are means \
         over the five folds, seconds are sums.\n\n{}\n### `reco` in turn with it\n\n{}",
        environment.of(workspace, packages),
        table(&theirs_turns),
        table(&ours),
    ))
}

/// For each model its errors, which are the same in every turn, and the medians of its seconds.
fn medians<'a>(turns: impl Iterator<Item = &'a Vec<OfModel>>) -> Vec<OfModel> {
    let turns: Vec<&Vec<OfModel>> = turns.collect();
    let of = |at: usize, seconds: fn(&OfModel) -> f64| turns.iter().map(|turn| seconds(&turn[at])).collect::<Vec<_>>();
    let first = turns[0].iter().enumerate();
    first
        .map(|(at, model)| {
            let [from, _, to] = spread(&of(at, |model| model.fit + model.score));
            OfModel {
                fit: median(&of(at, |model| model.fit)),
                score: median(&of(at, |model| model.score)),
                spread: Some((from, to)),
                ..model.clone()
            }
        })
        .collect()
}

fn models(lines: &str) -> Result<Vec<OfModel>> {
    let models: Vec<OfModel> = lines.lines().map(parsed).collect::<Result<_>>()?;
    if models.is_empty() {
        bail!("the program answered nothing");
    }
    Ok(models)
}

fn table(models: &[OfModel]) -> String {
    let mut text = "| approach | variant | similarity | rmse | mae | fit | score | both, from – to | at |\n\
                    | --- | --- | --- | ---: | ---: | ---: | ---: | ---: | --- |\n"
        .to_owned();
    for OfModel { approach, variant, similarity, rmse, mae, fit, score, setting, spread } in models {
        let at = if setting.is_empty() { "all cores" } else { setting };
        let spread = spread.map_or_else(|| "–".to_owned(), |(from, to)| format!("{from:.2} – {to:.2} s"));
        text += &format!(
            "| {approach} | {variant} | {similarity} | {rmse:.6} | {mae:.6} | {fit:.2} s | {score:.2} s | {spread} | \
             {at} |\n"
        );
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_become_a_table_and_nothing_is_no_measurement() {
        let line = r#"{"approach":"user-knn","variant":"basic","similarity":"msd","rmse":0.97971557,"mae":0.7736,"fit":0.1,"score":0.456}"#;
        let text = table(&models(line).unwrap());
        assert!(
            text.ends_with("| user-knn | basic | msd | 0.979716 | 0.773600 | 0.10 s | 0.46 s | – | all cores |\n"),
            "{text}"
        );
        let slower = models(&line.replace("0.456", "0.956")).unwrap();
        let turns = medians([models(line).unwrap(), slower.clone(), slower].iter());
        assert!(table(&turns).ends_with("| 0.10 s | 0.96 s | 0.56 – 1.06 s | all cores |\n"), "{}", table(&turns));
        assert_eq!(models("").err().unwrap().to_string(), "the program answered nothing");
        assert_eq!(models("no").err().unwrap().to_string(), "the program answered `no`");
    }
}
