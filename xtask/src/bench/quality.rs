//! Compares what the fused training step learns with what autodiff learns, seed by seed.
//!
//! Does not know networks: it runs experiments with `training_step` set either way.
//!
//! **Invariant**: both steps start from the same weights and get the same rows in the same order: differences are
//! paired by seed.

use std::path::Path;

use anyhow::{Context as _, Result};

use super::Arguments;
use super::cases::{NETWORKS, empty, of_networks, read_json};
use super::turns::{deviation, mean};
use crate::process::{Workspace, shown, succeed};

/// Seeds, from 0 on.
const SEEDS: usize = 10;

/// Student's t at 9 degrees of freedom: by chance alone, one difference in twenty lies beyond it.
const LIMIT: f64 = 2.262;

/// Experiments, and the metrics that they are judged by.
const EXPERIMENTS: [(&str, &[&str]); 2] =
    [("article", &["scaled_mae", "article_mrr"]), ("default", &["mae", "rmse", "ndcg@10", "user_auc"])];

/// A table of paired differences.
pub(super) fn run(workspace: &Workspace, arguments: &Arguments) -> Result<String> {
    let reco = workspace.build_reco(arguments.release)?;
    let mut text = String::new();
    for (experiment, metrics) in EXPERIMENTS {
        // By step and seed: each network's metrics.
        let mut values = [Vec::new(), Vec::new()];
        let mut last = String::new();
        for seed in 0..SEEDS {
            let out = empty(workspace, &format!("quality/{experiment}"))?;
            for (step, values) in ["plain", "fused"].iter().zip(&mut values) {
                let mut command = workspace.command(&reco);
                command.args(["run", &format!("data/experiments/{experiment}.toml")]);
                command.args(["--set", &format!("seed={seed}")]);
                for set in of_networks("training_step", step) {
                    command.args(["--set", &set]);
                }
                last = shown(&command);
                succeed(command.arg("--out").arg(&out))?;
                values.push(metrics_of(&out, metrics)?);
            }
        }
        text += &format!(
            "`{last}`, and so on: seeds 0 to {}, each with both steps. `difference` is the mean of fused less plain, by \
             seed, ± its standard error; `spread` is the standard deviation of plain over the seeds.\n\n\
             | approach | metric | plain | fused | difference | t | spread | within chance |\n\
             | --- | --- | ---: | ---: | ---: | ---: | ---: | --- |\n",
            SEEDS - 1
        );
        let [plain, fused] = &values;
        for (row, network) in NETWORKS.iter().enumerate() {
            for (column, metric) in metrics.iter().enumerate() {
                let of = |runs: &[Vec<Vec<f64>>]| runs.iter().map(|run| run[row][column]).collect::<Vec<f64>>();
                let (plain, fused) = (of(plain), of(fused));
                let differences: Vec<f64> = fused.iter().zip(&plain).map(|(a, b)| a - b).collect();
                let (mean_plain, mean_fused, spread) = (mean(&plain), mean(&fused), deviation(&plain));
                let difference = mean(&differences);
                let standard_error = deviation(&differences) / (SEEDS as f64).sqrt();
                let t = if standard_error > 0.0 { difference / standard_error } else { 0.0 };
                let verdict = if t.abs() < LIMIT { "yes" } else { "no" };
                text += &format!(
                    "| {network} | {metric} | {mean_plain:.4} | {mean_fused:.4} | {difference:+.5} ± {standard_error:.5} | {t:+.2} | \
                     {spread:.4} | {verdict} |\n"
                );
            }
        }
        text += "\n";
    }
    Ok(text)
}

/// These metrics of each network of a run.
fn metrics_of(out: &Path, metrics: &[&str]) -> Result<Vec<Vec<f64>>> {
    let results = read_json(&out.join("report/results.json"))?;
    let approaches = results["approaches"].as_array().context("results.json has no approaches")?;
    let of = |network: &str| {
        let approach = approaches.iter().find(|approach| approach["name"] == network);
        let approach = approach.with_context(|| format!("results.json has no `{network}`"))?;
        let value = |metric: &&str| {
            approach["metrics"][*metric].as_f64().with_context(|| format!("`{network}` has no `{metric}`"))
        };
        metrics.iter().map(value).collect()
    };
    NETWORKS.into_iter().map(of).collect()
}
