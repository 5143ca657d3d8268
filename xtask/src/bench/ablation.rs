//! Measures what each part of the hybrid network brings to lists: the whole, and the whole without one part.
//!
//! Does not know the parts: `data/experiments/ablation.toml` lists the entrants, the whole first.
//!
//! **Invariant**: every number is read from a run of `reco` that the section names, and every difference is paired over
//! the same users.

use anyhow::{Context as _, Result};
use serde_json::Value;

use super::cases::{Run, cell, run};
use super::contest::{interval, over_users};
use crate::process::Workspace;

const COLUMN: &str = "ndcg@10";

/// Where it is measured: what that is called, and what is added to the command line.
const PLACES: [(&str, &str); 2] = [
    ("A tenth of each user's ratings, at random", ""),
    (
        "The last tenth of all ratings",
        "--approach hybrid,without-contexts --set split.kind=temporal --set evaluate.relevance_threshold=4",
    ),
];

pub(super) fn ablation(workspace: &Workspace) -> Result<String> {
    let mut text = format!(
        "The hybrid network trained for lists, whole and without one part. `{COLUMN}` with its 95 % interval over users, and what \
         is added to the whole's: the paired difference, its 95 % interval, and p by Student's t, by Holm's correction.\n"
    );
    for (at, (place, more)) in PLACES.into_iter().enumerate() {
        let run = run(workspace, &format!("ablation/{at}"), "ablation", more.split_whitespace())?;
        text += &format!("\n### {place}\n\n`{}`\n\n", run.command);
        text += &format!("| approach | validation | {COLUMN} | difference | parameters |\n");
        text += "| --- | ---: | --- | --- | ---: |\n";
        text += &rows(workspace, &run)?;
    }
    Ok(text)
}

fn rows(workspace: &Workspace, run: &Run) -> Result<String> {
    let approaches = run.results["approaches"].as_array().context("results.json has no approaches")?;
    let whole = approaches.first().and_then(|one| one["name"].as_str()).context("the whole is not there")?;
    let differences = over_users(workspace.command(workspace.reco(false)), &run.out, whole, COLUMN)?;
    let row = |approach: &Value| {
        let name = approach["name"].as_str().context("an approach without a name")?;
        let [validation, test] = ["validation", "metrics"].map(|part| cell(&approach[part][COLUMN]));
        let interval = interval(approach, COLUMN);
        let difference = differences.get(name).map_or("–", String::as_str);
        let size = &approach["n_parameters"];
        Ok(format!("| {name} | {validation} | {test}{interval} | {difference} | {size} |\n"))
    };
    approaches.iter().map(row).collect()
}
