//! Lists the cases of the benchmark, and measures those that run whole experiments.
//!
//! Does not know the page that the results are written to.
//!
//! **Invariant**: a case runs `reco` or cargo as anyone would, in folders of its own that it empties first, so that no
//! earlier run's work is skipped.

use std::ffi::OsStr;
use std::path::PathBuf;

use anyhow::{Context as _, Result};
use serde_json::Value;

use super::machine::bytes;
use super::{Case, ablation, build, dot_product, five_folds, ingest, others, peers, protocols, ruler, train};
use crate::files;
use crate::process::{Cost, Workspace, measure, shown};

/// All cases, in the order they run. To add one, add a line.
pub(super) const CASES: &[Case] = &[
    Case::ours("build", "A clean build", build::run),
    Case::ours("ml-100k", "The default experiment: MovieLens 100K", |workspace| {
        experiment(workspace, "ml-100k", "default")
    }),
    Case::ours("article", "The article's experiment", article),
    Case::ours("article-seeds", "The article's experiment, five seeds", |workspace| {
        experiment(workspace, "article-seeds", "article-seeds")
    }),
    Case::ours("article-choices", "The article's choices, one by one", article_choices),
    Case::peer("keras", "The article's hybrid network in Keras", peers::keras_hybrid),
    Case::peer("surprise", "Five folds of MovieLens 100K in Surprise", five_folds::surprise),
    Case::peer("lenskit", "The same five folds in LensKit", five_folds::lenskit),
    Case::peer("ruler", "An evaluation, here and in Python", ruler::run),
    Case::peer("full-ranking", "A full ranking of 138,000 users and 27,000 items", ruler::large).in_release(),
    Case::peer("dot-product", "Everyone's best ten by dot products", dot_product::run).in_release(),
    Case::ours("choices", "One number under one choice after another", protocols::choices),
    Case::ours("ablation", "What each part of the hybrid network brings", ablation::ablation),
    Case::ours("compare", "Two runs, user by user", protocols::compare),
    Case::peer("others", "Others' recommenders by our ruler", others::measured),
    Case::ours("train", "How fast the networks learn", train::run),
    Case::peer("train-peers", "The same in Keras, PyTorch and RecBole", train::peers),
    Case::peer("ingest-peers", "Reading many ratings, here and in polars and DuckDB", ingest::peers),
];

/// The arguments that override a key.
fn set(set: &str) -> Vec<String> {
    vec!["--set".to_owned(), set.to_owned()]
}

/// The same for an option of all networks of the article.
fn of_networks(key: &str, value: &str) -> Vec<String> {
    let set = |name| set(&format!("approach.{name}.{key}={value}"));
    ["collaborative", "neural", "hybrid"].map(set).concat()
}

/// A run of `reco` that was measured.
pub(super) struct Run {
    /// Its command line, without the folder that it wrote into.
    pub(super) command: String,
    /// The folder.
    pub(super) out: PathBuf,
    pub(super) results: Value,
    cost: Cost,
}

/// An empty folder for one case.
pub(super) fn empty(workspace: &Workspace, name: &str) -> Result<PathBuf> {
    let folder = workspace.target().join("bench").join(name);
    files::empty(&folder)?;
    Ok(folder)
}

/// Runs an experiment of the data folder into the folder `name`, with further arguments.
pub(super) fn run<S: AsRef<OsStr>>(
    workspace: &Workspace,
    name: &str,
    experiment: &str,
    more: impl IntoIterator<Item = S>,
) -> Result<Run> {
    let out = empty(workspace, name)?;
    let mut command = workspace.command(workspace.build_reco(false)?);
    command.args(["run", &format!("data/experiments/{experiment}.toml")]).args(more);
    let shown = shown(&command);
    let cost = measure(command.arg("--out").arg(&out))?;
    let results = files::json(&out.join("report/results.json"))?;
    Ok(Run { command: shown, out, results, cost })
}

impl Run {
    /// What it cost, as a table and a sentence.
    fn costs(&self) -> String {
        let approaches = self.results["approaches"].as_array().map(Vec::as_slice).unwrap_or_default();
        let trained: f64 = approaches.iter().filter_map(|approach| approach["train_seconds"].as_f64()).sum();
        format!(
            "| command | seconds | peak memory |\n| --- | ---: | ---: |\n| `{}` | {:.1} | {} |\n\n\
             Training took {trained:.1} s of it, on {}.\n",
            self.command,
            self.seconds(),
            self.cost.peak.map_or_else(|| "–".to_owned(), bytes),
            self.results["device"].as_str().unwrap_or("–"),
        )
    }

    /// Its wall time.
    pub(super) fn seconds(&self) -> f64 {
        self.cost.wall.as_secs_f64()
    }

    /// Its report in Markdown.
    pub(super) fn report(&self) -> Result<String> {
        files::read(&self.out.join("report/report.md"))
    }
}

/// The article's experiment, and how long it takes with the other optimizer.
fn article(workspace: &Workspace) -> Result<String> {
    let text = experiment(workspace, "article", "article")?;
    let lazy = run(workspace, "article-lazy-adam", "article", of_networks("optimizer", "lazy-adam"))?;
    Ok(format!("{text}\n### With `lazy-adam`\n\n{}", lazy.costs()))
}

/// What a run cost, and the main sections of its report.
fn experiment(workspace: &Workspace, name: &str, file: &str) -> Result<String> {
    let run = run(workspace, name, file, [""; 0])?;
    let (report, mut text) = (run.report()?, run.costs());
    for heading in ["Data and protocol", "Results", "Training"] {
        text += &format!("\n### {heading}\n\n{}\n", section(&report, heading));
    }
    Ok(text)
}

/// The article's experiment, and the same with one of its choices corrected at a time.
fn article_choices(workspace: &Workspace) -> Result<String> {
    let split = || set("split.kind=per-user-random");
    let none_validates = || set("split.validation=0");
    let own_validation = || [of_networks("validation_split", "0"), of_networks("patience", "5")].concat();
    let choices: Vec<(&str, &str, Vec<String>)> = vec![
        ("As the article", "article", vec![]),
        ("Untrained rows at the mean of the trained ones", "article", of_networks("untrained_rows", "mean")),
        ("All training rows train", "article", of_networks("validation_split", "0")),
        ("Scaled by training ratings alone", "article", set("features.scaling.fit=train")),
        ("Held-out ratings of all users and products", "article", [split(), none_validates()].concat()),
        ("The same, stopped by rows that are neither train nor test", "article", [split(), own_validation()].concat()),
        ("All of it, and one line to scale all ratings", "article-honest", vec![]),
    ];
    let metrics = ["scaled_mae", "hit_share", "article_accuracy", "article_mrr", "mrr"];
    let mut text = String::new();
    for (row, (choice, experiment, sets)) in choices.into_iter().enumerate() {
        let run = run(workspace, &format!("article-choices/{row}"), experiment, sets)?;
        text += &format!("### {choice}\n\n`{}`\n\n| approach | {} |\n", run.command, metrics.join(" | "));
        text += &format!("| --- |{}\n", " ---: |".repeat(metrics.len()));
        for approach in run.results["approaches"].as_array().context("results.json has no approaches")? {
            let cells = metrics.map(|metric| cell(&approach["metrics"][metric])).join(" | ");
            text += &format!("| {} | {cells} |\n", approach["name"].as_str().unwrap_or("–"));
        }
        text += "\n";
    }
    Ok(text)
}

/// A number with four digits, or a dash.
pub(super) fn cell(value: &Value) -> String {
    value.as_f64().map_or_else(|| "–".to_owned(), |value| format!("{value:.4}"))
}

/// The text under `## heading`, up to the next heading of that level.
pub(super) fn section(report: &str, heading: &str) -> String {
    let lines = report.lines().skip_while(|line| line.strip_prefix("## ") != Some(heading)).skip(1);
    lines.take_while(|line| !line.starts_with("## ")).collect::<Vec<_>>().join("\n").trim().to_owned()
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use serde_json::json;

    use super::*;

    #[test]
    fn a_section_ends_where_the_next_begins() {
        let report = "# x\n\n## Results\n\n| a |\n\n### deeper\n\n## Training\n\nb\n";
        assert_eq!(section(report, "Results"), "| a |\n\n### deeper");
        assert_eq!(section(report, "Training"), "b");
        assert_eq!(section(report, "Absent"), "");
    }

    #[test]
    fn training_is_the_sum_over_approaches_and_what_is_unknown_a_dash() {
        let results =
            json!({ "approaches": [{ "train_seconds": 1.5 }, { "train_seconds": 2.0 }, {}], "device": "cpu" });
        let cost = Cost { wall: Duration::from_secs(2), peak: Some(300 << 20) };
        let run = |peak| Run {
            command: "reco run".to_owned(),
            out: PathBuf::new(),
            results: results.clone(),
            cost: Cost { peak, ..cost },
        };
        let text = run(cost.peak).costs();
        assert!(text.ends_with("| `reco run` | 2.0 | 300 MiB |\n\nTraining took 3.5 s of it, on cpu.\n"), "{text}");
        assert!(run(None).costs().contains("| 2.0 | – |"));
        assert_eq!([cell(&json!(0.25)), cell(&json!(null))], ["0.2500", "–"]);
    }
}
