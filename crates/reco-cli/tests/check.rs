//! Tests that `reco check` finds every planted leak, and none in an honest run.
//!
//! **Invariant**: a check leaves every file as it was.

#![expect(clippy::unwrap_used, reason = "in tests a failure is a panic, in their helpers too")]

mod common;

use std::fs;
use std::path::Path;

use common::{SHORT, files, finished, reco, run};
use reco_run::{CHECKS, MANIFEST, digests};
use serde_json::{Value, json};

/// Checks the fixture's experiment, as [`common::run`] ran it into `out`, with `more` arguments.
fn check(out: &Path, more: &[&str]) -> common::Done {
    let fixed = ["check", "data/experiments/fixture.toml", "--out"].map(str::to_owned);
    let short = SHORT.iter().chain(more).map(|&argument| argument.to_owned());
    reco(fixed.into_iter().chain([out.display().to_string()]).chain(short))
}

/// Name and severity of each finding.
fn findings(checked: &Value) -> Vec<(&str, &str)> {
    let of = checked["findings"].as_array().unwrap();
    of.iter().map(|one| (one["check"].as_str().unwrap(), one["severity"].as_str().unwrap())).collect()
}

fn change(path: &Path, change: impl FnOnce(&mut Value)) {
    let mut value: Value = serde_json::from_slice(&fs::read(path).unwrap()).unwrap();
    change(&mut value);
    fs::write(path, serde_json::to_string_pretty(&value).unwrap()).unwrap();
}

#[test]
fn the_honest_fixture_has_no_leak_and_every_check_has_looked() {
    let before = files(finished());
    let checked = check(finished(), &["--json"]).ok().json();
    assert_eq!(files(finished()), before);
    let found = findings(&checked);
    assert!(found.iter().all(|(_, severity)| *severity != "leak"), "{found:?}");
    assert!(found.contains(&("future-in-train", "optimistic")), "a random split knows the future: {found:?}");
    assert_eq!(checked["unchecked"], json!([]), "all of it was run");
    let shown = check(finished(), &[]).ok().stdout;
    for entry in CHECKS {
        assert!(shown.contains(entry.name), "{} is not in: {shown}", entry.name);
    }
    assert!(shown.contains("remedy: set `split.kind = \"temporal\"`"), "{shown}");
}

#[test]
fn one_point_in_time_is_not_too_good() {
    let out = tempfile::tempdir().unwrap();
    let temporal = ["--set=split.kind=temporal", "--approach=random,popularity,item-knn"];
    run(out.path(), &temporal).ok();
    let strict = check(out.path(), &[&temporal[..], &["--strict"]].concat());
    assert_eq!(strict.code, Some(0), "{}", strict.stdout);
    assert!(!strict.stdout.contains("optimistic") && strict.stdout.contains("future-in-train"), "{}", strict.stdout);
}

#[test]
fn a_leak_planted_in_the_experiment_is_found_before_anything_is_run() {
    let empty = tempfile::tempdir().unwrap();
    let out = empty.path().join("out");
    let planted = "--set=features.scaling={ kind = \"item-min-max\", to = [0.5, 1.0], fit = \"all\" }";
    let checked = check(&out, &[planted, "--json"]).ok().json();
    assert_eq!(findings(&checked), [("scaling-fit", "leak")]);
    let waiting = checked["unchecked"].as_array().unwrap();
    let of = |name: &str| waiting.iter().find(|one| one["check"] == name).unwrap();
    assert!(
        of("row-twice")["command"].as_str().unwrap().starts_with("reco ingest data/experiments/fixture.toml --set")
    );
    assert!(!out.exists(), "it never writes");

    let strict = check(&out, &[planted, "--strict"]);
    assert_eq!(strict.code, Some(1));
    assert!(
        strict.stdout.starts_with("leak: ") && strict.stdout.contains("not checked: the data set"),
        "{}",
        strict.stdout
    );
    let error = "error: the numbers of `fixture` are too good; leaks: `1`, optimistic findings: `0`\nhint: ";
    assert!(strict.stderr.starts_with(error), "{}", strict.stderr);
}

#[test]
fn a_leak_planted_in_the_data_set_is_found() {
    let out = tempfile::tempdir().unwrap();
    let out = out.path();
    let few = "--approach=random,popularity";
    run(out, &[few]).ok();
    let features = out.join("features");
    let numbers = |checked: &Value| {
        let of = checked["findings"].as_array().unwrap();
        let twice = of.iter().filter(|one| one["check"] == "row-twice");
        twice.map(|one| one["found"].as_str().unwrap().to_owned()).collect::<Vec<_>>()
    };
    assert!(numbers(&check(out, &[few, "--json"]).ok().json()).is_empty());

    // A data set whose test rows are its train rows, with a manifest that vouches for it.
    fs::copy(features.join("train.parquet"), features.join("test.parquet")).unwrap();
    let mut n_train = Value::Null;
    change(&features.join("dataset.json"), |dataset| {
        n_train = dataset["split"]["n_train"].clone();
        dataset["split"]["n_test"] = n_train.clone();
    });
    let damaged = check(out, &[few, "--json"]).ok().json();
    let why = damaged["unchecked"][0]["why"].as_str().unwrap();
    assert!(why.starts_with("the data set cannot be looked at: `") && why.contains("is damaged"), "{why}");
    change(&features.join(MANIFEST), |manifest| manifest["outputs"] = json!(digests(&features).unwrap()));

    let checked = check(out, &[few, "--json"]).ok().json();
    let expected = [
        format!("{n_train} pairs of a user and an item stand in train and in test"),
        format!("{n_train} raw rows stand in train and in test"),
    ];
    assert_eq!(numbers(&checked), expected);
    assert_eq!(findings(&checked)[0], ("row-twice", "leak"));
}

#[test]
fn what_was_made_for_another_experiment_is_not_looked_at() {
    let checked = check(finished(), &["--set=split.test=0.2", "--json"]).ok().json();
    let waiting = checked["unchecked"].as_array().unwrap();
    let why = waiting.iter().find(|one| one["check"] == "future-in-train").unwrap()["why"].as_str().unwrap();
    assert!(
        why.contains("`split.test` was `0.1` and is `0.2`; `reco check` looks at the experiment that is named"),
        "{why}"
    );
    let metrics = check(finished(), &["--set=evaluate.k=[5]", "--json"]).ok().json();
    assert_eq!(metrics["unchecked"].as_array().unwrap().len(), 1, "the data set is as it was");
    assert_eq!(metrics["unchecked"][0]["check"], "easy-task");
}

#[test]
fn of_a_repeated_experiment_the_first_repetition_is_looked_at() {
    let out = tempfile::tempdir().unwrap();
    let seeds = ["--approach=random,popularity,user-mean", "--set=repeat.over=seed", "--set=repeat.values=[1, 2]"];
    run(out.path(), &seeds).ok();
    let shown = check(out.path(), &seeds).ok().stdout;
    assert!(shown.starts_with("data and results are those of the repetition `seed=1`\n"), "{shown}");
    assert!(!shown.contains("not checked") && !shown.contains("leak: "), "{shown}");
}
