//! Measures how long an evaluation takes, in reco and in Python.
//!
//! Does not know metrics: it runs a program of each on the same files, which print the same lines.
//!
//! **Invariant**: all measure the lists of the same users, in turns; medians are shown.

use std::collections::BTreeMap;
use std::fs;
use std::process::Command;

use anyhow::{Result, bail};
use serde::Deserialize;

use super::cases::empty;
use super::machine::bytes;
use super::turns::spread;
use crate::process::{Cost, Workspace, answer, measure, parsed, shown, succeed};
use crate::python::EVALUATORS;
use crate::splits::{self, RATIO};

/// The columns that are shown of each evaluator.
const SHOWN: [&str; 4] = ["recall@10", "ndcg@10", "mrr@10", "hit@10"];

/// Turns of each.
const TURNS: usize = 3;

/// What each program prints for an evaluator.
#[derive(Deserialize)]
struct OfEvaluator {
    evaluator: String,
    n_users: usize,
    n_items: usize,
    /// Seconds of the median evaluation.
    median: f64,
    /// Seconds of the first evaluation in the process.
    first: f64,
    /// How many metrics have a value; other programs print those that they measure.
    n_metrics: Option<usize>,
    values: BTreeMap<String, f64>,
}

pub(super) fn run(workspace: &Workspace) -> Result<String> {
    let (ratings, split) = splits::files(workspace, RATIO)?;
    let folder = workspace.target().join("bench/ruler");
    let inputs = |script: &str| -> Result<Command> {
        let mut command = EVALUATORS.command(workspace)?;
        command.arg(format!("xtask/src/bench/peers/{script}"));
        Ok(command)
    };
    succeed(inputs("ruler_inputs.py")?.args([&ratings, &split, &folder]))?;
    let mut ours = workspace.cargo(&["run", "--quiet", "--package", "reco-eval", "--example", "ruler", "--"]);
    ours.arg(&folder);
    let mut theirs = inputs("ruler_numpy.py")?;
    theirs.arg(&folder);
    let mut turns = Vec::new();
    for _ in 0..TURNS {
        turns.push(evaluators(&[answer(&mut ours)?, answer(&mut theirs)?].concat())?);
    }
    let target = format!("{}/", workspace.target().display());
    let commands = [ours, theirs].map(|command| format!("`{}`", shown(&command).replace(&target, "target/")));
    section(&commands.join(" and "), &EVALUATORS.all(workspace), &turns)
}

/// The whole evaluation at the size of MovieLens 20M, scoring included, optimised; with half the users, with half the
/// items, to see how the cost grows; and in NumPy.
pub(super) fn large(workspace: &Workspace) -> Result<String> {
    let folder = empty(workspace, "full-ranking")?;
    let program = workspace.build_example("reco-eval", "full_ranking", true)?;
    let ours = "reco, all metrics";
    let work = [
        (ours, 138_000_u32, 27_000_u32),
        ("NumPy, six metrics of lists of ten", 138_000, 27_000),
        (ours, 69_000, 27_000),
        (ours, 138_000, 13_500),
    ];
    let mut turns: Vec<Vec<(Large, Cost)>> = work.iter().map(|_| Vec::new()).collect();
    for _ in 0..TURNS {
        for ((who, users, items), turns) in work.iter().zip(&mut turns) {
            let mut command = if *who == ours {
                workspace.command(&program)
            } else {
                let mut command = EVALUATORS.command(workspace)?;
                command.arg("xtask/src/bench/peers/full_ranking_numpy.py");
                command
            };
            let file = folder.join("turn.json");
            let cost = measure(command.args([*users, *items, 64].map(|n| n.to_string())).arg(&file))?;
            turns.push((parsed(&fs::read_to_string(&file)?)?, cost));
        }
    }
    let mut text = format!(
        "`cargo run --release -p reco-eval --example full_ranking -- USERS ITEMS FACTORS`, and in turns with it \
         `xtask/src/bench/peers/full_ranking_numpy.py` with {}, both on all cores: generated embeddings and test rows. \
         `score` is the time of dot products alone, `evaluate` that of scoring, masking, ranking and measuring; \
         medians of {TURNS} turns.\n\n\
         | evaluator | users | items | factors | test rows | score s | evaluate s | from – to | whole process s | peak \
         memory |\n\
         | --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: |\n",
        EVALUATORS.of(workspace, &["numpy"]),
    );
    for ((who, users, items), turns) in work.iter().zip(&turns) {
        text += &large_row(who, *users, *items, turns);
    }
    Ok(text)
}

fn large_row(evaluator: &str, users: u32, items: u32, turns: &[(Large, Cost)]) -> String {
    let of = |seconds: fn(&(Large, Cost)) -> f64| spread(&turns.iter().map(seconds).collect::<Vec<_>>());
    let [from, evaluate, to] = of(|(one, _)| one.evaluate);
    format!(
        "| {evaluator} | {users} | {items} | 64 | {} | {:.1} | {evaluate:.1} | {from:.1} – {to:.1} | {:.1} | {} |\n",
        turns[0].0.n_test,
        of(|(one, _)| one.score)[1],
        of(|(_, cost)| cost.wall.as_secs_f64())[1],
        turns.iter().filter_map(|(_, cost)| cost.peak).max().map_or_else(|| "–".to_owned(), bytes),
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

fn section(commands: &str, packages: &str, turns: &[Vec<OfEvaluator>]) -> Result<String> {
    let Some(OfEvaluator { n_users, n_items, .. }) = turns.first().and_then(|turn| turn.first()) else {
        bail!("the programs answered nothing")
    };
    let mut text = format!(
        "{commands}, with {packages}: popularity on MovieLens 100K, the split of {RATIO}, {n_users} users and \
         {n_items} items; every test row is relevant. Milliseconds of masking, ranking and measuring, scores being \
         ready: reco on all cores, NumPy on one, ranx on its own choice. Medians of {TURNS} turns, each with the \
         median of 25 evaluations; `first` is the first evaluation of a process. Values differ where a program takes \
         any of the items that tie.\n\n\
         | evaluator | metrics | median | from – to | first | {} |\n| --- | ---: | ---: | ---: | ---: |{}\n",
        SHOWN.join(" | "),
        " ---: |".repeat(SHOWN.len()),
    );
    for (at, one) in turns[0].iter().enumerate() {
        let of = |seconds: fn(&OfEvaluator) -> f64| {
            spread(&turns.iter().filter_map(|turn| turn.get(at)).map(|one| 1e3 * seconds(one)).collect::<Vec<_>>())
        };
        let ([from, middle, to], [_, first, _]) = (of(|one| one.median), of(|one| one.first));
        let values =
            SHOWN.map(|name| one.values.get(name).map_or_else(|| "–".to_owned(), |value| format!("{value:.4}")));
        let n_metrics = one.n_metrics.unwrap_or(one.values.len());
        text += &format!(
            "| {} | {n_metrics} | {middle:.1} | {from:.1} – {to:.1} | {first:.1} | {} |\n",
            one.evaluator,
            values.join(" | ")
        );
    }
    Ok(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_become_a_table_and_nothing_is_no_measurement() {
        let line = r#"{"evaluator":"ranx","n_users":943,"n_items":1682,"seconds":0.0601,"median":0.0625,"first":14.1,"values":{"recall@10":0.12752,"ndcg@10":0.16,"hit@10":1}}"#;
        let slower = line.replace("0.0625", "0.0825");
        let turns = [line, &slower, &slower].map(|line| evaluators(line).unwrap());
        let text = section("`a` and `b`", "ranx==1", &turns).unwrap();
        let last = "| ranx | 3 | 82.5 | 62.5 – 82.5 | 14100.0 | 0.1275 | 0.1600 | – | 1.0000 |\n";
        assert!(text.ends_with(last), "{text}");
        assert!(text.contains("943 users and 1682 items"), "{text}");
        assert_eq!(section("", "", &[]).err().unwrap().to_string(), "the programs answered nothing");
        assert_eq!(evaluators("no").err().unwrap().to_string(), "the program answered `no`");
    }
}
