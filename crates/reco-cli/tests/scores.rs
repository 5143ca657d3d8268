//! Tests that scores computed elsewhere are measured exactly as the project's own models are.
//!
//! **Invariant**: every test has a folder of its own; the scores are what a trained model answers.

#![expect(clippy::unwrap_used, reason = "in tests a failure is a panic, in their helpers too")]

mod common;

use std::fs;
use std::path::{Path, PathBuf};

use common::{finished, reco, root};
use serde_json::Value;

fn at(path: &Path) -> &str {
    path.to_str().unwrap()
}

/// Ten items for everyone, best first, as a model of the finished run answers them: user, item, rank, score.
fn answers(folder: &Path, approach: &str, more: &[&str]) -> Vec<[String; 4]> {
    let file = folder.join("answers.parquet");
    let models = finished().join("models");
    let fixed = ["recommend", "--all", "--approach", approach, "--models", at(&models), "--out", at(&file)];
    reco(fixed.iter().chain(&["--device", "cpu"]).chain(more)).ok();
    let shown = reco(["show", at(&file), "--rows", "1000000", "--json"]).ok().json();
    let names: Vec<&str> = shown["columns"].as_array().unwrap().iter().map(|name| name.as_str().unwrap()).collect();
    let column = |name: &str| names.iter().position(|known| *known == name).unwrap();
    let columns = ["user_id", "item_id", "rank", "score"].map(column);
    let rows = shown["rows"].as_array().unwrap().iter();
    rows.map(|row| columns.map(|column| row[column].to_string().trim_matches('"').to_owned())).collect()
}

fn write(folder: &Path, name: &str, header: &str, rows: impl Iterator<Item = String>) -> PathBuf {
    let file = folder.join(name);
    fs::write(&file, format!("{header}\n{}\n", rows.collect::<Vec<_>>().join("\n"))).unwrap();
    file
}

fn evaluate(file: &Path, more: &[&str]) -> common::Done {
    let experiment = root().join("data/experiments/fixture.toml");
    let fixed = ["evaluate", "--experiment", at(&experiment), "--scores", at(file), "--out", at(finished())];
    reco(fixed.iter().chain(more))
}

/// The metrics that a list of ten items decides.
const LISTS: [&str; 12] = [
    "precision@10",
    "recall@10",
    "ndcg@10",
    "mrr@10",
    "hit@10",
    "map@10",
    "capped_recall@10",
    "graded_ndcg@10",
    "coverage@10",
    "gini@10",
    "novelty@10",
    "serendipity@10",
];

#[test]
fn whoever_asks_is_never_recommended_what_was_held_out_of_them() {
    let folder = tempfile::tempdir().unwrap();
    let rows = answers(folder.path(), "popularity", &[]);
    let ranks =
        write(folder.path(), "ranks.csv", "item,user,rank", rows.iter().map(|[u, i, r, _]| format!("{i},{u},{r}")));
    let measured = evaluate(&ranks, &["--json"]).ok().json();
    assert_eq!((&measured["metrics"]["hit@10"], &measured["n_masked"]), (&Value::from(0.0), &Value::from(0)));
}

#[test]
fn lists_of_a_model_have_the_metrics_of_the_model() {
    let folder = tempfile::tempdir().unwrap();
    let results: Value = serde_json::from_slice(&fs::read(finished().join("report/results.json")).unwrap()).unwrap();
    for approach in ["popularity", "baseline"] {
        let rows = answers(folder.path(), approach, &["--as-evaluated"]);
        let ranks =
            write(folder.path(), "ranks.csv", "item,user,rank", rows.iter().map(|[u, i, r, _]| format!("{i},{u},{r}")));
        let approaches = results["approaches"].as_array().unwrap();
        let own = &approaches.iter().find(|one| one["name"] == approach).unwrap()["metrics"];
        let values = folder.path().join("ours.users.parquet");
        let theirs = evaluate(&ranks, &["--json", "--per-user", at(&values)]).ok().json();
        for name in LISTS {
            assert!(own[name].is_f64(), "{name}: {own}");
            assert_eq!(theirs["metrics"][name], own[name], "{approach} {name}");
        }
        assert_eq!(theirs["metrics"]["rmse"], Value::Null, "ranks are no stars");
        assert_eq!((&theirs["n_unknown"], &theirs["n_masked"]), (&Value::from(0), &Value::from(0)));
        assert_eq!(theirs["n_scores"], rows.len());
        let interval = &theirs["intervals"]["ndcg@10"];
        assert!(interval[0].as_f64() < theirs["metrics"]["ndcg@10"].as_f64(), "{interval}");

        // Users' values can be compared with those of the run, too.
        let of_run = format!("{}:{approach}", finished().display());
        let compared = reco(["compare", &of_run, at(&values), "--metrics", "ndcg@10", "--json"]).ok().json();
        assert!(compared.to_string().contains("ndcg@10"), "{compared}");
    }
}

#[test]
fn a_table_for_people_says_what_played_no_part() {
    let folder = tempfile::tempdir().unwrap();
    let rows = answers(folder.path(), "popularity", &["--as-evaluated"]);
    let some = rows.iter().filter(|[user, ..]| user != "1").map(|[u, i, _, s]| format!("{u},{i},{s}"));
    let scores = write(folder.path(), "mine.csv", "user,item,score", some.chain(["nobody,1,0.5".to_owned()]));
    let done = evaluate(&scores, &[]).ok();
    assert!(done.stdout.contains("mine") && done.stdout.contains("ndcg@10"), "{}", done.stdout);
    for remark in ["1 pairs of unknown users or items were passed over", "test users have no score"] {
        assert!(done.stderr.contains(remark), "{remark}: {}", done.stderr);
    }
}

#[test]
fn what_cannot_be_measured_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let refuse = |text: &str, more: &[&str], parts: &[&str]| {
        let file = folder.path().join("scores.csv");
        fs::write(&file, text).unwrap();
        evaluate(&file, more).fails(1, parts);
    };
    refuse("user,item\n1,2\n", &[], &["no column `score`", "`user`, `item`"]);
    refuse("user,item,score\n1,2,nan\n", &[], &["item `2` for user `1` is `nan`"]);
    refuse("user,item,rank\n1,2,1\n", &["--stars"], &["it has ranks, which are no stars"]);
    refuse(
        "user,item,score\nx,y,1\n",
        &[],
        &["none of its pairs", "user `x` and item `y`", "ids are those of the ratings file"],
    );
    let missing = folder.path().join("none.csv");
    evaluate(&missing, &[]).fails(1, &["none.csv"]);
    evaluate(&missing, &["--repetition", "seed=1"]).fails(1, &["not repeated", "no repetition `seed=1`"]);
    refuse("user,item,score\n1,1,4\n", &["--stars"], &["rated test rows have no prediction", "leave out `--stars`"]);
    refuse(
        "user,item,score\n1,1,4\n",
        &["--per-user", "no/such/folder/x.parquet"],
        &["there is no folder `no/such/folder`", "hint: "],
    );
    reco(["evaluate", "--stars"]).fails(2, &["--scores"]);
}
