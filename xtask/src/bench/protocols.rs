//! Measures one number under one choice after another, and compares two runs.
//!
//! Does not know protocols: each is an experiment's file, or one with overridden keys.
//!
//! **Invariant**: every number is read from a run of `reco` that the section names.

use std::fs;
use std::path::Path;

use anyhow::{Context as _, Result};
use serde_json::Value;

use super::cases::{Run, run, section};
use crate::files;
use crate::process::{Workspace, answer, shown};

/// What the report says of data and protocol; in a repeated experiment, the report of its first repetition says it.
pub(super) fn protocol(report: &str, out: &Path) -> Result<String> {
    let first = fs::read_dir(out)?
        .filter_map(|entry| Some(entry.ok()?.path().join("report/report.md")))
        .filter(|path| path.is_file())
        .min();
    let text = match first {
        Some(path) => section(&files::read(&path)?, "Data and protocol"),
        None => section(report, "Data and protocol"),
    };
    let left_out = ["| citation", "| licence", "| sha256", "| source"];
    Ok(text.lines().filter(|line| !left_out.iter().any(|start| line.starts_with(start))).collect::<Vec<_>>().join("\n"))
}

fn overrides<'a>(sets: &'a [&'a str]) -> impl Iterator<Item = &'a str> {
    sets.iter().flat_map(|set| ["--set", set])
}

/// One choice behind a number: what it is called, the keys of `ratio-811` that are overridden, and the column read.
type Choice = (&'static str, &'static [&'static str], &'static str);

const CHOICES: [Choice; 12] = [
    ("as in ratio-811: hits / all relevant, full ranking", &[], "recall@20"),
    ("hits / min(20, relevant)", &[], "capped_recall@20"),
    ("99 sampled candidates", &["evaluate.sampled_negatives=99"], "sampled99_recall@20"),
    ("4 stars or more are relevant", &["evaluate.relevance_threshold=4"], "recall@20"),
    ("only ratings of 4 or more are data", &["features.min_rating=4"], "recall@20"),
    ("10-core", &["features.min_ratings_per_user=10", "features.min_ratings_per_item=10"], "recall@20"),
    ("another seed draws the split", &["seed=43"], "recall@20"),
    ("each user's last tenth tests", &["split.kind=per-user-last"], "recall@20"),
    ("each user's last rating tests", &["split.kind=leave-last-out"], "recall@20"),
    ("the last tenth of all ratings tests", &["split.kind=temporal"], "recall@20"),
    (
        "a quarter of each item's ratings tests",
        &["split.kind=per-item-random", "split.validation=0", "split.test=0.25"],
        "recall@20",
    ),
    ("users held out whole", &["split.kind=held-out-users", "split.validation=0"], "recall@20"),
];

/// The same two models under one choice after another.
pub(super) fn choices(workspace: &Workspace) -> Result<String> {
    let approaches = ["popularity", "implicit-item-knn"];
    let mut text = format!("`reco run data/experiments/ratio-811.toml --approach {}`, and:\n\n", approaches.join(","));
    text += "| choice | override | column | popularity | implicit-item-knn | popularity / implicit-item-knn |\n\
             | --- | --- | --- | ---: | ---: | ---: |\n";
    for (row, (choice, sets, column)) in CHOICES.into_iter().enumerate() {
        let approach = ["--approach", "popularity,implicit-item-knn"];
        let more = approach.into_iter().chain(overrides(sets));
        let Run { results, .. } = run(workspace, &format!("choices/{row}"), "ratio-811", more)?;
        let [popular, knn] = approaches.map(|name| value(&results, name, column));
        let (popular, knn) = (popular.context("no value")?, knn.context("no value")?);
        let sets = sets.iter().map(|set| format!("`{set}`")).collect::<Vec<_>>().join(" ");
        text += &format!("| {choice} | {sets} | `{column}` | {popular:.4} | {knn:.4} | {:.2} |\n", popular / knn);
    }
    Ok(text)
}

fn value(results: &Value, approach: &str, metric: &str) -> Option<f64> {
    let approaches = results["approaches"].as_array()?;
    approaches.iter().find(|one| one["name"] == approach)?["metrics"][metric].as_f64()
}

/// Two seeds of one network and two models, and what is left when two runs' values are exchanged user by user.
pub(super) fn compare(workspace: &Workspace) -> Result<String> {
    let mut text = String::new();
    for seed in [42, 43] {
        // The split has a seed of its own: what differs is the network alone.
        let more = format!("--approach popularity,implicit-item-knn,neural --set split.seed=42 --set seed={seed}");
        let run = run(workspace, &format!("compare/seed-{seed}"), "ratio-811", more.split(' '))?;
        text += &format!("- `{}`\n", run.command);
    }
    let target = format!("{}/", workspace.target().display());
    let lists = "ndcg@10,recall@10,mrr@10";
    for (what, a, b, metrics) in [
        ("Two seeds of one network", "seed-42:neural", "seed-43:neural", format!("{lists},rmse")),
        // The neighbours of lists predict no stars.
        ("Two models", "seed-42:implicit-item-knn", "seed-42:neural", lists.to_owned()),
    ] {
        let mut command = workspace.command(workspace.reco(false));
        command.arg("compare").args([a, b].map(|run| format!("{target}bench/compare/{run}")));
        command.args(["--groups", "activity", "--self-check", "200", "--details"]);
        command.args(["--metrics", &metrics]);
        let (shown, answer) = (shown(&command), answer(&mut command)?);
        let section = format!("\n### {what}\n\n`{shown}`\n\n```text\n{}\n```\n", answer.trim_end());
        text += &section.replace(&target, "target/");
    }
    Ok(text)
}
