//! Runs every preset on MovieLens 100K, one number under one choice after another, and two runs compared.
//!
//! Does not know protocols: each is an experiment's file, or one with a key set anew.
//!
//! **Invariant**: every number is read from a run of `reco` that the section names.

use std::fs;
use std::path::Path;
use std::process::Command;

use anyhow::{Context as _, Result};
use serde_json::Value;

use super::Arguments;
use super::cases::{empty, read_json, section, subsection};
use crate::process::{Workspace, answer, shown, succeed};

/// The presets, and what makes them run on MovieLens 100K where they are about other data.
const PRESETS: [(&str, &[&str]); 8] = [
    (
        "article",
        &[
            "data.name=ml-100k",
            "data.fetch=ml-100k",
            "data.from=[]",
            "data.rows=0",
            "data.rating_scale=[1,5]",
            "features.drop_items=[]",
            "features.drop_items_without_genres=false",
        ],
    ),
    ("surprise-5fold", &[]),
    ("ratio-811", &[]),
    ("leave-one-out", &[]),
    ("ncf-loo99", &[]),
    ("vae-strong", &[]),
    ("temporal", &[]),
    ("msr-75-25", &[]),
];

/// A run of each preset.
pub(super) fn presets(workspace: &Workspace, arguments: &Arguments) -> Result<String> {
    let reco = workspace.build_reco(arguments.release)?;
    let mut text = String::new();
    for (preset, sets) in PRESETS {
        let out = empty(workspace, &format!("protocols/{preset}"))?;
        let command = run(workspace, &reco, preset, sets, &out)?;
        let report = fs::read_to_string(out.join("report/report.md")).context("the run left no report.md")?;
        text += &format!("### {preset}\n\n`{command}`\n\n{}\n", protocol(&report, &out)?);
        let results = section(&report, "Results");
        let families: &[&str] = if preset == "article" { &["The article's"] } else { &["Rankings", "Ratings"] };
        for family in families {
            let table = subsection(&results, family);
            // A table without a value is left out.
            if table.lines().skip(2).any(|line| line.contains("0.") || line.contains("1.")) {
                text += &format!(
                    "\n{family}:\n\n{}\n",
                    table.lines().filter(|line| line.starts_with('|')).collect::<Vec<_>>().join("\n")
                );
            }
        }
        text += "\n";
    }
    Ok(text)
}

/// What the report says of data and protocol; in a repeated experiment, the report of its first repetition says it.
fn protocol(report: &str, out: &Path) -> Result<String> {
    let first = fs::read_dir(out)?
        .filter_map(|entry| Some(entry.ok()?.path().join("report/report.md")))
        .filter(|path| path.is_file())
        .min();
    let text = match first {
        Some(path) => section(&fs::read_to_string(path)?, "Data and protocol"),
        None => section(report, "Data and protocol"),
    };
    let left_out = ["| citation", "| licence", "| sha256", "| source"];
    Ok(text.lines().filter(|line| !left_out.iter().any(|start| line.starts_with(start))).collect::<Vec<_>>().join("\n"))
}

/// Runs an experiment of the data folder, and returns the command.
fn run(workspace: &Workspace, reco: &Path, experiment: &str, sets: &[&str], out: &Path) -> Result<String> {
    let mut command = workspace.command(reco);
    command.args(["run", &format!("data/experiments/{experiment}.toml")]);
    command.args(sets.iter().flat_map(|set| ["--set", set]));
    let shown = shown(&command).replace(&format!("{}/", workspace.target().display()), "target/");
    succeed(command.arg("--out").arg(out))?;
    Ok(shown)
}

/// One choice behind a number: what it is called, the experiment, the keys set anew, and the columns read.
type Choice = (&'static str, &'static str, &'static [&'static str], &'static str);

const CHOICES: [Choice; 12] = [
    ("as in ratio-811: hits / all relevant, full ranking", "ratio-811", &[], "recall@20"),
    ("hits / min(20, relevant)", "ratio-811", &[], "capped_recall@20"),
    ("99 sampled candidates", "ratio-811", &["evaluate.sampled_negatives=99"], "sampled99_recall@20"),
    ("4 stars or more are relevant", "ratio-811", &["evaluate.relevance_threshold=4"], "recall@20"),
    ("only ratings of 4 or more are data", "ratio-811", &["features.min_rating=4"], "recall@20"),
    ("10-core", "ratio-811", &["features.min_ratings_per_user=10", "features.min_ratings_per_item=10"], "recall@20"),
    ("another seed draws the split", "ratio-811", &["seed=43"], "recall@20"),
    ("each user's last tenth tests", "ratio-811", &["split.kind=per-user-last"], "recall@20"),
    ("each user's last rating tests", "ratio-811", &["split.kind=leave-last-out"], "recall@20"),
    ("the last tenth of all ratings tests", "ratio-811", &["split.kind=temporal"], "recall@20"),
    (
        "a quarter of each item's ratings tests",
        "ratio-811",
        &["split.kind=per-item-random", "split.validation=0", "split.test=0.25"],
        "recall@20",
    ),
    ("users held out whole", "ratio-811", &["split.kind=held-out-users", "split.validation=0"], "recall@20"),
];

/// The same two models under one choice after another.
pub(super) fn choices(workspace: &Workspace, arguments: &Arguments) -> Result<String> {
    let reco = workspace.build_reco(arguments.release)?;
    let approaches = ["popularity", "item-knn"];
    let mut text = format!("`reco run data/experiments/ratio-811.toml --approach {}`, and:\n\n", approaches.join(","));
    text += "| choice | override | column | popularity | item-knn | popularity / item-knn |\n| --- | --- | --- | ---: | ---: | ---: |\n";
    for (row, (choice, experiment, sets, column)) in CHOICES.into_iter().enumerate() {
        let out = empty(workspace, &format!("choices/{row}"))?;
        let mut command = workspace.command(&reco);
        command.args(["run", &format!("data/experiments/{experiment}.toml"), "--approach", &approaches.join(",")]);
        command.args(sets.iter().flat_map(|set| ["--set", set]));
        succeed(command.arg("--out").arg(&out))?;
        let results = read_json(&out.join("report/results.json"))?;
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
pub(super) fn compare(workspace: &Workspace, arguments: &Arguments) -> Result<String> {
    let reco = workspace.build_reco(arguments.release)?;
    let folder = empty(workspace, "compare")?;
    let shown = |command: &Command| shown(command).replace(&format!("{}/", workspace.target().display()), "target/");
    let mut text = String::new();
    for seed in [42, 43] {
        let mut command = workspace.command(&reco);
        // The split has a seed of its own: what differs is the network alone.
        command.args(["run", "data/experiments/ratio-811.toml", "--approach", "popularity,item-knn,neural"]);
        command.args(["--set", "split.seed=42", "--set", &format!("seed={seed}"), "--out"]);
        text += &format!("- `{}`\n", shown(command.arg(folder.join(format!("seed-{seed}")))));
        succeed(&mut command)?;
    }
    let run = |seed: u32, approach: &str| format!("{}:{approach}", folder.join(format!("seed-{seed}")).display());
    let metrics = ["ndcg@10", "recall@10", "mrr@10", "rmse"].join(",");
    for (what, a, b) in [
        ("Two seeds of one network", run(42, "neural"), run(43, "neural")),
        ("Two models", run(42, "item-knn"), run(42, "neural")),
    ] {
        let mut command = workspace.command(&reco);
        command.args([
            "compare",
            &a,
            &b,
            "--groups",
            "activity",
            "--self-check",
            "200",
            "--details",
            "--metrics",
            &metrics,
        ]);
        let answer = answer(&mut command)?.replace(&format!("{}/", workspace.target().display()), "target/");
        text += &format!("\n### {what}\n\n`{}`\n\n```text\n{}\n```\n", shown(&command), answer.trim_end());
    }
    Ok(text)
}
