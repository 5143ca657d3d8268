//! Measures how long an evaluation takes, here and in Python, scores being ready.
//!
//! Does not know metrics: it runs a program of each on the same files, which print the same lines.
//!
//! **Invariant**: all measure the lists of the same users, one program after the other.

use std::collections::BTreeMap;
use std::fs;
use std::process::Command;

use anyhow::{Result, bail};
use serde::Deserialize;

use super::Arguments;
use super::cases::empty;
use super::machine::bytes;
use crate::process::{Cost, Workspace, answer, measure, parsed, shown, succeed};
use crate::python::EVALUATORS;
use crate::splits::{self, RATIO};

/// The columns that are shown of each evaluator.
const SHOWN: [&str; 4] = ["recall@10", "ndcg@10", "mrr@10", "hit@10"];

/// What each program prints for an evaluator.
#[derive(Deserialize)]
struct OfEvaluator {
    evaluator: String,
    n_users: usize,
    n_items: usize,
    /// Of the fastest evaluation.
    seconds: f64,
    median: f64,
    /// Of the first one in the process.
    first: f64,
    /// How many metrics have a value; others say those that they measure.
    n_metrics: Option<usize>,
    values: BTreeMap<String, f64>,
}

pub(super) fn run(workspace: &Workspace, arguments: &Arguments) -> Result<String> {
    let (ratings, split) = splits::files(workspace, RATIO)?;
    let folder = workspace.target().join("bench/ruler");
    let inputs = |script: &str| -> Result<Command> {
        let mut command = EVALUATORS.command(workspace)?;
        command.arg(format!("xtask/src/bench/peers/{script}"));
        Ok(command)
    };
    succeed(inputs("ruler_inputs.py")?.args([&ratings, &split, &folder]))?;
    let mut ours = workspace.cargo(&["run", "--quiet", "--package", "reco-eval", "--example", "ruler"]);
    if arguments.release {
        ours.arg("--release");
    }
    ours.arg("--").arg(&folder);
    let mut theirs = inputs("ruler_numpy.py")?;
    theirs.arg(&folder);
    let lines = [answer(&mut ours)?, answer(&mut theirs)?].concat();
    let target = format!("{}/", workspace.target().display());
    let commands = [ours, theirs].map(|command| format!("`{}`", shown(&command).replace(&target, "target/")));
    section(&commands.join(" and "), &evaluators(&lines)?)
}

/// The whole job at the size of MovieLens 20M, scoring included, optimised; and a half of it each way, to see how the cost grows.
pub(super) fn large(workspace: &Workspace, arguments: &Arguments) -> Result<String> {
    let folder = empty(workspace, "full-ranking")?;
    let program = workspace.build_example("reco-eval", "full_ranking", true)?;
    let mut text = "`cargo run --release -p reco-eval --example full_ranking -- USERS ITEMS FACTORS`: generated embeddings and test rows, \
                    every metric. `score` is the time of dot products alone, `evaluate` that of scoring, masking, ranking and measuring.\n\n\
                    | evaluator | users | items | factors | test rows | score s | evaluate s | whole process s | peak memory |\n\
                    | --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: |\n"
        .to_owned();
    for (users, items) in [(138_000, 27_000), (69_000, 27_000), (138_000, 13_500)] {
        let mut command = workspace.command(&program);
        let file = folder.join(format!("{users}-{items}.json"));
        command.args([users, items, 64].map(|n: u32| n.to_string())).arg(&file);
        let cost = measure(&mut command)?;
        let one: Large = parsed(&fs::read_to_string(&file)?)?;
        text += &large_row("reco, all metrics", users, items, &one, &cost);
    }
    if arguments.peers {
        // The same in NumPy, the largest one: beside ours in one run.
        let (users, items) = (138_000, 27_000);
        let mut command = EVALUATORS.command(workspace)?;
        let file = folder.join("numpy.json");
        command.arg("xtask/src/bench/peers/full_ranking_numpy.py");
        command.args([users, items, 64].map(|n: u32| n.to_string())).arg(&file);
        let cost = measure(&mut command)?;
        let one: Large = parsed(&fs::read_to_string(&file)?)?;
        text += &large_row("NumPy, six metrics of lists of ten", users, items, &one, &cost);
    }
    Ok(text)
}

fn large_row(evaluator: &str, users: u32, items: u32, one: &Large, cost: &Cost) -> String {
    format!(
        "| {evaluator} | {users} | {items} | 64 | {} | {:.1} | {:.1} | {:.1} | {} |\n",
        one.n_test,
        one.score,
        one.evaluate,
        cost.wall.as_secs_f64(),
        cost.peak.map_or_else(|| "–".to_owned(), bytes),
    )
}

/// What the program of the large ranking prints.
#[derive(Deserialize)]
struct Large {
    n_test: usize,
    score: f64,
    evaluate: f64,
}

fn evaluators(lines: &str) -> Result<Vec<OfEvaluator>> {
    lines.lines().map(parsed).collect()
}

fn section(commands: &str, evaluators: &[OfEvaluator]) -> Result<String> {
    let Some(OfEvaluator { n_users, n_items, .. }) = evaluators.first() else { bail!("the programs answered nothing") };
    let mut text = format!(
        "{commands}, with {}: popularity on MovieLens 100K, the split of {RATIO}, {n_users} users and {n_items} items; every test \
         row is relevant. Milliseconds of masking, ranking and measuring, scores being ready: reco on all cores, NumPy on one. \
         `first` is the first evaluation of the process. Values differ where a program takes any of the items that tie.\n\n\
         | evaluator | metrics | fastest | median | first | {} |\n| --- | ---: | ---: | ---: | ---: |{}\n",
        EVALUATORS.packages.join(", "),
        SHOWN.join(" | "),
        " ---: |".repeat(SHOWN.len()),
    );
    for one in evaluators {
        let milliseconds = [one.seconds, one.median, one.first].map(|seconds| format!("{:.1}", seconds * 1e3));
        let values =
            SHOWN.map(|name| one.values.get(name).map_or_else(|| "–".to_owned(), |value| format!("{value:.4}")));
        let n_metrics = one.n_metrics.unwrap_or(one.values.len());
        text +=
            &format!("| {} | {n_metrics} | {} | {} |\n", one.evaluator, milliseconds.join(" | "), values.join(" | "));
    }
    Ok(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_become_a_table_and_nothing_is_no_measurement() {
        let line = r#"{"evaluator":"ranx","n_users":943,"n_items":1682,"seconds":0.0601,"median":0.0625,"first":14.1,"values":{"recall@10":0.12752,"ndcg@10":0.16,"hit@10":1}}"#;
        let text = section("`a` and `b`", &evaluators(line).unwrap()).unwrap();
        assert!(text.ends_with("| ranx | 3 | 60.1 | 62.5 | 14100.0 | 0.1275 | 0.1600 | – | 1.0000 |\n"), "{text}");
        assert!(text.contains("943 users and 1682 items"), "{text}");
        assert_eq!(section("", &[]).err().unwrap().to_string(), "the programs answered nothing");
        assert_eq!(evaluators("no").err().unwrap().to_string(), "the program answered `no`");
    }
}
